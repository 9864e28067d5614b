"""Draws two photos of a page side by side at one height, with lines between the points that match."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from resight.arrays import Float64, Floating
from resight.images.thumbnails import Thumbnail
from resight.markup import plain_text
from resight.show.correspondences import line_colours, spread_rows

HEIGHT = 270
_GAP = 8
_LINES = 40
_WIDEST = 480

STYLE = """
.lines line { stroke-width: 1.2; stroke-opacity: .7; vector-effect: non-scaling-stroke; }
.lines circle { stroke: none; }
.lines { transition: opacity .15s; } svg:hover > .lines { opacity: .12; }
"""
"""CSS of the lines, which fade while a person points at them."""


def side_by_side(
    left: Thumbnail,
    right: Thumbnail,
    drawn: tuple[str, str],
    label: str,
    points: tuple[Floating, Floating] | None = None,
) -> str:
    """Returns an SVG element of two pictures, each with what is `drawn` in it, as SVG in its own pixels.

    label: plain text that describes the drawing. points: (n, 2) each, in original pixels of the left and of the right
    photo, of which at most 40 are joined by lines.
    """
    one, other = _Place.of(left, 0.0), _Place.of(right, 0.0)
    other = replace(other, x=one.width + _GAP)
    lines = "" if points is None else f'<g class="lines">{_lines(one, other, points)}</g>'
    return (
        f'<svg role="img" aria-label="{plain_text(label)}" viewBox="0 0 {other.x + other.width:.1f} {HEIGHT}">'
        f"{one.frame(drawn[0])}{other.frame(drawn[1])}{lines}</svg>"
    )


def _lines(left: _Place, right: _Place, points: tuple[Floating, Floating]) -> str:
    rows = spread_rows(points[0], _LINES)
    starts, ends = left.put(points[0][rows]), right.put(points[1][rows])
    return "".join(
        f'<g stroke="#{r:02x}{g:02x}{b:02x}" fill="#{r:02x}{g:02x}{b:02x}">'
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'
        f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="1.8"/><circle cx="{x1:.1f}" cy="{y1:.1f}" r="1.8"/></g>'
        for (x0, y0), (x1, y1), (r, g, b) in zip(starts, ends, line_colours(starts), strict=True)
    )


@dataclass(frozen=True)
class _Place:
    """The place of a picture in the drawing of a pair: as high as the drawing unless that makes it too wide."""

    picture: Thumbnail
    x: float
    scale: float

    @classmethod
    def of(cls, picture: Thumbnail, x: float) -> _Place:
        return cls(picture, x, min(HEIGHT / picture.height, _WIDEST / picture.width))

    @property
    def width(self) -> float:
        return self.picture.width * self.scale

    @property
    def y(self) -> float:
        return (HEIGHT - self.picture.height * self.scale) / 2

    def put(self, xy: Floating) -> Float64:
        """Converts (n, 2) original pixels to positions in the drawing."""
        return np.asarray(xy * (self.picture.factor * self.scale) + (self.x, self.y), np.float64)

    def frame(self, content: str) -> str:
        """Draws the picture's pixels as a part of the drawing."""
        height = self.picture.height * self.scale
        return (
            f'<svg x="{self.x:.1f}" y="{self.y:.1f}" width="{self.width:.1f}" height="{height:.1f}"'
            f' viewBox="0 0 {self.picture.width} {self.picture.height}">{content}</svg>'
        )
