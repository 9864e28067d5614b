"""Text in pictures that are drawn as pixels."""

from __future__ import annotations

from functools import cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font(size: int) -> Font:
    """The font that comes with Pillow, so that a picture is the same on any machine. size: in pixels."""
    return ImageFont.load_default(size)


def cut(text: str, size: int, width: float) -> str:
    """Text as far as it fits into `width` pixels, printable; what is cut off is an ellipsis in its place."""
    shown = "".join(one if one.isprintable() else "?" for one in text)
    if font(size).getlength(shown) <= width:
        return shown
    while shown and font(size).getlength(f"{shown}...") > width:
        shown = shown[:-1]
    return f"{shown}..."
