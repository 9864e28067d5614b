"""Draws photos in the plane as one picture: thumbnails at their positions, framed in the colour of their group."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from resight.arrays import UInt8
from resight.images import resize
from resight.show.embedding import PlacedPhoto, Plane
from resight.show.embedding_page import EUCLIDEAN, GROUPS_LISTED, MANIFOLD, ON_EUCLIDEAN, ON_MANIFOLD, QUERY, describe
from resight.show.lettering import cut, font
from resight.show.palette import coloured

SIDE = 1800
"""Side of the square for the photos, in pixels."""

_PAPER, _INK, _MAT = "#fbfaf7", "#1d1d1f", "#dddad3"
_MARGIN, _LEGEND = 90, 420
_SMALL, _LARGE = 24, 130
_LINE, _SIZE = 30, 19


NEIGHBOURS = ("Euclidean neighbours", "manifold neighbours")
"""What the two marks are, squares and discs."""


def draw_embedding(plane: Plane, marks: tuple[str, str] = NEIGHBOURS) -> UInt8:
    """Draws thumbnails, marked ones above the others, then the query, then ranks, and a legend: (h, w, 3) uint8 RGB.

    marks: what the legend calls squares and discs.
    """
    groups = coloured([photo.group for photo in plane.photos])
    colours = {group.name: group.colour for group in groups}
    picture = Image.new("RGB", (SIDE + _LEGEND, SIDE), _PAPER)
    draw = ImageDraw.Draw(picture)
    side = int(min(max(SIDE / len(plane.photos) ** 0.5, _SMALL), _LARGE))
    placed = [
        (photo, _paste(picture, draw, photo, side, colours[photo.group])) for photo in sorted(plane.photos, key=_height)
    ]
    for photo, (left, upper, right) in placed:
        if photo.euclidean:
            _square(draw, left, upper, photo.euclidean)
        if photo.manifold:
            _disc(draw, right, upper, photo.manifold)
    _draw_legend(draw, plane, marks, [(group.name, group.colour, group.count) for group in groups])
    return np.asarray(picture, np.uint8)


def _height(photo: PlacedPhoto) -> int:
    return 2 if photo.is_query else int(photo.euclidean > 0 or photo.manifold > 0)


def _paste(
    picture: Image.Image, draw: ImageDraw.ImageDraw, photo: PlacedPhoto, side: int, colour: str
) -> tuple[int, int, int]:
    """Draws a photo in its frame, and returns its left, upper and right side."""
    # Marked photos are at least 64 pixels large: they are the ones that people look for.
    side = side if not _height(photo) else max(side, 64)
    pixels = None if photo.image is None else resize(photo.image, side)
    height, width = (side * 3 // 4, side) if pixels is None else pixels.shape[:2]
    x, y = (round(_MARGIN + one * (SIDE - 2 * _MARGIN)) for one in (photo.x, photo.y))
    left, upper = x - width // 2, y - height // 2
    frame = 7 if photo.is_query else 3
    bounds = (left - frame, upper - frame, left + width + frame - 1, upper + height + frame - 1)
    draw.rectangle(bounds, fill=QUERY if photo.is_query else colour)
    if pixels is None:
        draw.rectangle((left, upper, left + width - 1, upper + height - 1), fill=_MAT)
    else:
        picture.paste(Image.fromarray(pixels), (left, upper))
    return left, upper, left + width


def _square(draw: ImageDraw.ImageDraw, x: int, y: int, rank: int) -> None:
    """Draws the mark of a Euclidean neighbour."""
    draw.rectangle((x - 13, y - 13, x + 13, y + 13), fill=EUCLIDEAN, outline=ON_EUCLIDEAN, width=2)
    draw.text((x, y), str(rank), fill=ON_EUCLIDEAN, font=font(16), anchor="mm")


def _disc(draw: ImageDraw.ImageDraw, x: int, y: int, rank: int) -> None:
    """Draws the mark of a manifold neighbour."""
    draw.ellipse((x - 13, y - 13, x + 13, y + 13), fill=MANIFOLD, outline=ON_MANIFOLD, width=2)
    draw.text((x, y), str(rank), fill=ON_MANIFOLD, font=font(16), anchor="mm")


def _draw_legend(
    draw: ImageDraw.ImageDraw, plane: Plane, marks: tuple[str, str], groups: list[tuple[str, str, int]]
) -> None:
    left, y = SIDE + 20, 40
    wide = _LEGEND - 70
    draw.text((left, y), cut(describe(plane), _SIZE, _LEGEND - 30), fill=_INK, font=font(_SIZE))
    y += 2 * _LINE
    if plane.query is not None:
        draw.rectangle((left, y + 2, left + 22, y + 24), outline=QUERY, width=5)
        draw.text((left + 36, y), cut(f"query: {plane.query.name}", _SIZE, wide), fill=_INK, font=font(_SIZE))
        for place, (text, mark) in enumerate(zip(marks, (_square, _disc), strict=True), start=1):
            mark(draw, left + 11, y + place * _LINE + 13, 1)
            draw.text((left + 36, y + place * _LINE), text, fill=_INK, font=font(_SIZE))
        y += 4 * _LINE
    for name, colour, count in groups[:GROUPS_LISTED]:
        draw.rectangle((left, y + 2, left + 22, y + 24), fill=colour)
        draw.text((left + 36, y), cut(f"{name or 'in no group'}  {count:,}", _SIZE, wide), fill=_INK, font=font(_SIZE))
        y += _LINE
    if len(groups) > GROUPS_LISTED:
        draw.text((left, y), f"and {len(groups) - GROUPS_LISTED:,} smaller groups", fill=_INK, font=font(_SIZE))
