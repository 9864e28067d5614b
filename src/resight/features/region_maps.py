"""The largest activations in parts of a photo, on one feature map of it: a single pass for all parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resight.arrays import Boxes, GridBoxes, Int64
from resight.features.codes import ImageCodes, maps_of
from resight.features.image_maps import ImageMaps, PreparedImage, layer_sampling
from resight.features.kinds import RegionMaps
from resight.features.maps import MapExtractor
from resight.features.regions.sampling import Sampling, positions
from resight.features.regions.sources import half_counted, region_source
from resight.images import Box, Decoded, part_of, resize, scaled
from resight.libraries import to_numpy


@dataclass(frozen=True)
class PreparedParts:
    """Input of a network, and parts of it. boxes: (R, 4) in pixels of the input; levels: (R,), as in `ImageCodes`."""

    image: PreparedImage
    boxes: Boxes
    levels: Int64


class RegionMapExtractor:
    """An extractor that runs the network once on a photo and pools its map over the whole and over each part.

    A position of the map belongs to a part where its centre lies in it; a part without one has the nearest. Raises the
    errors of `MapExtractor`, and UsageError where the file of boxes is missing or not one.

    Of a masked photo, positions that do not count are 0, and parts of which less than half counts are left out.
    """

    def __init__(self, params: RegionMaps, folder: Path | None = None) -> None:
        self.params = params
        self.max_side = params.max_side
        self._maps = MapExtractor(maps_of(params), folder)
        self._source = region_source(params)
        self.dimensions = self._maps.dimensions
        self.together = self._maps.together

    def prepare(self, decoded: Decoded) -> PreparedParts:
        """Returns a photo and its parts."""
        return self._with_parts(decoded, self._maps.prepare(decoded))

    def prepare_query(self, decoded: Decoded, box: Box | None) -> PreparedParts:
        """Returns a query photo, or a part of it, and the parts of that.

        Raises UsageError where the box is not inside the photo.
        """
        prepared = self._maps.prepare_query(decoded, box)
        if box is None:
            return self._with_parts(decoded, prepared)
        part = part_of(decoded, box)
        height, width = part.pixels.shape[:2]
        # Boxes of a file are those of whole photos: what is asked for has none of them.
        return self._with_parts(Decoded(part.pixels, (width, height), counts=part.counts), prepared)

    def extract(self, prepared: Sequence[PreparedParts]) -> list[ImageCodes]:
        """Returns the activations of some photos, in their order."""
        found = self._maps.extract([one.image for one in prepared])
        return [self._pooled(one, maps) for one, maps in zip(prepared, found, strict=True)]

    def _with_parts(self, decoded: Decoded, prepared: PreparedImage) -> PreparedParts:
        pixels = resize(decoded.pixels, self.max_side)
        boxes, levels = self._source(pixels, decoded.name, decoded.size)
        if decoded.counts is not None:
            kept = half_counted(scaled(decoded.counts, pixels.shape[:2]), boxes)
            boxes, levels = boxes[kept], levels[kept]
        # Small photos and parts are enlarged for the network.
        (height, width), (own, other) = prepared.pixels.shape[:2], pixels.shape[:2]
        return PreparedParts(prepared, boxes * np.array([width / other, height / own] * 2), levels)

    def _pooled(self, prepared: PreparedParts, found: ImageMaps) -> ImageCodes:
        maps = to_numpy(found.maps[0])
        if found.masks[0] is not None:
            maps = maps * to_numpy(found.masks[0])
        height, width = prepared.image.pixels.shape[:2]
        network, layer = self._maps.network(), self.params.layer
        along = (layer_sampling(network, layer, width), layer_sampling(network, layer, height))
        parts = _positions(prepared.boxes, along, (maps.shape[1], maps.shape[2]))
        rows = [maps.max(axis=(1, 2)), *(maps[:, y0:y1, x0:x1].max(axis=(1, 2)) for x0, y0, x1, y1 in parts.tolist())]
        return ImageCodes(np.stack(rows), np.concatenate([[0], prepared.levels]).astype(np.int64))


def _positions(boxes: Boxes, along: tuple[Sampling, Sampling], shape: tuple[int, int]) -> GridBoxes:
    """Returns the positions of boxes on a map of `shape`, sampled otherwise along x than along y."""
    x, y = (positions(boxes, sampling, shape) for sampling in along)
    return np.stack([x[:, 0], y[:, 1], x[:, 2], y[:, 3]], axis=1)
