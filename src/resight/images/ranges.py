"""Scales samples of more than 8 bits to 8: which value is black, and which is white."""

from __future__ import annotations

import numpy as np

from resight.arrays import Array, Float64, Mask, Pixels, UInt32

WHITES = (255, 1023, 4095, 16383, 65535)
"""Possible values of white in unsigned 16-bit samples: devices give 8, 10, 12, 14 or 16 bits."""
HUGE = 1e30
"""Floating-point numbers whose magnitude is above this stand for "no data"."""
SENTINELS = (-999, -9999, -32767, -32768, -99999, -(1 << 31), (1 << 31) - 1)
"""Whole numbers that stand for "no data" where they lie apart from all other values."""


def eight_bits(samples: Array, no_data: float | None = None) -> Pixels:
    """Scales samples (H, W) or (H, W, n) of any type to uint8, all bands on one scale.

    Unsigned 16-bit samples: black is 0, white is the least of `WHITES` that no sample exceeds, so that a picture that
    uses all 16 bits stays as it is and one of 12 bits does not become nearly black. A dark picture is not stretched to
    its brightest pixel: it stays as dark as its number of bits makes it. Other types have no agreed white: the smallest
    value becomes black and the greatest white. `no_data` is ignored for both and becomes black; other "no data" values
    are ignored for both and become black or white, whichever is nearer.
    """
    if samples.dtype == np.uint8 and no_data is None:
        return np.asarray(samples, np.uint8)
    marked = np.zeros(samples.shape, np.bool_) if no_data is None else samples == no_data
    if samples.dtype.kind == "u" and samples.dtype.itemsize == 2:  # of either byte order
        return _unsigned(samples.astype(np.uint32), marked)
    return _stretched(samples.astype(np.float64), marked)


def _unsigned(values: UInt32, marked: Mask) -> Pixels:
    greatest = int(values.max(initial=0, where=~marked))
    white = next(level for level in WHITES if level >= greatest)
    scaled = (np.minimum(values, white) * 255 + white // 2) // white
    return np.where(marked, 0, scaled).astype(np.uint8)


def _stretched(values: Float64, marked: Mask) -> Pixels:
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


def _sentinels(kept: Float64) -> list[float]:
    """Returns the ends of the range that are known "no data" values and lie apart.

    A value lies apart if it is farther from the others than these are from each other, or below zero where no other is.
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
