"""SIFT of database photos and of queries, of which small ones are enlarged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from resight.features.kinds import Sift
from resight.features.local import LocalFeatures
from resight.features.sift import DIMENSIONS, extract_sift
from resight.images import Box, Decoded, check_box, crop


class SiftExtractor:
    """Extracts in the first of the two steps, because nothing is gained by several photos at once."""

    together = 1
    dimensions = DIMENSIONS

    def __init__(self, params: Sift) -> None:
        self.params = params
        self.max_side = params.max_side

    def prepare(self, decoded: Decoded) -> LocalFeatures:
        """Features in pixels of the upright original."""
        return extract_sift(decoded.pixels, decoded.size, self.params)

    def prepare_query(self, decoded: Decoded, box: Box | None) -> LocalFeatures:
        """Features of a query photo, or of a part of it, in pixels of the upright original.

        With a box it is cropped and then treated like a photo: a small part is enlarged (`Sift.enlarge_to`).
        Raises UsageError where the box has no area inside the photo.
        """
        if box is None:
            return extract_sift(decoded.pixels, decoded.size, self.params, self.params.enlarge_to)
        height, width = decoded.pixels.shape[:2]
        reduced = np.array([width / decoded.size[0], height / decoded.size[1]] * 2)
        x0, y0, x1, y1 = np.clip(check_box(box, decoded.size) * reduced, 0, [width, height] * 2).tolist()
        part = crop(decoded.pixels, (x0, y0, x1, y1))
        features = extract_sift(part, (part.shape[1], part.shape[0]), self.params, self.params.enlarge_to)
        inside = features.mapped(1.0, (math.floor(x0), math.floor(y0)))
        enlarging = (1.0 / reduced[:2]).astype(np.float32)
        return replace(inside, xy=inside.xy * enlarging, scale=inside.scale * np.sqrt(enlarging.prod()))

    def extract(self, prepared: Sequence[LocalFeatures]) -> Sequence[LocalFeatures]:
        """What was prepared."""
        return prepared
