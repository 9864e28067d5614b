"""Positions of a feature map that count: those of a box of the photo, and those that its mask leaves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resight.arrays import Mask
from resight.features.regions.sampling import Sampling, positions
from resight.images import Box


def counting_positions(
    shape: tuple[int, int],
    samplings: Sequence[Sampling],
    given: tuple[int, int],
    size: tuple[int, int],
    box: Box | None,
    counts: Mask | None,
) -> Mask:
    """Returns (h, w) positions of a map of `shape` that count, at least one.

    samplings: along x and along y, of an input of `given` (width, height). size: (width, height) of the photo, in whose
    pixels the box is; all of it counts where it is None. counts: (H, W), at any size, False where a mask excludes the
    photo; None where nothing is excluded.
    """
    inside = np.ones(shape, np.bool_) if box is None else _inside(box, size, given, samplings, shape)
    if counts is None:
        return inside
    counted = inside & _counted(counts, given, samplings, shape)
    # A mask may leave so little of the box that no centre is in it: then the box alone counts.
    return counted if counted.any() else inside


def _inside(
    box: Box, size: tuple[int, int], given: tuple[int, int], samplings: Sequence[Sampling], shape: tuple[int, int]
) -> Mask:
    """Returns (h, w) positions whose centres lie in a box of the original of `size`, at least one."""
    boxes = np.array([box]) * np.array([given[0] / size[0], given[1] / size[1]] * 2)
    x0, x1 = positions(boxes, samplings[0], shape)[0, [0, 2]].tolist()
    y0, y1 = positions(boxes, samplings[1], shape)[0, [1, 3]].tolist()
    inside = np.zeros(shape, np.bool_)
    inside[y0:y1, x0:x1] = True
    return inside


def _counted(counts: Mask, given: tuple[int, int], samplings: Sequence[Sampling], shape: tuple[int, int]) -> Mask:
    """Returns (h, w) positions whose centres lie where a photo (H, W) counts.

    If there are none, it returns the position nearest to a place that counts.
    """
    columns, rows = (
        np.clip((sampling.start + np.arange(count) * sampling.stride) * (of / side), 0, of - 1).astype(np.intp)
        for sampling, count, of, side in zip(samplings, shape[::-1], counts.shape[::-1], given, strict=True)
    )
    counted: Mask = counts[rows[:, None], columns]
    if not counted.any():
        places = np.argwhere(counts)
        y, x = places[len(places) // 2].tolist()
        counted[np.abs(rows - y).argmin(), np.abs(columns - x).argmin()] = True
    return counted
