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
from resight.words.evidence import ImageWords
from resight.words.postings import run_starts

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


def window_scores(query: QueryParts, image: ImageWords, factors: Float32, chosen: Mask) -> Float32:
    """Returns (121,) scores of the windows of an image, 0 for those that are not `chosen`.

    factors: (u,) by which counts of the image's distinct words, in ascending order, are multiplied. A score is the mean
    of the cosines of a window and of its quarters with those of the query, weighted by `LEVEL_WEIGHTS`.
    """
    starts = run_starts(image.words)
    distinct = image.words[starts]
    vectors = np.zeros((PARTS, len(distinct)), np.float32)
    at = np.searchsorted(distinct, query.words)
    known = at < len(distinct)
    known[known] = distinct[at[known]] == query.words[known]
    vectors[:, at[known]] = query.vectors[:, known]
    each = np.empty(0, np.float32) if image.weights is None else image.weights
    bounds_of_words = np.append(starts, len(image))
    scale_x, scale_y = (CELLS / max(side, 1) for side in image.size)
    return score_windows(
        image.xy, image.features, bounds_of_words, each, factors, scale_x, scale_y, vectors, WINDOWS, chosen
    )


@kernel(fastmath=("reassoc", "contract", "nsz", "arcp"))
def score_windows(
    xy: Array,
    features: Array,
    runs: Array,
    weights: Array,
    factors: Array,
    scale_x: float,
    scale_y: float,
    vectors: Array,
    boxes: Array,
    chosen: Array,
) -> Array:
    """Returns (r,) weighted means of cosines of windows and their quarters with the parts of a query.

    xy: (n, 2) places of features; features: (m,) that of each word, words in ascending order; runs: (u + 1,) where each
    word begins; weights: (m,) or empty where each is 1; factors: (u,) by distinct word; scale_x, scale_y: cells
    a pixel; vectors: (5, u) of the query.
    """
    count = vectors.shape[1]
    integral = np.zeros((CELLS + 1, CELLS + 1, count), np.float32)
    for word in range(count):
        for i in range(runs[word], runs[word + 1]):
            x = min(max(int(xy[features[i], 0] * scale_x), 0), CELLS - 1)
            y = min(max(int(xy[features[i], 1] * scale_y), 0), CELLS - 1)
            integral[y + 1, x + 1, word] += factors[word] * (weights[i] if len(weights) else np.float32(1.0))
    for y in range(1, CELLS + 1):
        for x in range(1, CELLS + 1):
            for word in range(count):
                integral[y, x, word] += (
                    integral[y - 1, x, word] + integral[y, x - 1, word] - integral[y - 1, x - 1, word]
                )
    scores = np.zeros(len(boxes), np.float32)
    for window in range(len(boxes)):
        if not chosen[window]:
            continue
        left, upper, right, lower = boxes[window]
        middle_x, middle_y = (left + right) // 2, (upper + lower) // 2
        for part in range(PARTS):
            x0, y0, x1, y1 = left, upper, right, lower
            if part > 0:
                x0, x1 = (left, middle_x) if part % 2 == 1 else (middle_x, right)
                y0, y1 = (upper, middle_y) if part < 3 else (middle_y, lower)
            product, norm = np.float32(0.0), np.float32(0.0)
            for word in range(count):
                value = (
                    integral[y1, x1, word] - integral[y0, x1, word] - integral[y1, x0, word] + integral[y0, x0, word]
                )
                product += value * vectors[part, word]
                norm += value * value
            if norm > 0:
                scores[window] += LEVEL_WEIGHTS[part] * product / np.sqrt(norm)
        scores[window] /= LEVEL_WEIGHTS.sum()
    return scores


class WindowLook:
    """Ranks the first `top` images by the score of their best window, which is where the query was found.

    Notes: a word's weight in a window is its count there times what the whole image's count is weighed by, which is the
    paper's for plain term frequencies. An image without a window of the query's shape has score 0.
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
            own = window_scores(parts, words, self._factors(words), chosen)
            best = int(own.argmax())
            scores[row] = own[best]
            if own[best] > 0:
                unit = np.array([*words.size, *words.size]) / CELLS
                x0, y0, x1, y1 = (WINDOWS[best] * unit).tolist()
                boxes[image] = (x0, y0, x1, y1)
        return replace(reordered(ranking, scores), boxes=boxes)

    def _factors(self, words: ImageWords) -> Float32:
        """Returns (u,) the weight of a count of 1 of each distinct word of an image."""
        vector = self._collection.word_vector(words)
        starts = run_starts(words.words)
        if words.weights is None:
            counts = np.diff(starts, append=len(words)).astype(np.float64)
        else:
            counts = np.add.reduceat(words.weights.astype(np.float64), starts)
        return np.divide(vector.values, counts, out=np.zeros(len(counts)), where=counts > 0).astype(np.float32)


def _taken(words: ImageWords, kept: Mask) -> ImageWords:
    return replace(
        words,
        words=words.words[kept],
        features=words.features[kept],
        weights=None if words.weights is None else words.weights[kept],
        signatures=None,
        aggregated=None,
    )
