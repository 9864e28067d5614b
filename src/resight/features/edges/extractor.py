"""Photos and drawings to the maps of a network that sees their edges and lines alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from resight.arrays import Float32, Pixels
from resight.features.edges.framed import Framed, asked
from resight.features.image_maps import ImageMaps, PreparedImage
from resight.features.kinds import EdgeMaps, Maps
from resight.features.maps import MapExtractor
from resight.features.networks.layers import Layered
from resight.images import Box, Decoded


class EdgeExtractor:
    """An extractor of maps of edges: at several scales, and mirrored where the recipe says so.

    Raises the errors of `MapExtractor`. Of a query that is a line drawing the lines count, of any other picture the
    edges; `Decoded.drawing` says which, and where it does not, `look_at` decides.

    Notes: edges are detected at each scale anew, as in the code of Radenovic et al., ECCV 2018.
    """

    def __init__(self, params: EdgeMaps, folder: Path | None = None) -> None:
        self.params = params
        self._framed = Framed(params)
        of_network = Maps(
            network=params.network,
            checkpoint=params.checkpoint,
            layer=params.layer,
            precision=params.precision,
            runtime=params.runtime,
            max_side=round(max(params.scales) * params.side),
        )
        self._maps = MapExtractor(of_network, folder)
        self.max_side = params.max_side
        self.together = self._maps.together
        self.dimensions = self._maps.dimensions

    def network(self) -> Layered:
        """Returns the layers of the network, as numbers. Raises the errors of opening it."""
        return self._maps.network()

    def prepare(self, decoded: Decoded) -> list[PreparedImage]:
        """Prepares the edges of a photo, or the lines of a drawing among them, at every scale."""
        return self._prepared(*asked(decoded, None))

    def prepare_query(self, decoded: Decoded, box: Box | None) -> list[PreparedImage]:
        """Prepares the edges of a query photo, or the lines of a drawing, or of a part of it.

        Raises UsageError where the box has no area inside of the photo.
        """
        return self._prepared(*asked(decoded, box))

    def edges(self, decoded: Decoded, is_drawing: bool, scale: float = 1.0) -> Float32:
        """Returns (h, w) what the network sees of a picture at a scale, from 0 to 1."""
        return self._framed.edges(decoded, is_drawing, scale)

    def extract(self, prepared: Sequence[list[PreparedImage]]) -> list[ImageMaps]:
        """Returns the maps of some photos, in their order: those of all scales of each, then those mirrored."""
        found = iter(self._maps.extract([one for each in prepared for one in each]))
        joined = []
        for each in prepared:
            own = [next(found) for _ in each]
            maps, masks, inputs = (tuple(getattr(one, name)[0] for one in own) for name in ("maps", "masks", "inputs"))
            joined.append(ImageMaps(maps, masks, own[0].size, inputs))
        return joined

    def _prepared(self, decoded: Decoded, is_drawing: bool) -> list[PreparedImage]:
        seen = [as_pixels(self.edges(decoded, is_drawing, scale)) for scale in self.params.scales]
        if self.params.mirror:
            seen += [np.ascontiguousarray(one[:, ::-1]) for one in seen]
        # Enlarged to what the network takes, as photos are.
        return [self._maps.prepare(Decoded(one, decoded.size)) for one in seen]


def as_pixels(edges: Float32) -> Pixels:
    """Returns (H, W, 3) uint8 of edges (H, W) from 0 to 1, the same in each channel, bright on dark."""
    grey = np.rint(255.0 * edges).astype(np.uint8)
    return np.asarray(cv2.merge([grey] * 3), np.uint8)
