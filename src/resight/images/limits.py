"""Limits on decoding, checked from headers before memory is allocated."""

from __future__ import annotations

import math

from resight.errors import ImageError

MAX_PIXELS = 100_000_000
"""Most pixels that are decoded, counted after a JPEG's reduced-size decoding. 100 megapixels are 400 MB in Pillow."""
MAX_PROGRESSIVE_PIXELS = 4 * MAX_PIXELS
"""Pixels of a progressive JPEG: it keeps the coefficients of the whole image, 3 to 6 bytes a pixel, at any reduced
size."""
MAX_BYTES = 1 << 30
"""Bytes of the largest file that is read."""


def check_pixels(
    name: str,
    original: tuple[int, int],
    reduced: tuple[int, int] | None = None,
    *,
    progressive: bool = False,
    reducible: bool = False,
) -> None:
    """Raises ImageError where an image of (width, height) pixels is over the limit.

    reduced: the size at which it will be decoded. reducible: whether a `max_side` would make it smaller.
    """
    millions = math.prod(original) / 1e6
    mend = "save it smaller"
    if math.prod(reduced or original) > MAX_PIXELS:
        if reducible and reduced in (None, original):
            mend = "decode it with a max_side, or save it smaller"
        raise ImageError(name, f"{millions:.0f} megapixels, over the limit of {MAX_PIXELS // 10**6}; {mend}")
    if progressive and math.prod(original) > MAX_PROGRESSIVE_PIXELS:
        limit = MAX_PROGRESSIVE_PIXELS // 10**6
        raise ImageError(name, f"{millions:.0f} megapixels, over the limit of {limit} for a progressive JPEG; {mend}")
