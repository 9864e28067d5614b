"""Samples of more than 8 bits as 8 bits: which value is black, and which is white."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resight.images.resizing import Pixels

WHITES = (255, 1023, 4095, 16383, 65535)
"""What white may be in unsigned samples of 16 bits: 8, 10, 12, 14 or 16 bits are what devices give."""
HUGE = 1e30
"""Floating-point numbers beyond this, up or down, stand for "no data"."""
SENTINELS = (-999, -9999, -32767, -32768, -99999, -(1 << 31), (1 << 31) - 1)
"""Whole numbers that stand for "no data" where they lie apart from all others."""

Samples = NDArray[np.generic]


def eight_bits(samples: Samples, no_data: float | None = None) -> Pixels:
    """Samples (H, W) or (H, W, n) of any type as uint8, all bands on one scale.

    Unsigned samples of 16 bits: black is 0, white is the least of `WHITES` that none exceeds, so that a picture which
    uses all 16 bits stays as it is and 12 bits in 16 are not nearly black. A dark picture is not stretched to its own
    brightest pixel: it stays as dark as it is for its number of bits. Others have no agreed white: the smallest is
    black and the greatest white. `no_data` counts for neither and becomes black; what else stands for "no data" counts
    for neither and becomes what it is nearer to.
    """
    if samples.dtype == np.uint8 and no_data is None:
        return np.asarray(samples, np.uint8)
    marked = np.zeros(samples.shape, np.bool_) if no_data is None else samples == no_data
    if samples.dtype.kind == "u" and samples.dtype.itemsize == 2:  # of either order of bytes
        return _unsigned(samples.astype(np.uint32), marked)
    return _stretched(samples.astype(np.float64), marked)


def _unsigned(values: NDArray[np.uint32], marked: NDArray[np.bool_]) -> Pixels:
    greatest = int(values.max(initial=0, where=~marked))
    white = next(level for level in WHITES if level >= greatest)
    scaled = (np.minimum(values, white) * 255 + white // 2) // white
    return np.where(marked, 0, scaled).astype(np.uint8)


def _stretched(values: NDArray[np.float64], marked: NDArray[np.bool_]) -> Pixels:
    counted = np.isfinite(values) & (np.abs(values) < HUGE) & ~marked
    kept = values[counted]
    if not kept.size:
        return np.zeros(values.shape, np.uint8)
    for sentinel in _sentinels(kept):
        kept = kept[kept != sentinel]
    low, high = float(kept.min()), float(kept.max())
    inside = np.clip(np.nan_to_num(values, nan=low, posinf=high, neginf=low), low, high)
    scaled = np.rint((inside - low) * (255.0 / (high - low or 1.0)))
    return np.where(marked, 0, scaled).astype(np.uint8)


def _sentinels(kept: NDArray[np.float64]) -> list[float]:
    """Those ends of the range that are known to stand for "no data" and lie apart.

    Apart is farther from the others than these are from each other, or below zero where all others are not.
    """
    found: list[float] = []
    for end in (float(kept.min()), float(kept.max())):
        others = kept[kept != end]
        if end not in SENTINELS or not others.size:
            continue
        low, high = float(others.min()), float(others.max())
        gap = low - end if end < low else end - high
        if gap > high - low or (end < 0 <= low):
            found.append(end)
    return found
