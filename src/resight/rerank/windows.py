"""Spatial re-ranking by windows: the best part of each image.

Mohedano, McGuinness, O'Connor, Salvador, Marques & Giro-i-Nieto, "Bags of local convolutional features for scalable
instance search", ICMR 2016, section 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from resight.arrays import Array, Float32, Int64, Mask
from resight.images import Box
from resight.rerank.backprojection import bounds
from resight.rerank.head import reordered
from resight.rerank.window_kinds import Windows
from resight.rerank.window_scores import (
    CELLS,
    PARTS,
    WINDOWS,
    CountedWords,
    counted_words,
    window_scores,
    with_moved_sides,
)
from resight.search.looks import BagCollection
from resight.search.ranking import Ranking
from resight.words.evidence import ImageWords


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
            vector = self._collection.word_vector(words)
            counted = counted_words(parts.words, parts.vectors, words, vector, self.params.damping)
            own = window_scores(counted, chosen)
            best = int(own.argmax())
            scores[row] = own[best]
            if own[best] > 0:
                unit = np.array([*words.size, *words.size]) / CELLS
                x0, y0, x1, y1 = (self._placed(counted, WINDOWS[best], parts.box, words.size) * unit).tolist()
                boxes[image] = (x0, y0, x1, y1)
        return replace(reordered(ranking, scores), boxes=boxes)

    def _placed(self, counted: CountedWords, window: Int64, query: Box, size: tuple[int, int]) -> Int64:
        """Returns where an image of `size` (width, height) shows the box of a query: its best window, or near it."""
        width, height = query[2] - query[0], query[3] - query[1]
        if not self.params.moves or min(width, height, *size) <= 0:
            return window
        return with_moved_sides(counted, window, width * size[1] / (height * size[0]), self.params.least_ratio)


def _taken(words: ImageWords, kept: Mask) -> ImageWords:
    return replace(
        words,
        words=words.words[kept],
        features=words.features[kept],
        weights=None if words.weights is None else words.weights[kept],
        signatures=None,
        aggregated=None,
    )
