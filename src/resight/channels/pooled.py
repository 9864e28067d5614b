"""Channels of feature maps: one pooled vector an image, or a vector a region, compared region by region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.channels.regions import RegionVectorChannel
from resight.channels.vectors import Vector, VectorChannel
from resight.descriptors.contributions import Traced, traced, traced_by_scale
from resight.descriptors.kinds import Cam, CodeKind, Crow, Gem, Mac, PooledKind, Regions, Rmac, Spoc, SuperGlobalPooling
from resight.descriptors.pooled import descriptor, descriptor_by_scale, region_vectors
from resight.features.extractor import Extractor
from resight.features.maps import ImageMaps
from resight.features.sight import Sight
from resight.learned.whitening import Whitening, from_arrays

Fitted = Mapping[str, NDArray[Any]]

EXPONENT = "exponent"
"""Array of a checkpoint's p of GeM."""
BY_SCALE = "by_scale"
"""Array that is there, with nothing in it, where every scale is whitened by itself."""


class PooledChannel(VectorChannel):
    """Feature maps pooled to one vector."""

    def __init__(self, extractor: Extractor[Any, ImageMaps], method: PooledKind, fitted: Fitted) -> None:
        self._method = method
        self._whitening = whitening_of(method, fitted)
        self._exponent = exponent_of(fitted)
        self._by_scale = BY_SCALE in fitted
        super().__init__(extractor, dimensions(extractor, self._whitening))

    def aggregate(self, features: ImageMaps) -> Vector:
        if self._by_scale and self._whitening is not None and isinstance(self._method, Mac | Spoc | Gem | Crow):
            return descriptor_by_scale(features, self._method, self._whitening, self._exponent)
        return descriptor(features, self._method, self._whitening, self._exponent)

    def traced(self, features: ImageMaps, places: tuple[Sight, ...]) -> Traced:
        """The vector as sums over positions, which are at `places` on the photo."""
        assert not isinstance(self._method, Regions | SuperGlobalPooling), "neither is a sum over positions"
        if self._by_scale and self._whitening is not None and not isinstance(self._method, Rmac):
            return traced_by_scale(features, places, self._method, self._whitening, self._exponent)
        return traced(features, places, self._method, self._whitening, self._exponent)

    def encode(self, features: ImageMaps, size: tuple[int, int]) -> tuple[Vector, int]:
        """The vector, which counts as one feature."""
        return self.aggregate(features), 1


class RegionChannel(RegionVectorChannel):
    """A vector for each region of the feature maps."""

    def __init__(self, extractor: Extractor[Any, ImageMaps], method: Regions, fitted: Fitted) -> None:
        self._method = method
        self._whitening = whitening_of(method, fitted)
        super().__init__(extractor, dimensions(extractor, self._whitening), method.matching)

    def encode(self, features: ImageMaps, size: tuple[int, int]) -> Vector:
        """(r, size) vectors of the regions."""
        return region_vectors(features, self._method, self._whitening)


def whitening_of(method: PooledKind | CodeKind | Cam, fitted: Fitted) -> Whitening | None:
    """The whitening to the dimensions that a method asks for, or as many as it has; None where it asks for none."""
    if method.whitening == "none":
        return None
    whitening = from_arrays(fitted)
    return whitening.reduced(min(method.dimensions, whitening.dimensions))


def exponent_of(fitted: Fitted) -> Vector | None:
    """(1,) or (C,): the p of GeM that was learned with the network, None where none was."""
    return np.asarray(fitted[EXPONENT], np.float32) if EXPONENT in fitted else None


def dimensions(extractor: Extractor[Any, Any], whitening: Whitening | None) -> int:
    """Of the vectors that are kept."""
    return whitening.dimensions if whitening is not None else extractor.dimensions
