"""Lays transparent images over a background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

WHITE, BLACK, GREY = 255, 0, 128
ENOUGH = 64
"""Difference, in levels of 255, at which ink is well visible on a background; a greater one is no better."""
PREFERENCE = 0.05
"""White stays unless another background is better by at least this share."""
_OPAQUE_ENOUGH = 128


def laid_over_ground(image: Image) -> Image:
    """Converts an image with transparency to RGB, over the background that its visible colours stand out from.

    Not over the colours stored under full transparency, often black, which nobody ever saw.
    """
    from PIL import Image as Pillow

    rgba = image.convert("RGBA")
    alpha = rgba.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return rgba.convert("RGB")
    ground = ground_for(rgba.convert("RGB").convert("L"), alpha)
    backdrop = Pillow.new("RGBA", image.size, (ground, ground, ground, 255))
    backdrop.alpha_composite(rgba)
    return backdrop.convert("RGB")


def ground_for(luma: Image, alpha: Image) -> int:
    """Chooses white, black or grey, as a level, from which the visible pixels differ most. luma, alpha: mode L.

    The difference of a pixel counts up to `ENOUGH`: so dark and coloured ink stays on white, for which cut-out pictures
    are made, and only ink that would vanish there changes the background. Brightness alone decides: local features see
    no colour, so that yellow on white is lost to them.
    """
    visible = alpha.point([255 * (level >= _OPAQUE_ENOUGH) for level in range(256)])
    if visible.getbbox() is None:
        visible = alpha
    counts = np.array(luma.histogram(visible), np.float64)
    if not counts.sum():
        return WHITE
    levels = np.arange(256)
    seen = {
        ground: float(counts @ np.minimum(np.abs(levels - ground), ENOUGH)) / counts.sum()
        for ground in (WHITE, BLACK, GREY)
    }
    best = max(seen, key=seen.__getitem__)
    return best if seen[best] - seen[WHITE] > PREFERENCE * ENOUGH else WHITE
