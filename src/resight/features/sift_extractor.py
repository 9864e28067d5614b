"""Extracts SIFT from database photos and from queries; small queries are enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from resight.features.kinds import Sift
from resight.features.local import LocalFeatures
from resight.features.sift import DIMENSIONS, extract_sift
from resight.images import Box, Decoded, part_of


class SiftExtractor:
    """An extractor that does all work in the first step, because extracting several photos together gains nothing."""

    together = 1
    dimensions = DIMENSIONS

    def __init__(self, params: Sift) -> None:
        self.params = params
        self.max_side = params.max_side

    def prepare(self, decoded: Decoded) -> LocalFeatures:
        """Returns features in pixels of the upright original."""
        return extract_sift(decoded.pixels, decoded.size, self.params, counts=decoded.counts)

    def prepare_query(self, decoded: Decoded, box: Box | None) -> LocalFeatures:
        """Returns features of a query photo, or of a part of it, in pixels of the upright original.

        A box is cropped and then treated like a photo: a small part is enlarged (`Sift.enlarge_to`). Raises UsageError
        where the box has no area inside the photo.
        """
        if box is None:
            return extract_sift(decoded.pixels, decoded.size, self.params, self.params.enlarge_to, decoded.counts)
        part = part_of(decoded, box)
        height, width = part.pixels.shape[:2]
        features = extract_sift(part.pixels, (width, height), self.params, self.params.enlarge_to, part.counts)
        enlarging = np.float32(1.0) / np.array(part.factors, np.float32)
        xy = features.xy * enlarging + np.array(part.origin, np.float32)
        return replace(features, xy=xy, scale=features.scale * np.sqrt(enlarging.prod()))

    def extract(self, prepared: Sequence[LocalFeatures]) -> Sequence[LocalFeatures]:
        """Returns the prepared features unchanged."""
        return prepared
