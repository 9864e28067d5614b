"""Resizes pixels."""

from __future__ import annotations

import numpy as np

from resight.arrays import Mask, Pixels

"""(H, W), False where a mask excludes a pixel."""


def resize(pixels: Pixels, max_side: int) -> Pixels:
    """Reduces pixels to a long side of at most `max_side` (Lanczos, antialiased); returns a small image unchanged."""
    height, width = pixels.shape[:2]
    if max(width, height) <= max_side:
        return pixels
    from PIL import Image

    target = scaled_size((width, height), max_side)
    return np.array(Image.fromarray(pixels).resize(target, Image.Resampling.LANCZOS))


def enlarge(pixels: Pixels, min_side: int) -> Pixels:
    """Enlarges pixels to a long side of at least `min_side` (bicubic); returns a large enough image unchanged."""
    height, width = pixels.shape[:2]
    if max(width, height) >= min_side:
        return pixels
    from PIL import Image

    target = scaled_size((width, height), min_side)
    return np.array(Image.fromarray(pixels).resize(target, Image.Resampling.BICUBIC))


def scaled(counts: Mask, shape: tuple[int, ...]) -> Mask:
    """Resizes a mask (H, W) to (h, w): each pixel takes the value at its centre."""
    if counts.shape == shape:
        return counts
    rows, columns = (
        ((np.arange(side) + 0.5) * (of / side)).astype(np.intp) for side, of in zip(shape, counts.shape, strict=True)
    )
    return np.ascontiguousarray(counts[rows[:, None], columns])


def scaled_size(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Returns (width, height) with the long side at `long_side`, no side less than a pixel."""
    longest = max(size)
    width, height = (max(1, round(side * long_side / longest)) for side in size)
    return width, height
