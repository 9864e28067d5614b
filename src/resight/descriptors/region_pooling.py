"""Maximum, mean and generalised mean of a feature map over many boxes at once.

maps: (B, C, H, W), in numpy or torch. boxes: (R, 4) integers x0, y0, x1, y1 in positions of the map, half-open, the
same for the batch. All results are (B, R, C), and in torch differentiable. UsageError: a box that is empty or not
inside the map.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from resight.arrays import GridBoxes, Int64, Intp
from resight.descriptors.pooling import GEM_FLOOR, GEM_P
from resight.errors import UsageError
from resight.libraries import AnyArray, as_type, beside, detached, library

TABLE_FROM = 2.0
"""Summed area of the boxes, in maps, from which a table of maxima is quicker than a maximum over each box: for the 20
squares of R-MAC, of area 6, two to eleven times on one core."""


def region_max(maps: AnyArray, boxes: GridBoxes) -> AnyArray:
    """Largest value of each channel in each box, (B, R, C)."""
    checked = _checked(boxes, maps)
    if getattr(maps, "requires_grad", False):
        return max_by_places(maps, checked)
    spans = checked[:, 2:] - checked[:, :2]
    area = float(spans.prod(axis=1).sum()) / (maps.shape[2] * maps.shape[3])
    return max_by_table(maps, checked) if area > TABLE_FROM else max_by_slices(maps, checked)


def max_by_places(maps: AnyArray, boxes: GridBoxes) -> AnyArray:
    """`region_max` in torch where gradients are wanted: backward takes a quarter of the time of the other two.

    The gradient of each maximum goes to the first place that has it.
    """
    if len(boxes) == 0:
        return _no_region(maps)
    values, width = detached(maps), maps.shape[3]
    places = []
    for x0, y0, x1, y1 in boxes.tolist():
        found = values[:, :, y0:y1, x0:x1].flatten(2).argmax(dim=2)
        places.append((y0 + found // (x1 - x0)) * width + x0 + found % (x1 - x0))
    return maps.flatten(2).gather(2, library(maps).stack(places, dim=2)).swapaxes(1, 2)


def max_by_slices(maps: AnyArray, boxes: GridBoxes) -> AnyArray:
    """`region_max`, one box after the other: for a few boxes."""
    if len(boxes) == 0:
        return _no_region(maps)
    xp = library(maps)
    parts = [xp.amax(maps[:, :, y0:y1, x0:x1], axis=(2, 3)) for x0, y0, x1, y1 in boxes.tolist()]
    return xp.stack(parts, axis=1)


def max_by_table(maps: AnyArray, boxes: GridBoxes) -> AnyArray:
    """`region_max` from maxima of all squares and rectangles of 2^i by 2^j positions: for all but a few boxes.

    A box is covered by four of them that overlap. One table is in memory at a time.

    Source: Bender & Farach-Colton, "The LCA problem revisited", LATIN 2000, section 3, in two dimensions.
    """
    x_level, y_level = _level(boxes[:, 2] - boxes[:, 0]), _level(boxes[:, 3] - boxes[:, 1])
    wide = maps
    parts: list[tuple[Intp, AnyArray]] = []
    for i in range(int(x_level.max(initial=-1)) + 1):
        wide = wide if i == 0 else _doubled(wide, 1 << (i - 1), 3)
        tall = wide
        for j in range(int(y_level[x_level == i].max(initial=-1)) + 1):
            tall = tall if j == 0 else _doubled(tall, 1 << (j - 1), 2)
            rows = np.flatnonzero((x_level == i) & (y_level == j))
            if len(rows):
                parts.append((rows, _corners_max(tall, boxes[rows], 1 << i, 1 << j)))
    if not parts:
        return _no_region(maps)
    order = np.argsort(np.concatenate([rows for rows, _ in parts])).tolist()
    xp = library(maps)
    return xp.swapaxes(xp.concatenate([part for _, part in parts], axis=2)[:, :, order], 1, 2)


def region_mean(maps: AnyArray, boxes: GridBoxes) -> AnyArray:
    """Returns the mean of each channel in each box, (B, R, C), from a summed-area table in float64.

    Source: Crow, "Summed-area tables for texture mapping", SIGGRAPH 1984.
    """
    return as_type(_box_means(_double(maps), _checked(boxes, maps)), _kept(maps))


def region_gem(maps: AnyArray, boxes: GridBoxes, p: float = GEM_P) -> AnyArray:
    """Generalised mean of each channel in each box, (B, R, C); `gem` says what that is.

    Notes: sums are differences of sums over the whole map, so that where a box is far below the rest of its channel
    its value is off by up to 1e-16^(1/p) of the channel's maximum: 5e-6 of it for p = 3, nothing that L2 would show.
    """
    if not p > 0:
        raise UsageError(f"GeM needs p > 0, not {p}")
    checked = _checked(boxes, maps)
    xp, x = library(maps), _double(maps)
    x = xp.maximum(x, beside(GEM_FLOOR, x))
    top = xp.amax(detached(x), axis=(2, 3), keepdims=True)
    least = ((GEM_FLOOR / top[:, :, 0, 0]) ** p)[:, None]
    means = xp.maximum(_box_means((x / top) ** p, checked), least)
    return as_type(means ** (1.0 / p) * top[:, None, :, 0, 0], _kept(maps))


def _box_means(maps: AnyArray, boxes: GridBoxes) -> AnyArray:
    xp = library(maps)
    sums = xp.cumsum(xp.cumsum(maps, axis=2), axis=3)
    sums = xp.concatenate([xp.zeros_like(sums[:, :, :1]), sums], axis=2)
    sums = xp.concatenate([xp.zeros_like(sums[:, :, :, :1]), sums], axis=3)
    x0, y0, x1, y1 = boxes.T.tolist()
    total = sums[:, :, y1, x1] - sums[:, :, y0, x1] - sums[:, :, y1, x0] + sums[:, :, y0, x0]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return xp.swapaxes(total / beside(areas, total), 1, 2)


def _corners_max(table: AnyArray, boxes: GridBoxes, width: int, height: int) -> AnyArray:
    """Returns (B, C, R) the largest of four rectangles that touch the corners of a box from inside.

    They are width x height.
    """
    xp = library(table)
    left, upper, right, lower = (boxes - [0, 0, width, height]).T.tolist()
    return xp.maximum(
        xp.maximum(table[:, :, upper, left], table[:, :, upper, right]),
        xp.maximum(table[:, :, lower, left], table[:, :, lower, right]),
    )


def _doubled(table: AnyArray, step: int, dim: int) -> AnyArray:
    """Maxima over twice the length along `dim`, from those over `step` positions."""
    xp = library(table)
    if dim == 2:
        return xp.maximum(table[:, :, :-step], table[:, :, step:])
    return xp.maximum(table[..., :-step], table[..., step:])


def _no_region(maps: AnyArray) -> AnyArray:
    """Returns (B, 0, C)."""
    return maps[:, :, 0, :0].swapaxes(1, 2)


def _level(lengths: Int64) -> Int64:
    """Largest i with 2^i <= length."""
    return np.asarray(np.frexp(lengths.astype(np.float64))[1] - 1, np.int64)


def _double(maps: AnyArray) -> AnyArray:
    return as_type(maps, library(maps).float64)


def _kept(maps: AnyArray) -> Any:
    xp = library(maps)
    return xp.float64 if maps.dtype == xp.float64 else xp.float32


def _checked(boxes: GridBoxes, maps: AnyArray) -> Int64:
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.issubdtype(boxes.dtype, np.integer):
        raise UsageError(f"boxes on a map are (R, 4) integers, not {boxes.shape} of {boxes.dtype}")
    rows = boxes.astype(np.int64)
    height, width = maps.shape[2:]
    wrong = (rows[:, :2] < 0).any(axis=1) | (rows[:, 2:] > (width, height)).any(axis=1)
    wrong |= (rows[:, 2:] <= rows[:, :2]).any(axis=1)
    if wrong.any():
        box = ",".join(map(str, rows[wrong][0]))
        raise UsageError(f"box {box} is empty or reaches out of a map of {width} x {height} positions")
    return rows
