"""Regular boxes on a map or an image of height x width: (R, 4) int64 x0, y0, x1, y1, half-open, all inside.

Raise UsageError for a height, width or other number below 1.
"""

from __future__ import annotations

import numpy as np

from resight.arrays import GridBoxes, Int64
from resight.errors import UsageError

LEVELS = 3
"""Scales of R-MAC's grid: ICLR 2016, section 3.2."""
_OVERLAP = 0.4
_MOST_EXTRA = 6


def rmac_grid(height: int, width: int, levels: int = LEVELS) -> GridBoxes:
    """Returns R-MAC's squares, level by level, row by row: 14 for a square map, 20 for most others at three levels.

    At level l a square's side is 2 min(H, W) / (l + 1); there are l of them along the shorter side and l + e along the
    longer one, where e makes the overlap of neighbours at level 1 as near as possible to 40 %.

    Source: Tolias, Sicre & Jegou, ICLR 2016, section 3.2, with the rounding of their code.

    Notes: computed in float64, as in their code. The number e comes from a comparison that is a tie for some sizes,
    which rounding decides: code in float32 gives 20 squares for 5 x 9, this gives 26. A level whose side would be 0 is
    left out.
    """
    _check({"height": height, "width": width, "levels": levels})
    extra = _extra_regions(height, width)
    along_x, along_y = (extra, 0) if width > height else (0, extra)
    boxes: list[GridBoxes] = [np.empty((0, 4), np.int64)]
    for level in range(1, levels + 1):
        side = 2 * min(height, width) // (level + 1)
        if side > 0:
            rows = _starts(height, side, level + along_y)
            columns = _starts(width, side, level + along_x)
            boxes.append(_squares(rows, columns, side))
    return np.concatenate(boxes)


def rmac_levels(height: int, width: int, levels: int = LEVELS) -> Int64:
    """Returns the level, from 1, of each box of `rmac_grid`, (R,)."""
    counts = [len(rmac_grid(height, width, level)) for level in range(1, levels + 1)]
    return np.repeat(np.arange(1, levels + 1), np.diff([0, *counts]))


def rigid_grid(height: int, width: int, rows: int, columns: int) -> GridBoxes:
    """Returns `rows` x `columns` boxes that divide height x width, row by row; edges are rounded down.

    Raises UsageError where there are more rows or columns than positions.
    """
    _check({"height": height, "width": width, "rows": rows, "columns": columns})
    if rows > height or columns > width:
        raise UsageError(f"{rows} x {columns} boxes do not fit into {height} x {width} positions")
    y = np.arange(rows + 1) * height // rows
    x = np.arange(columns + 1) * width // columns
    upper, left = (part.ravel() for part in np.meshgrid(y[:-1], x[:-1], indexing="ij"))
    lower, right = (part.ravel() for part in np.meshgrid(y[1:], x[1:], indexing="ij"))
    return np.stack([left, upper, right, lower], axis=1).astype(np.int64)


def spatial_pyramid(height: int, width: int, levels: int) -> GridBoxes:
    """Returns rigid grids of 1 x 1, 2 x 2, 4 x 4 ... boxes, `levels` of them, without levels finer than the positions.

    Source: Lazebnik, Schmid & Ponce, "Beyond bags of features: spatial pyramid matching", CVPR 2006, section 3.2.
    """
    _check({"height": height, "width": width, "levels": levels})
    sides = [1 << level for level in range(levels) if 1 << level <= min(height, width)]
    return np.concatenate([rigid_grid(height, width, side, side) for side in sides])


def dense_patches(height: int, width: int, size: int, stride: int) -> GridBoxes:
    """Returns squares of side `size` every `stride`, row by row; at the far border one more that ends there.

    A side shorter than `size` is covered by one patch of that length, which then is not square.
    """
    _check({"height": height, "width": width, "size": size, "stride": stride})
    rows, columns = _steps(height, size, stride), _steps(width, size, stride)
    upper, left = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
    right, lower = np.minimum(left + size, width), np.minimum(upper + size, height)
    return np.stack([left, upper, right, lower], axis=1)


def _extra_regions(height: int, width: int) -> int:
    """Returns the number of additional squares along the longer side, 0 for a square map."""
    short, long = min(height, width), max(height, width)
    if short == long:
        return 0
    step = (long - short) / np.arange(1.0, _MOST_EXTRA + 1.0)
    overlap = (short**2 - short * step) / short**2
    return int(np.argmin(np.abs(overlap - _OVERLAP))) + 1


def _starts(length: int, side: int, count: int) -> Int64:
    """Returns the first positions of `count` segments of `side` spread over `length`."""
    step = (length - side) / (count - 1) if count > 1 else 0.0
    half = np.floor(side / 2.0 - 1.0)
    return np.asarray(np.floor(half + np.arange(count) * step) - half, np.int64)


def _steps(length: int, size: int, stride: int) -> Int64:
    last = max(length - size, 0)
    return np.unique(np.append(np.arange(0, last + 1, stride, dtype=np.int64), last))


def _squares(rows: Int64, columns: Int64, side: int) -> GridBoxes:
    upper, left = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
    return np.stack([left, upper, left + side, upper + side], axis=1)


def _check(numbers: dict[str, int]) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise UsageError(f"{name} is {number}; it must be at least 1")
