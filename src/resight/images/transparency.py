"""What transparent images are laid over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

WHITE, BLACK, GREY = 255, 0, 128
ENOUGH = 64
"""Levels of 255 by which ink must differ from the ground to be seen well; more is no better."""
PREFERENCE = 0.05
"""White stays where another ground is better by less than this share."""
_OPAQUE_ENOUGH = 128


def laid_over_ground(image: Image) -> Image:
    """An image with transparency as RGB, over the ground that its visible colours stand out from.

    Not over the colours that are stored under full transparency, often black, which nobody ever saw.
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
    """White, black or grey, as a level: the one from which what is visible differs most. luma, alpha: mode L.

    The difference of a pixel counts up to `ENOUGH`, so that dark and coloured ink stays on white, as what is cut out is
    made for a page, and only what would vanish there changes the ground. Brightness alone decides: local features see
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
