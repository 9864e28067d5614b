"""One vector an image, searched exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resight.arrays import Array, Arrays, Int64, Vector
from resight.channels.channel import SegmentRows
from resight.kernels.soundness import finite, misshapen
from resight.search.vectors import VectorBlock, VectorRows


class VectorLayout:
    """Vectors of `size` dimensions, with the number of features that each was made of."""

    def __init__(self, size: int) -> None:
        self.size = size

    def as_query(self, kept: tuple[Vector, int]) -> Vector:
        """Returns an indexed image as a query."""
        return kept[0]

    def is_nothing(self, query: Vector) -> bool:
        """Returns whether a query has nothing that it could be compared by."""
        return not bool(query.any())

    def pack(self, images: Sequence[tuple[Vector, int]]) -> dict[str, Array]:
        """Returns vectors (n, size) and numbers of features (n,) of a batch.

        A vector of zeros, which finds nothing, has 0 features.
        """
        vectors = np.stack([vector for vector, _ in images]) if images else np.empty((0, self.size), np.float32)
        features = np.array([count if vector.any() else 0 for vector, count in images], np.int32)
        return {"vectors": vectors, "features": features}

    def merge(self, segments: Sequence[SegmentRows]) -> dict[str, Array]:
        """Returns the live rows of several segments."""
        return {
            name: np.concatenate([segment.arrays[name][segment.alive] for segment in segments])
            for name in ("vectors", "features")
        }

    def live(self, segments: Sequence[SegmentRows]) -> VectorRows:
        """Returns the segments' vectors, which stay where they are."""
        blocks = [VectorBlock(segment.arrays["vectors"], segment.ids, segment.alive) for segment in segments]
        return VectorRows(blocks, self.size)

    def evidence(self, arrays: Arrays, row: int) -> tuple[Vector, int]:
        """Returns the vector and the number of features of one image."""
        return np.asarray(arrays["vectors"][row]), int(arrays["features"][row])

    def fault(self, arrays: Arrays, images: int) -> tuple[str, str] | None:
        """Returns the first array that is not as `pack` makes it; see `ChannelLayout.fault`."""
        if found := misshapen(
            arrays, {"vectors": (np.float32, (images, self.size)), "features": (np.int32, (images,))}
        ):
            return found
        return None if finite(arrays["vectors"]) else ("vectors", "has numbers that are not finite")

    def features_of(self, arrays: Arrays) -> Int64:
        """Returns (n,) number of features of each image."""
        return arrays["features"].astype(np.int64)

    def words_of(self, arrays: Arrays) -> Int64:
        """Returns (n,) zeros: vectors have no words."""
        return np.zeros(len(arrays["features"]), np.int64)
