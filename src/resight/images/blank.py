"""Blank pictures: those of a single colour."""

from __future__ import annotations

from resight.arrays import Pixels

BLANK_LEVELS = 4
"""Differences of at most this many levels of 255 are compression artefacts of one colour; no person sees them."""
_STEP = 16


def is_blank(pixels: Pixels) -> bool:
    """Tells whether (H, W, 3) pixels are all of one colour. A network gives the same features to every such picture."""
    # Check a coarse grid first: nearly every picture already differs there.
    return all(
        (part.max(axis=(0, 1)).astype(int) - part.min(axis=(0, 1)) <= BLANK_LEVELS).all()
        for part in (pixels[::_STEP, ::_STEP], pixels)
    )
