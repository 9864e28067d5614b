"""Channels of feature maps: one pooled vector an image, or a vector a region, compared region by region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Arrays, Rows
from resight.channels.vectors import Vector, VectorChannel
from resight.descriptors.kinds import PooledKind, Regions
from resight.descriptors.pooled import descriptor, region_vectors
from resight.features.extractor import Extractor
from resight.features.maps import ImageMaps
from resight.learned.whitening import Whitening, from_arrays
from resight.search.regional import RegionBlock, RegionSearch
from resight.search.selection import NameOrder

Fitted = Mapping[str, NDArray[Any]]


class PooledChannel(VectorChannel):
    """Feature maps pooled to one vector."""

    def __init__(self, extractor: Extractor[Any, ImageMaps], method: PooledKind, fitted: Fitted) -> None:
        self._method = method
        self._whitening = whitening_of(method, fitted)
        super().__init__(extractor, dimensions(extractor, self._whitening))

    def aggregate(self, features: ImageMaps) -> Vector:
        return descriptor(features, self._method, self._whitening)

    def encode(self, features: ImageMaps, size: tuple[int, int]) -> tuple[Vector, int]:
        """The vector, which counts as one feature."""
        return self.aggregate(features), 1


class RegionChannel:
    """A vector for each region of an image, in float16; a query's regions are compared with all of them."""

    def __init__(self, extractor: Extractor[Any, ImageMaps], method: Regions, fitted: Fitted) -> None:
        self.extractor = extractor
        self._method = method
        self._whitening = whitening_of(method, fitted)
        self.size = dimensions(extractor, self._whitening)

    def encode(self, features: ImageMaps, size: tuple[int, int]) -> Vector:
        """(r, size) vectors of the regions."""
        return region_vectors(features, self._method, self._whitening)

    def nothing(self) -> Vector:
        """What an image without regions has."""
        return np.zeros((0, self.size), np.float32)

    query = encode

    def as_query(self, kept: Vector) -> Vector:
        """An indexed image as a query."""
        return kept

    def pack(self, images: Sequence[Vector]) -> dict[str, NDArray[Any]]:
        """Regions of image i are rows offsets[i]:offsets[i + 1]."""
        counts = [0, *(len(image) for image in images)]
        vectors = np.concatenate([self.nothing(), *images]).astype(np.float16)
        return {"vectors": vectors, "offsets": np.cumsum(counts, dtype=np.int64)}

    def merge(self, segments: Sequence[Rows]) -> dict[str, NDArray[Any]]:
        """The live images of several segments."""
        counts = [np.diff(segment.arrays["offsets"]) for segment in segments]
        kept = [
            segment.arrays["vectors"][np.repeat(segment.alive, count)]
            for segment, count in zip(segments, counts, strict=True)
        ]
        alive = [count[segment.alive] for segment, count in zip(segments, counts, strict=True)]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(alive), dtype=np.int64)])
        return {"vectors": np.concatenate(kept), "offsets": offsets}

    def searcher(self, segments: Sequence[Rows], names: NameOrder) -> RegionSearch:
        """Exhaustive search over the segments' regions, which stay where they are."""
        blocks = [
            RegionBlock(segment.arrays["vectors"], segment.arrays["offsets"], segment.ids, segment.alive)
            for segment in segments
        ]
        return RegionSearch(blocks, order=names)

    def evidence(self, arrays: Arrays, row: int) -> Vector:
        """The regions of one image."""
        part = slice(int(arrays["offsets"][row]), int(arrays["offsets"][row + 1]))
        return np.asarray(arrays["vectors"][part], np.float32)

    def features_of(self, arrays: Arrays) -> NDArray[np.int64]:
        """(n,) number of regions of each image."""
        return np.asarray(np.diff(arrays["offsets"]), np.int64)

    def words_of(self, arrays: Arrays) -> NDArray[np.int64]:
        """(n,) zeros: vectors are no words."""
        return np.zeros(len(arrays["offsets"]) - 1, np.int64)


def whitening_of(method: PooledKind, fitted: Fitted) -> Whitening | None:
    """The whitening to the dimensions that a method asks for, None where it asks for none."""
    return from_arrays(fitted).reduced(method.dimensions) if method.whitening == "pca" else None


def dimensions(extractor: Extractor[Any, ImageMaps], whitening: Whitening | None) -> int:
    """Of the vectors that are kept."""
    return whitening.dimensions if whitening is not None else extractor.dimensions
