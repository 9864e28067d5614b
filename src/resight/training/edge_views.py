"""The images of a step for a network that sees edges: those of photos, and what a hand would draw of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from resight.arrays import Float32, Int64, Pixels, UInt8
from resight.features.edges.detector import edge_strengths
from resight.features.edges.extractor import as_pixels
from resight.features.edges.filtering import filtered
from resight.features.edges.framing import content_box, frame, lines_box, squared
from resight.features.kinds import EdgeMaps
from resight.images import resize
from resight.training.drawing import Seen
from resight.training.kinds import PhotoSizes
from resight.training.photos import TrainingPhotos
from resight.training.sketching import HASTY, drawn
from resight.training.views import Views

BINARISED, MOST = 0.5, 0.2
"""Share of the anchors whose edges are made binary, and the most of their random threshold: Radenovic et al., ECCV
2018, section 4.1."""
_MIRRORED = 0.5
_STREAM = 17


class EdgeViews(Views):
    """A maker of the edges of photos: "plain" as they are, "mild" often binary, "strong" as a hasty hand draws them.

    A step is mirrored as a whole or not at all, so that images that match stay alike: ECCV 2018, section 4.1.
    """

    def __init__(
        self,
        photos: TrainingPhotos,
        form: PhotoSizes,
        backgrounds: Int64,
        strength: float = 1.0,
        least: int = 1,
        square: int | None = None,
        *,
        edges: EdgeMaps,
    ) -> None:
        super().__init__(photos, form, backgrounds, strength, least, square)
        self._edges = edges
        self._side = max(form.side, least)
        self._hand = replace(
            HASTY,
            **{name: getattr(HASTY, name) * strength for name in ("bend", "wobble", "turn", "stretch", "shear")},
        )
        self._found: dict[int, UInt8] = {}

    def image(self, seen: Seen) -> Pixels:
        """Returns edges (H, W, 3), bright on dark: the same for the same request."""
        strengths = self._edges_of(seen.photo)
        if seen.look == "plain":
            return as_pixels(self._framed(strengths))
        rng = np.random.default_rng(list(seen.seed))
        if seen.look == "strong":
            lines = drawn(strengths, self._hand, rng)
            found = self._framed(lines, lines_box(lines > 0))
        else:
            if rng.random() < BINARISED:
                strengths = (strengths > min(rng.uniform(0, MOST), 0.9 * float(strengths.max()))).astype(np.float32)
            found = self._framed(strengths)
        if np.random.default_rng([_STREAM, *seen.seed[:-1]]).random() < _MIRRORED:
            found = np.ascontiguousarray(found[:, ::-1])
        return as_pixels(found)

    def _edges_of(self, row: int) -> Float32:
        """Returns thin edges of a photo, which are kept with 8 bits."""
        if row not in self._found:
            pixels = resize(self._photos[row], self._edges.detail(self._side / self._edges.side))
            found = edge_strengths(pixels, suppression=self._edges.suppression)
            self._found[row] = np.ceil(255.0 * found).astype(np.uint8)
        return self._found[row].astype(np.float32) / np.float32(255.0)

    def _framed(self, strengths: Float32, box: tuple[int, int, int, int] | None = None) -> Float32:
        height, width = strengths.shape
        if box is None and self._edges.frame == "content":
            box = content_box(strengths)
        pad = round(self._edges.pad * self._side / self._edges.side)
        framed = frame(strengths, box or (0, 0, width, height), self._side, pad, self._edges.width)
        return filtered(squared(framed, self._side), self._edges.filter)
