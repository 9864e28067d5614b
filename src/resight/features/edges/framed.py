"""A photo or a drawing to the frame of edges or lines that is compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32
from resight.features.edges.detector import edge_strengths
from resight.features.edges.filtering import filtered
from resight.features.edges.framing import content_box, frame, lines_box, squared
from resight.features.edges.kinds import Edges
from resight.features.edges.lines import ink_of, lines_of
from resight.features.edges.verdict import look_at
from resight.images import Box, Decoded, part_of, resize, scaled


@dataclass(frozen=True)
class Framed:
    """Frames the content of pictures, by the parameters of a recipe."""

    params: Edges

    def edges(self, decoded: Decoded, is_drawing: bool, scale: float = 1.0) -> Float32:
        """Returns (h, w) the edges of a photo or the lines of a drawing at a scale, from 0 to 1."""
        return (
            self.of_lines(self._lines(decoded), scale)
            if is_drawing
            else self.of_edges(self.strengths(decoded, scale), scale)
        )

    def strengths(self, decoded: Decoded, scale: float = 1.0) -> Float32:
        """Returns (H, W) the thin edges of a photo at the size at which they are found for a scale."""
        pixels = resize(decoded.pixels, self.params.detail(scale))
        found = edge_strengths(pixels, suppression=self.params.suppression)
        if decoded.counts is not None:
            found = np.where(scaled(decoded.counts, found.shape), found, np.float32(0.0))
        return found

    def of_edges(self, strengths: Float32, scale: float = 1.0) -> Float32:
        """Returns (h, w) the frame of thin edges (H, W): of all, or of where they are."""
        return self._framed(strengths, content_box(strengths) if self.params.frame == "content" else None, scale)

    def of_lines(self, lines: Float32, scale: float = 1.0) -> Float32:
        """Returns (h, w) the frame of the lines (H, W) of a drawing, which are always cropped to what they fill."""
        return self._framed(lines, lines_box(lines > 0), scale)

    def _framed(self, strengths: Float32, box: tuple[int, int, int, int] | None, scale: float) -> Float32:
        height, width = strengths.shape
        side, pad = round(self.params.side * scale), round(self.params.pad * scale)
        framed = frame(strengths, box or (0, 0, width, height), side, pad, self.params.width)
        return filtered(squared(framed, side) if self.params.frame == "content" else framed, self.params.filter)

    def _lines(self, decoded: Decoded) -> Float32:
        lines = lines_of(ink_of(decoded.pixels))
        if decoded.counts is not None:
            lines = lines & scaled(decoded.counts, lines.shape)
        return lines.astype(np.float32)


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
