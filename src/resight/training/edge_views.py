"""The images of a step for a network that sees edges: those of photos, and what a hand would draw of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from resight.arrays import Float32, Int64, Pixels, UInt8
from resight.features.edges.extractor import as_pixels
from resight.features.edges.framed import Framed
from resight.features.edges.framing import squared
from resight.features.kinds import EdgeMaps
from resight.images import Decoded
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

    A step is mirrored as a whole or not at all, negatives too, so that images that match stay alike: ECCV 2018,
    section 4.1.
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
        # The filter is the model's: it may learn.
        self._framed, self._scale = Framed(edges.model_copy(update={"filter": None})), self._side / edges.side
        self._hand = replace(
            HASTY,
            **{name: getattr(HASTY, name) * strength for name in ("bend", "wobble", "turn", "stretch", "shear")},
        )
        self._found: dict[int, UInt8] = {}

    def image(self, seen: Seen) -> Pixels:
        """Returns edges (H, W, 3), bright on dark: the same for the same request."""
        strengths = self._edges_of(seen.photo)
        if seen.look == "strong":
            found = self._framed.of_lines(
                drawn(strengths, self._hand, np.random.default_rng(list(seen.seed))), self._scale
            )
        else:
            if seen.look == "mild":
                strengths = _often_binary(strengths, np.random.default_rng(list(seen.seed)))
            found = self._framed.of_edges(strengths, self._scale)
        # What belongs to no step, as in validation, has no seed.
        if seen.seed and np.random.default_rng([_STREAM, *seen.seed[:-1]]).random() < _MIRRORED:
            found = np.ascontiguousarray(found[:, ::-1])
        return as_pixels(found if self._edges.frame == "content" else squared(found, self._side))

    def _edges_of(self, row: int) -> Float32:
        """Returns thin edges of a photo, which are kept with 8 bits."""
        if row not in self._found:
            pixels = self._photos[row]
            decoded = Decoded(pixels, (pixels.shape[1], pixels.shape[0]))
            self._found[row] = np.ceil(255.0 * self._framed.strengths(decoded, self._scale)).astype(np.uint8)
        return self._found[row].astype(np.float32) / np.float32(255.0)


def _often_binary(strengths: Float32, rng: Generator) -> Float32:
    """Returns edges that are made binary by a random threshold, or left as they are; some are always left."""
    if rng.random() >= BINARISED:
        return strengths
    return (strengths > min(rng.uniform(0, MOST), 0.9 * float(strengths.max()))).astype(np.float32)
