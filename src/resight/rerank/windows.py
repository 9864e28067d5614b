"""Spatial re-ranking by windows: the best part of each image, by integral histograms of its words.

Mohedano, McGuinness, O'Connor, Salvador, Marques & Giro-i-Nieto, "Bags of local convolutional features for scalable
instance search", ICMR 2016, section 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from resight.arrays import Array, Float32, GridBoxes, Int64, Mask
from resight.images import Box
from resight.kernels.compiling import kernel
from resight.rerank.backprojection import bounds
from resight.rerank.head import reordered
from resight.rerank.window_kinds import Windows
from resight.search.looks import BagCollection
from resight.search.ranking import Ranking
from resight.words.evidence import ImageWords, WordVector

CELLS: Final = 8
"""Cells along a side of an image: windows of a quarter of it end at eighths, and so do their quarters."""
SIDES: Final = (8, 4, 2)
"""Sides of windows in cells: H, H/2, H/4. Neighbours overlap by half."""
PARTS: Final = 5
"""A window and its four quarters, row by row."""
LEVEL_WEIGHTS: Final = np.array([0.5, 1.0, 1.0, 1.0, 1.0], np.float32)
"""Of the parts: 1/2^(L - l) at level l of L, by the level alone."""


def windows() -> GridBoxes:
    """Returns all windows of an image, (121, 4) x0, y0, x1, y1 in cells, the largest first."""
    spans = [(start, start + side) for side in SIDES for start in range(0, CELLS - side + 1, max(side // 2, 1))]
    found = [(x0, y0, x1, y1) for y0, y1 in spans for x0, x1 in spans]
    return np.array(sorted(found, key=lambda box: -(box[2] - box[0]) * (box[3] - box[1])), np.int64)


WINDOWS: Final = windows()


def similar_shapes(size: tuple[int, int], query: Box, least_ratio: float) -> Mask:
    """Returns (121,) which windows of an image of `size` (width, height) have about the aspect ratio of a query's box.

    The smaller of the two ratios is at least `least_ratio` of the larger. All where the box or the image has no area.
    """
    width, height = query[2] - query[0], query[3] - query[1]
    if min(width, height, *size) <= 0:
        return np.ones(len(WINDOWS), np.bool_)
    ratios = (WINDOWS[:, 2] - WINDOWS[:, 0]) * size[0] / ((WINDOWS[:, 3] - WINDOWS[:, 1]) * size[1])
    asked = width / height
    return np.asarray(np.minimum(ratios, asked) / np.maximum(ratios, asked) >= least_ratio)


def cells_of(xy: Float32, box: Box, count: int) -> Int64:
    """Returns (m, 2) column and row of places, of `count` by `count` cells of a box.

    A place outside is in the nearest cell.
    """
    scale = np.array([count / max(box[2] - box[0], 1e-9), count / max(box[3] - box[1], 1e-9)])
    cells = ((xy - np.array(box[:2])) * scale).astype(np.int64)
    return np.asarray(np.minimum(np.maximum(cells, 0), count - 1), np.int64)


def within(words: ImageWords, box: Box) -> ImageWords:
    """Returns the words whose features lie in a box, in pixels of the original, half-open."""
    x0, y0, x1, y1 = box
    x, y = words.xy[words.features].T
    kept = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    return _taken(words, kept)


def region(query: ImageWords) -> Box:
    """Returns the box that a query asks for; where it has none, the bounds of its words."""
    return query.box if query.box is not None else bounds(query)


def asked_words(query: ImageWords) -> ImageWords:
    """Returns the words of a query in the box that it asks for."""
    return query if query.box is None else within(query, query.box)


@dataclass(frozen=True)
class QueryParts:
    """A query as windows are compared with it.

    words: (u,) ascending; vectors: (5, u) L2-normalised, of it and its quarters; box: its region.
    """

    words: Array
    vectors: Float32
    box: Box


def query_parts(query: ImageWords, collection: BagCollection) -> QueryParts | None:
    """Returns the parts of a query, of the words inside its box; None where it has no words there."""
    inside = asked_words(query)
    if not len(inside):
        return None
    box = region(query)
    column, row = cells_of(inside.xy[inside.features], box, 2).T
    parts = [inside, *(_taken(inside, (row == part // 2) & (column == part % 2)) for part in range(4))]
    found = [collection.word_vector(part) for part in parts]
    words = found[0].words
    vectors = np.zeros((PARTS, len(words)), np.float32)
    for part, vector in enumerate(found):
        norm = np.linalg.norm(vector.values)
        if norm > 0:
            vectors[part, np.searchsorted(words, vector.words)] = vector.values / norm
    return QueryParts(words, vectors, box)


def parts_of(boxes: GridBoxes) -> tuple[GridBoxes, Int64]:
    """Returns the distinct boxes (b, 4) that windows (r, 4) and their quarters are, and (r, 5) which of them."""
    x0, y0, x1, y1 = boxes.T
    x, y = (x0 + x1) // 2, (y0 + y1) // 2
    parts = [(x0, y0, x1, y1), (x0, y0, x, y), (x, y0, x1, y), (x0, y, x, y1), (x, y, x1, y1)]
    each = np.stack([np.stack(part, axis=1) for part in parts], axis=1)
    distinct, where = np.unique(each.reshape(-1, 4), axis=0, return_inverse=True)
    return distinct, where.reshape(len(boxes), PARTS)


PART_BOXES, PARTS_OF_WINDOWS = parts_of(WINDOWS)


def window_scores(
    query: QueryParts, image: ImageWords, vector: WordVector, chosen: Mask, damping: float = 0.0
) -> Float32:
    """Returns (121,) scores of the windows of an image, 0 for those that are not `chosen`.

    vector: by which the first look compares the image: a word in a window counts by its part of the image's. A score is
    the mean of the cosines of a window and of its quarters with those of the query, weighted by `LEVEL_WEIGHTS`.
    damping: what is added to the squared norm of each, as a part of the image's.
    """
    each = np.empty(0, np.float32) if image.weights is None else image.weights
    scale_x, scale_y = (CELLS / max(side, 1) for side in image.size)
    return score_windows(
        image.words,
        image.features,
        image.xy,
        each,
        vector.values,
        scale_x,
        scale_y,
        query.words,
        query.vectors,
        chosen,
        PART_BOXES,
        PARTS_OF_WINDOWS,
        damping,
    )


@kernel(fastmath=("reassoc", "contract", "nsz", "arcp"))
def score_windows(
    words: Array,
    features: Array,
    xy: Array,
    weights: Array,
    values: Array,
    scale_x: float,
    scale_y: float,
    asked: Array,
    vectors: Array,
    chosen: Array,
    boxes: Array,
    parts: Array,
    damping: float,
) -> Array:
    """Returns (r,) weighted means of cosines of windows and their quarters with the parts of a query.

    words: (m,) ascending; features: (m,) of each word; xy: (n, 2) places of features; weights: (m,) or empty where each
    is 1; values: (u,) of distinct words in the image; scale_x, scale_y: cells a pixel; asked: (q,) ascending words of
    the query, vectors: (5, q); chosen: (r,); boxes: (b, 4) in cells, parts: (r, 5) which of them; damping: see
    `window_scores`.
    """
    count = len(values)
    integral = np.zeros((CELLS + 1, CELLS + 1, count), np.float32)
    shared, columns = np.empty(len(asked), np.int64), np.empty(len(asked), np.int64)
    found = at = i = 0
    for word in range(count):
        start, total = i, np.float32(0.0)
        while i < len(words) and words[i] == words[start]:
            total += weights[i] if len(weights) else np.float32(1.0)
            i += 1
        factor = np.float32(values[word]) / total if total > 0 else np.float32(0.0)
        for place in range(start, i):
            x = min(max(int(xy[features[place], 0] * scale_x), 0), CELLS - 1)
            y = min(max(int(xy[features[place], 1] * scale_y), 0), CELLS - 1)
            integral[y + 1, x + 1, word] += factor * (weights[place] if len(weights) else np.float32(1.0))
        while at < len(asked) and asked[at] < words[start]:
            at += 1
        if at < len(asked) and asked[at] == words[start]:
            shared[found], columns[found] = word, at
            found += 1
    for y in range(1, CELLS + 1):
        for x in range(1, CELLS + 1):
            for word in range(count):
                integral[y, x, word] += (
                    integral[y - 1, x, word] + integral[y, x - 1, word] - integral[y - 1, x - 1, word]
                )
    # The few words that the query has, one after the other in memory.
    met = np.empty((CELLS + 1, CELLS + 1, found), np.float32)
    for y in range(CELLS + 1):
        for x in range(CELLS + 1):
            for j in range(found):
                met[y, x, j] = integral[y, x, shared[j]]
    of_query = np.empty((PARTS, found), np.float32)
    for part in range(PARTS):
        for j in range(found):
            of_query[part, j] = vectors[part, columns[j]]
    squared = np.float32(0.0)
    for word in range(count):
        squared += integral[CELLS, CELLS, word] ** 2
    scores, norms = np.zeros(len(parts), np.float32), np.full(len(boxes), np.float32(-1.0))
    for window in range(len(parts)):
        if not chosen[window]:
            continue
        for part in range(PARTS):
            box = parts[window, part]
            x0, y0, x1, y1 = boxes[box]
            if norms[box] < 0:
                norm = np.float32(0.0)
                for word in range(count):
                    norm += (
                        integral[y1, x1, word] - integral[y0, x1, word] - integral[y1, x0, word] + integral[y0, x0, word]
                    ) ** 2
                norms[box] = np.sqrt(norm + np.float32(damping) * squared)
            if norms[box] > 0:
                product = np.float32(0.0)
                for j in range(found):
                    product += of_query[part, j] * (met[y1, x1, j] - met[y0, x1, j] - met[y1, x0, j] + met[y0, x0, j])
                scores[window] += LEVEL_WEIGHTS[part] * product / norms[box]
        scores[window] /= LEVEL_WEIGHTS.sum()
    return scores


class WindowLook:
    """Ranks the first `top` images by the score of their best window, which is where the query was found.

    Notes: a word's weight in a window is its count there times what the whole image's count is weighed by, which is the
    paper's for plain term frequencies. An image without a window of the query's shape has score 0. The paper does not
    damp: with few words in a window, cosines are large by chance, and the largest of 121 is one of a small window.
    """

    def __init__(self, params: Windows, collection: BagCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: ImageWords, ranking: Ranking) -> Ranking:
        """Returns the ranking with another head; `boxes` has the best window of each."""
        parts = query_parts(query, self._collection)
        top = ranking.ids[: self.params.top].tolist()
        if parts is None or not top:
            return ranking
        scores = np.zeros(len(top), np.float32)
        boxes = dict(ranking.boxes)
        large = (WINDOWS[:, 2:] - WINDOWS[:, :2]).min(axis=1) >= self.params.least_side * CELLS
        for row, image in enumerate(top):
            words = self._collection.words(image)
            if not len(words):
                continue
            chosen = large & similar_shapes(words.size, parts.box, self.params.least_ratio)
            own = window_scores(parts, words, self._collection.word_vector(words), chosen, self.params.damping)
            best = int(own.argmax())
            scores[row] = own[best]
            if own[best] > 0:
                unit = np.array([*words.size, *words.size]) / CELLS
                x0, y0, x1, y1 = (WINDOWS[best] * unit).tolist()
                boxes[image] = (x0, y0, x1, y1)
        return replace(reordered(ranking, scores), boxes=boxes)


def _taken(words: ImageWords, kept: Mask) -> ImageWords:
    return replace(
        words,
        words=words.words[kept],
        features=words.features[kept],
        weights=None if words.weights is None else words.weights[kept],
        signatures=None,
        aggregated=None,
    )
