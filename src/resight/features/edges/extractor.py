"""Photos and drawings to the maps of a network that sees their edges and lines alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from resight.arrays import Float32, Pixels
from resight.features.edges.detector import edge_strengths
from resight.features.edges.filtering import filtered
from resight.features.edges.framing import content_box, frame, lines_box
from resight.features.edges.lines import ink_of, lines_of
from resight.features.edges.verdict import look_at
from resight.features.kinds import EdgeMaps, Maps
from resight.features.maps import ImageMaps, MapExtractor, PreparedImage
from resight.features.networks.layers import Layered
from resight.images import Box, Decoded, part_of, resize, scaled

DETAIL = 320
"""Long side in pixels of a photo whose edges are detected, for a frame of `EDGES_OF`; in proportion for others."""
EDGES_OF = 192


class EdgeExtractor:
    """An extractor of maps of edges: at several scales, and mirrored where the recipe says so.

    Raises the errors of `MapExtractor`. Of a query that is a line drawing the lines count, of any other picture the
    edges; `Decoded.drawing` says which, and where it does not, `look_at` decides.

    Notes: edges are detected at each scale anew, as in the code of Radenovic et al., ECCV 2018.
    """

    def __init__(self, params: EdgeMaps, folder: Path | None = None) -> None:
        self.params = params
        named = {"network", "checkpoint", "layer", "precision", "runtime"}
        self._maps = MapExtractor(Maps(**{key: getattr(params, key) for key in named}), folder)
        self.max_side = self._detail(max(params.scales))
        self.together = self._maps.together
        self.dimensions = self._maps.dimensions

    def network(self) -> Layered:
        """Returns the layers of the network, as numbers. Raises the errors of opening it."""
        return self._maps.network()

    def prepare(self, decoded: Decoded) -> list[PreparedImage]:
        """Prepares the edges of a photo, at every scale."""
        return self._prepared(decoded, is_drawing=False)

    def prepare_query(self, decoded: Decoded, box: Box | None) -> list[PreparedImage]:
        """Prepares the edges of a query photo, or the lines of a drawing, or of a part of it.

        Raises UsageError where the box has no area inside of the photo.
        """
        if box is not None:
            part = part_of(decoded, box)
            height, width = part.pixels.shape[:2]
            decoded = Decoded(part.pixels, (width, height), counts=part.counts, drawing=decoded.drawing)
        is_drawing = decoded.drawing
        if is_drawing is None:
            is_drawing = look_at(decoded.pixels).kind == "drawing"
        return self._prepared(decoded, is_drawing)

    def edges(self, decoded: Decoded, is_drawing: bool, scale: float = 1.0) -> Float32:
        """Returns (h, w) what the network sees of a picture at a scale, from 0 to 1."""
        side, pad = round(self.params.side * scale), round(self.params.pad * scale)
        strengths, box = self._lines(decoded) if is_drawing else self._edges(decoded, scale)
        return filtered(frame(strengths, box, side, pad, self.params.width), self.params.filter)

    def extract(self, prepared: Sequence[list[PreparedImage]]) -> list[ImageMaps]:
        """Returns the maps of some photos, in their order: those of all scales of each, then those mirrored."""
        found = iter(self._maps.extract([one for each in prepared for one in each]))
        joined = []
        for each in prepared:
            own = [next(found) for _ in each]
            joined.append(
                ImageMaps(
                    tuple(one.maps[0] for one in own),
                    tuple(one.masks[0] for one in own),
                    own[0].size,
                    tuple(one.inputs[0] for one in own),
                )
            )
        return joined

    def _prepared(self, decoded: Decoded, is_drawing: bool) -> list[PreparedImage]:
        seen = [as_pixels(self.edges(decoded, is_drawing, scale)) for scale in self.params.scales]
        if self.params.mirror:
            seen += [np.ascontiguousarray(one[:, ::-1]) for one in seen]
        # Enlarged to what the network takes, as photos are.
        return [self._maps.prepare(Decoded(one, decoded.size)) for one in seen]

    def _edges(self, decoded: Decoded, scale: float) -> tuple[Float32, tuple[int, int, int, int]]:
        """Returns thin edges of a photo, and the part of it that is framed."""
        pixels = resize(decoded.pixels, self._detail(scale))
        strengths = edge_strengths(pixels, suppression=self.params.suppression)
        height, width = strengths.shape
        if decoded.counts is not None:
            strengths = np.where(scaled(decoded.counts, (height, width)), strengths, np.float32(0.0))
        box = content_box(strengths) if self.params.frame == "content" else None
        return strengths, box or (0, 0, width, height)

    def _lines(self, decoded: Decoded) -> tuple[Float32, tuple[int, int, int, int]]:
        """Returns thin lines of a drawing, and the part of it that they fill."""
        lines = lines_of(ink_of(decoded.pixels))
        if decoded.counts is not None:
            lines &= scaled(decoded.counts, lines.shape)
        height, width = lines.shape
        return lines.astype(np.float32), lines_box(lines) or (0, 0, width, height)

    def _detail(self, scale: float) -> int:
        return round(DETAIL * scale * self.params.side / EDGES_OF)


def as_pixels(edges: Float32) -> Pixels:
    """Returns (H, W, 3) uint8 of edges (H, W) from 0 to 1, the same in each channel, bright on dark."""
    grey = np.rint(255.0 * edges).astype(np.uint8)
    return np.asarray(cv2.merge([grey] * 3), np.uint8)
