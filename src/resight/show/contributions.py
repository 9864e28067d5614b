"""Draws a query and a hit side by side with numbered boxes, one colour per channel, where they are similar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from resight.arrays import Pixels
from resight.errors import UsageError
from resight.images import Box

if TYPE_CHECKING:
    from resight.descriptors.contributions import Contribution

Colour = tuple[int, int, int]

COLOURS: tuple[Colour, ...] = (
    (255, 176, 0),
    (64, 196, 255),
    (255, 90, 120),
    (110, 225, 110),
    (200, 130, 255),
    (255, 235, 80),
    (0, 220, 190),
    (255, 140, 60),
)
"""Colours of the first contribution, the second and so on, starting again after the last."""

_GAP = 12
_LINE = 24
_LABEL = 16
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_contributions(
    query: Pixels,
    hit: Pixels,
    contributions: Sequence[Contribution],
    *,
    query_factor: float = 1.0,
    hit_factor: float = 1.0,
) -> Pixels:
    """Draws the query, the hit to its right, and the places of each contribution in its colour: (H, W, 3) uint8 RGB.

    A thick box surrounds the pixels nearest to the position that contributes, a thin one its receptive field. Below, by
    number, the channel and its share of the similarity. query, hit: (h, w, 3) uint8 RGB, the photos times their
    factors, or heat maps on them. Raises UsageError where an image has another form or a factor is not positive.
    """
    for name, image, factor in (("query", query, query_factor), ("hit", hit, hit_factor)):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or factor <= 0:
            raise UsageError(f"the {name} must be an RGB uint8 image with a positive factor")
    height = max(query.shape[0], hit.shape[0])
    legend = _LINE * len(contributions)
    canvas: Pixels = np.full((height + legend, query.shape[1] + _GAP + hit.shape[1], 3), 255, np.uint8)
    upper, lower = (height - query.shape[0]) // 2, (height - hit.shape[0]) // 2
    left = _marked(query, [(one.query_box, one.query_field) for one in contributions], query_factor)
    canvas[upper : upper + query.shape[0], : query.shape[1]] = left
    right = _marked(hit, [(one.image_box, one.image_field) for one in contributions], hit_factor)
    canvas[lower : lower + hit.shape[0], query.shape[1] + _GAP :] = right
    for number, one in enumerate(contributions):
        y = height + _LINE * number
        cv2.rectangle(canvas, (2, y + 4), (18, y + 20), colour_of(number), -1)
        text = f"{number + 1}: channel {one.channel}, {one.share:+.3f}"
        cv2.putText(canvas, text, (26, y + 17), _FONT, 0.5, (30, 30, 30), 1, cv2.LINE_AA)
    return canvas


def colour_of(number: int) -> Colour:
    """Returns the RGB colour of the contribution at a position of the list, from 0."""
    return COLOURS[number % len(COLOURS)]


def outlined_boxes(places: Sequence[tuple[Box, Box]], titles: Sequence[str], factor: float) -> str:
    """Draws SVG of numbered boxes, each with its receptive field, on a photo that is the original times `factor`.

    titles: HTML that is shown for each box when a person points at it.
    """
    steps = label_steps([box for box, _ in places])
    drawn = []
    for number, ((box, field), title) in reversed(list(enumerate(zip(places, titles, strict=True)))):
        x, y = box[0] * factor + _LABEL * steps[number], max(box[1] * factor, float(_LABEL))
        colour = "#{:02x}{:02x}{:02x}".format(*colour_of(number))
        drawn.append(
            f'<g class="channel" stroke="{colour}"><title>{title}</title>{_svg_rectangle("field", field, factor)}'
            f"{_svg_rectangle('halo', box, factor)}{_svg_rectangle('cell', box, factor)}"
            f'<rect class="label" x="{x:.1f}" y="{y - _LABEL:.1f}" width="{_LABEL - 2}" height="{_LABEL}"'
            f' fill="{colour}"/><text x="{x + 3:.1f}" y="{y - 4:.1f}">{number + 1}</text></g>'
        )
    return "".join(drawn)


def label_steps(boxes: Sequence[Box]) -> list[int]:
    """Returns by how many labels each box's label moves right, because earlier boxes begin at the same corner."""
    corners = [box[:2] for box in boxes]
    return [corners[:number].count(corner) for number, corner in enumerate(corners)]


def _svg_rectangle(kind: str, box: Box, factor: float) -> str:
    x0, y0, x1, y1 = (side * factor for side in box)
    return f'<rect class="{kind}" x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"/>'


def _marked(photo: Pixels, places: Sequence[tuple[Box, Box]], factor: float) -> Pixels:
    """Returns a copy of the photo with the boxes, the first on top of the others."""
    drawn = photo.copy()
    numbered = list(enumerate(places))[::-1]
    steps = label_steps([box for box, _ in places])
    for number, (_, field) in numbered:
        _rectangle(drawn, field, factor, colour_of(number), 1)
    for number, (box, _) in numbered:
        _rectangle(drawn, box, factor, (0, 0, 0), 5)
        _rectangle(drawn, box, factor, colour_of(number), 3)
        x, y = _corners(box, factor)[0]
        x, y = x + _LABEL * steps[number], max(y, _LABEL)
        cv2.rectangle(drawn, (x, y - _LABEL), (x + _LABEL - 2, y), colour_of(number), -1)
        cv2.putText(drawn, str(number + 1), (x + 2, y - 3), _FONT, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return drawn


def _rectangle(image: Pixels, box: Box, factor: float, colour: Colour, width: int) -> None:
    first, last = _corners(box, factor)
    cv2.rectangle(image, first, last, colour, width)


def _corners(box: Box, factor: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the first and last pixel of a half-open box, in the picture."""
    x0, y0, x1, y1 = (side * factor for side in box)
    return (round(x0), round(y0)), (max(round(x0), round(x1) - 1), max(round(y0), round(y1) - 1))
