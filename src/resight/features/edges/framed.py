"""A photo or a drawing to the frame of edges or lines that is compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32
from resight.features.edges.detector import edge_strengths
from resight.features.edges.filtering import filtered
from resight.features.edges.framing import content_box, frame, lines_box, squared
from resight.features.edges.lines import ink_of, lines_of
from resight.features.edges.verdict import look_at
from resight.features.kinds import Edges
from resight.images import Box, Decoded, part_of, resize, scaled

Strengths = tuple[Float32, tuple[int, int, int, int]]
"""Thin edges or lines (H, W), and the part (x0, y0, x1, y1) of them that is framed."""


@dataclass(frozen=True)
class Framed:
    """Frames the content of pictures, by the parameters of a recipe."""

    params: Edges

    def edges(self, decoded: Decoded, is_drawing: bool, scale: float = 1.0) -> Float32:
        """Returns (h, w) the edges of a photo or the lines of a drawing at a scale, from 0 to 1."""
        side, pad = round(self.params.side * scale), round(self.params.pad * scale)
        strengths, box = self._lines(decoded) if is_drawing else self._edges(decoded, scale)
        framed = frame(strengths, box, side, pad, self.params.width)
        return filtered(squared(framed, side) if self.params.frame == "content" else framed, self.params.filter)

    def _edges(self, decoded: Decoded, scale: float) -> Strengths:
        pixels = resize(decoded.pixels, self.params.detail(scale))
        strengths = edge_strengths(pixels, suppression=self.params.suppression)
        height, width = strengths.shape
        if decoded.counts is not None:
            strengths = np.where(scaled(decoded.counts, (height, width)), strengths, np.float32(0.0))
        box = content_box(strengths) if self.params.frame == "content" else None
        return strengths, box or (0, 0, width, height)

    def _lines(self, decoded: Decoded) -> Strengths:
        lines = lines_of(ink_of(decoded.pixels))
        if decoded.counts is not None:
            lines = lines & scaled(decoded.counts, lines.shape)
        height, width = lines.shape
        return lines.astype(np.float32), lines_box(lines) or (0, 0, width, height)


def asked(decoded: Decoded, box: Box | None) -> tuple[Decoded, bool]:
    """Returns a query or the part of it in a box, and whether its lines count: as it says, or else as it looks.

    Raises UsageError where the box has no area inside of the photo.
    """
    if box is not None:
        part = part_of(decoded, box)
        height, width = part.pixels.shape[:2]
        decoded = Decoded(part.pixels, (width, height), counts=part.counts, drawing=decoded.drawing)
    if decoded.drawing is not None:
        return decoded, decoded.drawing
    return decoded, look_at(decoded.pixels).kind == "drawing"
