"""Activations of a photo, or of parts of it, each warped to the size that a network was trained on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resight.arrays import Float32, Int64, Mask, Pixels
from resight.features.image_maps import PreparedImage
from resight.features.kinds import Codes, Maps, RegionFeatures
from resight.features.maps import MapExtractor
from resight.features.regions.grids import dense_patches
from resight.features.regions.sources import half_counted, region_source
from resight.features.regions.warping import warp_regions
from resight.images import Box, Decoded, part_of, resize, scaled
from resight.libraries import to_numpy

PATCHED_SIDE, PATCH_SIDES, PATCH_STRIDE = 256, (128, 64), 32
"""Sides of the squares in pixels: Gong, Wang, Guo & Lazebnik, ECCV 2014, section 3."""


@dataclass(frozen=True)
class ImageCodes:
    """Activations (m, C) float32 of the m regions of a photo or a part of it; the first is that of the whole.

    levels: (m,) int64, 0 for the first, then from 1, the larger regions first.
    """

    rows: Float32
    levels: Int64

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class PreparedRegions:
    """Input of a network. pixels: (R, side, side, 3) uint8; levels: (R,), as in `ImageCodes`."""

    pixels: Pixels
    levels: Int64


class CodeExtractor:
    """An extractor that warps regions of the pixels and runs the network on each (multiple passes).

    Raises the errors of `MapExtractor`.

    Of a masked photo, regions of which less than half counts are left out, except the whole.

    Notes: the whole photo comes first, which the squares of Razavian et al. omit. If a layer has more than one position
    on images of the network's size, each channel's maximum is used.
    """

    def __init__(self, params: Codes, folder: Path | None = None) -> None:
        self.params = params
        self.max_side = params.max_side
        self._maps = MapExtractor(maps_of(params), folder)
        self.dimensions = self._maps.dimensions
        self._side = self._maps.input_side
        self._source = region_source(params)
        # Regions of one photo fill a batch; with two photos the network stays in the thread that waits for photos.
        self.together = self._maps.together if params.regions == "whole" else 2

    def prepare(self, decoded: Decoded) -> PreparedRegions:
        """Returns the warped regions of a photo, the whole first."""
        return self._warped(decoded.pixels, decoded.counts, decoded.name, decoded.size)

    def prepare_query(self, decoded: Decoded, box: Box | None) -> PreparedRegions:
        """Returns the warped regions of a query photo, or of a part of it.

        Raises UsageError where the box is not inside the photo.
        """
        if box is None:
            return self.prepare(decoded)
        part = part_of(decoded, box)
        # Boxes of a file are those of whole photos: what is asked for has none of them.
        height, width = part.pixels.shape[:2]
        return self._warped(part.pixels, part.counts, "", (width, height))

    def extract(self, prepared: Sequence[PreparedRegions]) -> list[ImageCodes]:
        """Returns the activations of some photos, in their order."""
        size = (self._side, self._side)
        regions = [PreparedImage(pixels, size) for one in prepared for pixels in one.pixels]
        rows: list[Float32] = []
        # A few at a time, because maps may be large.
        for start in range(0, len(regions), self._maps.together):
            some = self._maps.extract(regions[start : start + self._maps.together])
            rows += (to_numpy(image.maps[0]).max(axis=(1, 2)) for image in some)
        bounds = itertools.accumulate((len(one.levels) for one in prepared), initial=0)
        return [
            ImageCodes(np.stack(rows[start:end]), one.levels)
            for one, (start, end) in zip(prepared, itertools.pairwise(bounds), strict=True)
        ]

    def _warped(self, pixels: Pixels, counts: Mask | None, name: str, size: tuple[int, int]) -> PreparedRegions:
        pixels = resize(pixels, self.max_side)
        side, regions = (self._side, self._side), self.params.regions
        height, width = pixels.shape[:2]
        whole = np.array([[0, 0, width, height]], np.int64)
        given = warp_regions(pixels, whole, side)
        if regions == "whole":
            return PreparedRegions(given, np.zeros(1, np.int64))
        if regions == "patches":
            square = warp_regions(pixels, whole, (PATCHED_SIDE, PATCHED_SIDE))[0]
            found = [dense_patches(PATCHED_SIDE, PATCHED_SIDE, size, PATCH_STRIDE) for size in PATCH_SIDES]
            boxes = np.concatenate(found)
            levels = np.repeat([1, 2], [len(some) for some in found])
        else:
            square = pixels
            boxes, levels = self._source(pixels, name, size)
        if counts is not None:
            kept = half_counted(scaled(counts, square.shape[:2]), boxes)
            boxes, levels = boxes[kept], levels[kept]
        parts = warp_regions(square, boxes, side)
        return PreparedRegions(np.concatenate([given, parts]), np.concatenate([[0], levels]).astype(np.int64))


def maps_of(params: RegionFeatures) -> Maps:
    """Returns the parameters of the maps of whole photos, or of parts that are run alone."""
    return Maps(
        network=params.network,
        checkpoint=params.checkpoint,
        layer=params.layer,
        max_side=params.max_side,
        precision=params.precision,
        runtime=params.runtime,
    )
