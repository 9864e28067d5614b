"""Scores of windows of an image, by integral histograms of its words: the windows, and the kernels that score them.

Mohedano, McGuinness, O'Connor, Salvador, Marques & Giro-i-Nieto, "Bags of local convolutional features for scalable
instance search", ICMR 2016, section 5.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from resight.arrays import Array, Float32, GridBoxes, Int64, Mask
from resight.kernels.compiling import kernel
from resight.words.evidence import ImageWords, WordVector

CELLS: Final = 8
"""Cells along a side of an image: windows of a quarter of it end at eighths, and so do their quarters."""
SIDES: Final = (8, 4, 2)
"""Sides of windows in cells: H, H/2, H/4. Neighbours overlap by half."""
PARTS: Final = 5
"""A window and its four quarters, row by row."""
LEVEL_WEIGHTS: Final = np.array([0.5, 1.0, 1.0, 1.0, 1.0], np.float32)
"""Of the parts: 1/2^(L - l) at level l of L, by the level alone."""
SUM_BITS: Final = 22
"""Bits of the sum of a word over an image: twice as much has fewer than the 24 that a float32 holds exactly."""


def windows() -> GridBoxes:
    """Returns all windows of an image, (121, 4) x0, y0, x1, y1 in cells, the largest first."""
    spans = [(start, start + side) for side in SIDES for start in range(0, CELLS - side + 1, max(side // 2, 1))]
    found = [(x0, y0, x1, y1) for y0, y1 in spans for x0, x1 in spans]
    return np.array(sorted(found, key=lambda box: -(box[2] - box[0]) * (box[3] - box[1])), np.int64)


WINDOWS: Final = windows()


def parts_of(boxes: GridBoxes) -> tuple[GridBoxes, Int64]:
    """Returns the distinct boxes (b, 4) that windows (r, 4) and their quarters are, and (r, 5) which of them."""
    x0, y0, x1, y1 = boxes.T
    x, y = (x0 + x1) // 2, (y0 + y1) // 2
    parts = [(x0, y0, x1, y1), (x0, y0, x, y), (x, y0, x1, y), (x0, y, x, y1), (x, y, x1, y1)]
    each = np.stack([np.stack(part, axis=1) for part in parts], axis=1)
    distinct, where = np.unique(each.reshape(-1, 4), axis=0, return_inverse=True)
    return distinct, where.reshape(len(boxes), PARTS)


PART_BOXES, PARTS_OF_WINDOWS = parts_of(WINDOWS)


@dataclass(frozen=True)
class CountedWords:
    """An image as its windows are compared with a query.

    integral: (9, 9, u) float32 sums of the image's words left of and above each corner of the cells; met: (9, 9, q) of
    those that the query has; asked: (5, q) the parts of the query. least: what is added to squared norms.
    """

    integral: Float32
    met: Float32
    asked: Float32
    least: float


def counted_words(
    asked: Array, parts: Float32, image: ImageWords, vector: WordVector, damping: float = 0.0
) -> CountedWords:
    """Returns the words of an image, counted by cells.

    asked: (w,) ascending words of the query; parts: (5, w) the L2-normalised vectors of it and its quarters.
    vector: by which the first look compares the image: a word in a window counts by its part of the image's. damping:
    what is added to the squared norm of windows and quarters, as a part of the image's.
    """
    each = np.empty(0, np.float32) if image.weights is None else image.weights
    scale_x, scale_y = (CELLS / max(side, 1) for side in image.size)
    places = (image.words, image.features, image.xy, each, vector.values, scale_x, scale_y)
    integral, met, of_query = count_by_cells(*places, asked, parts)
    whole = integral[CELLS, CELLS]
    return CountedWords(integral, met, of_query, damping * float(whole @ whole))


def window_scores(counted: CountedWords, chosen: Mask) -> Float32:
    """Returns (121,) scores of the windows of an image, 0 for those that are not `chosen`.

    A score is the mean of the cosines of a window and of its quarters with those of the query, weighted by
    `LEVEL_WEIGHTS`.
    """
    c = counted
    return score_windows(c.integral, c.met, c.asked, c.least, chosen, PART_BOXES, PARTS_OF_WINDOWS)


def with_moved_sides(counted: CountedWords, window: Int64, shape: float, least_ratio: float) -> Int64:
    """Returns a window (4,) in cells whose sides were moved by cells as long as its score grew.

    shape: aspect ratio of the query's box over that of the image; that of the window, in cells, stays such that the
    smaller is at least `least_ratio` of the larger. A window whose shape is not so is left.
    """
    c = counted
    return np.asarray(move_sides(c.integral, c.met, c.asked, c.least, window, shape, least_ratio), np.int64)


@kernel(fastmath=("reassoc", "contract", "nsz", "arcp"))
def count_by_cells(
    words: Array,
    features: Array,
    xy: Array,
    weights: Array,
    values: Array,
    scale_x: float,
    scale_y: float,
    asked: Array,
    vectors: Array,
) -> tuple[Array, Array, Array]:
    """Returns the arrays of `CountedWords`.

    words: (m,) ascending; features: (m,) of each word; xy: (n, 2) places of features; weights: (m,) or empty where each
    is 1; values: (u,) of distinct words in the image; scale_x, scale_y: cells a pixel; asked: (q,) ascending words of
    the query, vectors: (5, q).

    Notes: what a position counts is rounded, so that no sum is: a box without a word has exactly none of it, where the
    cosine of what rounding leaves would be any.
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
        step = np.float32(math.ldexp(1.0, math.frexp(values[word])[1] - SUM_BITS))
        for place in range(start, i):
            x = min(max(int(xy[features[place], 0] * scale_x), 0), CELLS - 1)
            y = min(max(int(xy[features[place], 1] * scale_y), 0), CELLS - 1)
            own = factor * (weights[place] if len(weights) else np.float32(1.0))
            integral[y + 1, x + 1, word] += np.float32(np.rint(own / step)) * step
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
    return integral, met, of_query


