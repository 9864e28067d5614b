"""Maximum, mean and generalised mean of a feature map over many boxes at once.

maps: (B, C, H, W). boxes: (R, 4) integers x0, y0, x1, y1 in positions of the map, half-open, the same for the batch.
All results are (B, R, C) and differentiable. UsageError: a box that is empty or not inside the map.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from resight.arrays import GridBoxes, Int64, Intp
from resight.descriptors.pooling import GEM_FLOOR, GEM_P
from resight.errors import UsageError

TABLE_FROM = 2.0
"""Summed area of the boxes, in maps, from which a table of maxima is quicker than a maximum over each box: for the 20
squares of R-MAC, of area 6, two to eleven times on one core."""


def region_max(maps: Tensor, boxes: GridBoxes) -> Tensor:
    """Largest value of each channel in each box, (B, R, C)."""
    checked = _checked(boxes, maps)
    spans = checked[:, 2:] - checked[:, :2]
    area = float(spans.prod(axis=1).sum()) / (maps.shape[2] * maps.shape[3])
    return max_by_table(maps, checked) if area > TABLE_FROM else max_by_slices(maps, checked)


def max_by_slices(maps: Tensor, boxes: GridBoxes) -> Tensor:
    """`region_max`, one box after the other: for a few boxes."""
    if len(boxes) == 0:
        return maps.new_empty(len(maps), 0, maps.shape[1])
    parts = [maps[:, :, y0:y1, x0:x1].amax(dim=(2, 3)) for x0, y0, x1, y1 in boxes.tolist()]
    return torch.stack(parts, dim=1)


def max_by_table(maps: Tensor, boxes: GridBoxes) -> Tensor:
    """`region_max` from maxima of all squares and rectangles of 2^i by 2^j positions: for all but a few boxes.

    A box is covered by four of them that overlap. One table is in memory at a time.

    Source: Bender & Farach-Colton, "The LCA problem revisited", LATIN 2000, section 3, in two dimensions.
    """
    found = maps.new_empty(len(maps), len(boxes), maps.shape[1])
    x_level, y_level = _level(boxes[:, 2] - boxes[:, 0]), _level(boxes[:, 3] - boxes[:, 1])
    wide = maps
    parts: list[tuple[Intp, Tensor]] = []
    for i in range(int(x_level.max(initial=-1)) + 1):
        wide = wide if i == 0 else _doubled(wide, 1 << (i - 1), 3)
        tall = wide
        for j in range(int(y_level[x_level == i].max(initial=-1)) + 1):
            tall = tall if j == 0 else _doubled(tall, 1 << (j - 1), 2)
            rows = np.flatnonzero((x_level == i) & (y_level == j))
            if len(rows):
                parts.append((rows, _corners_max(tall, boxes[rows], 1 << i, 1 << j)))
    if not parts:
        return found
    order = torch.from_numpy(np.argsort(np.concatenate([rows for rows, _ in parts]))).to(maps.device)
    return torch.cat([part for _, part in parts], dim=2)[:, :, order].transpose(1, 2)


def region_mean(maps: Tensor, boxes: GridBoxes) -> Tensor:
    """Returns the mean of each channel in each box, (B, R, C), from a summed-area table in float64.

    Source: Crow, "Summed-area tables for texture mapping", SIGGRAPH 1984.
    """
    return _box_means(maps.double(), _checked(boxes, maps)).to(_kept(maps))


def region_gem(maps: Tensor, boxes: GridBoxes, p: float = GEM_P) -> Tensor:
    """Generalised mean of each channel in each box, (B, R, C); `gem` says what that is.

    Notes: sums are differences of sums over the whole map, so that where a box is far below the rest of its channel
    its value is off by up to 1e-16^(1/p) of the channel's maximum: 5e-6 of it for p = 3, nothing that L2 would show.
    """
    if not p > 0:
        raise UsageError(f"GeM needs p > 0, not {p}")
    checked = _checked(boxes, maps)
    x = maps.double().clamp(min=GEM_FLOOR)
    top = x.detach().amax(dim=(2, 3), keepdim=True)
    least = (GEM_FLOOR / top[:, :, 0, 0]).pow(p)[:, None]
    means = torch.maximum(_box_means((x / top).pow(p), checked), least)
    return (means.pow(1.0 / p) * top[:, None, :, 0, 0]).to(_kept(maps))


def _box_means(maps: Tensor, boxes: GridBoxes) -> Tensor:
    sums = torch.nn.functional.pad(maps.cumsum(dim=2).cumsum(dim=3), (1, 0, 1, 0))
    x0, y0, x1, y1 = torch.from_numpy(boxes.T.copy()).to(maps.device)
    total = sums[:, :, y1, x1] - sums[:, :, y0, x1] - sums[:, :, y1, x0] + sums[:, :, y0, x0]
    means: Tensor = total / ((x1 - x0) * (y1 - y0))
    return means.transpose(1, 2)


def _corners_max(table: Tensor, boxes: GridBoxes, width: int, height: int) -> Tensor:
    """Returns (B, C, R) the largest of four rectangles that touch the corners of a box from inside.

    They are width x height.
    """
    x0, y0, x1, y1 = torch.from_numpy(boxes.T.copy()).to(table.device)
    left, right, upper, lower = x0, x1 - width, y0, y1 - height
    return torch.maximum(
        torch.maximum(table[:, :, upper, left], table[:, :, upper, right]),
        torch.maximum(table[:, :, lower, left], table[:, :, lower, right]),
    )


def _doubled(table: Tensor, step: int, dim: int) -> Tensor:
    """Maxima over twice the length along `dim`, from those over `step` positions."""
    length = table.shape[dim] - step
    return torch.maximum(table.narrow(dim, 0, length), table.narrow(dim, step, length))


def _level(lengths: Int64) -> Int64:
    """Largest i with 2^i <= length."""
    return np.asarray(np.frexp(lengths.astype(np.float64))[1] - 1, np.int64)


def _kept(maps: Tensor) -> torch.dtype:
    return torch.float64 if maps.dtype == torch.float64 else torch.float32


def _checked(boxes: GridBoxes, maps: Tensor) -> Int64:
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
