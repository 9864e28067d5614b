"""Text in pictures that are drawn as pixels."""

from __future__ import annotations

from functools import cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font(size: int) -> Font:
    """Returns the font that comes with Pillow, so that a picture is the same on any machine. size: in pixels."""
    return ImageFont.load_default(size)


def cut(text: str, size: int, width: float) -> str:
    """Shortens text to `width` pixels, with an ellipsis in place of the rest; replaces unprintable characters."""
    shown = "".join(one if one.isprintable() else "?" for one in text)
    if font(size).getlength(shown) <= width:
        return shown
    while shown and font(size).getlength(f"{shown}...") > width:
        shown = shown[:-1]
    return f"{shown}..."