@kernel(fastmath=("reassoc", "contract", "nsz", "arcp"))
def norm_of(integral: Array, least: float, x0: int, y0: int, x1: int, y1: int) -> float:
    """Returns the damped norm of the words in a box, in cells."""
    norm = np.float32(least)
    for word in range(integral.shape[2]):
        value = integral[y1, x1, word] - integral[y0, x1, word] - integral[y1, x0, word] + integral[y0, x0, word]
        norm += value * value
    return float(np.sqrt(norm))


@kernel(fastmath=("reassoc", "contract", "nsz", "arcp"))
def product_with(met: Array, asked: Array, x0: int, y0: int, x1: int, y1: int) -> float:
    """Returns the inner product of the words in a box, in cells, with a part of the query (q,)."""
    product = np.float32(0.0)
    for j in range(len(asked)):
        product += asked[j] * (met[y1, x1, j] - met[y0, x1, j] - met[y1, x0, j] + met[y0, x0, j])
    return float(product)


@kernel()
def score_windows(
    integral: Array, met: Array, asked: Array, least: float, chosen: Array, boxes: Array, parts: Array
) -> Array:
    """Returns (r,) the scores of windows, see `window_scores`.

    integral, met, asked, least: see `CountedWords`; chosen: (r,); boxes: (b, 4) in cells, parts: (r, 5) which of them.
    """
    scores, norms = np.zeros(len(parts), np.float32), np.full(len(boxes), np.float32(-1.0))
    for window in range(len(parts)):
        if not chosen[window]:
            continue
        for part in range(PARTS):
            box = parts[window, part]
            x0, y0, x1, y1 = boxes[box]
            if norms[box] < 0:
                norms[box] = norm_of(integral, least, x0, y0, x1, y1)
            if norms[box] > 0:
                product = product_with(met, asked[part], x0, y0, x1, y1)
                scores[window] += LEVEL_WEIGHTS[part] * product / norms[box]
        scores[window] /= LEVEL_WEIGHTS.sum()
    return scores


@kernel()
def score_box(integral: Array, met: Array, asked: Array, least: float, x0: int, y0: int, x1: int, y1: int) -> float:
    """Returns the score of one box, in cells, of at least two cells a side; its quarters meet in its middle cell."""
    x, y = (x0 + x1) // 2, (y0 + y1) // 2
    score = 0.0
    for part in range(PARTS):
        left, upper, right, lower = x0, y0, x1, y1
        if part > 0:
            left, right = (x0, x) if part % 2 == 1 else (x, x1)
            upper, lower = (y0, y) if part < 3 else (y, y1)
        norm = norm_of(integral, least, left, upper, right, lower)
        if norm > 0:
            score += LEVEL_WEIGHTS[part] * product_with(met, asked[part], left, upper, right, lower) / norm
    return float(score / LEVEL_WEIGHTS.sum())


@kernel()
def move_sides(
    integral: Array, met: Array, asked: Array, least: float, box: Array, shape: float, least_ratio: float
) -> Array:
    """Returns a box (4,) in cells, see `with_moved_sides`; of several moves the one that gains most is made."""
    best = box.copy()
    score = score_box(integral, met, asked, least, best[0], best[1], best[2], best[3])
    grew = True
    while grew:
        grew = False
        start = best.copy()
        for side in range(4):
            for step in (-1, 1):
                tried = start.copy()
                tried[side] += step
                width, height = tried[2] - tried[0], tried[3] - tried[1]
                if not 0 <= tried[side] <= CELLS or width < 2 or height < 2:
                    continue
                ratio = width / height
                if min(ratio, shape) < least_ratio * max(ratio, shape):
                    continue
                own = score_box(integral, met, asked, least, tried[0], tried[1], tried[2], tried[3])
                if own > score:
                    best, score, grew = tried, own, True
    return best
