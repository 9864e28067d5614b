"""A vector a region: images are compared region by region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from resight.arrays import Array, Arrays, Int64, Vector
from resight.channels.channel import SegmentRows
from resight.descriptors.cross_matching import (
    RegionMatch,
    cross_match,
    distance_match,
    image_match,
    image_sum_match,
    symmetric_match,
)
from resight.descriptors.kinds import Matching
from resight.kernels.soundness import finite, misshapen, shared_out
from resight.search.regional import RegionBlock, RegionRows

_MATCHES: Mapping[Matching, RegionMatch] = {
    "query": cross_match,
    "distance": distance_match,
    "image": image_match,
    "image-sum": image_sum_match,
    "symmetric": symmetric_match,
}


class RegionLayout:
    """Vectors (r, size) of the regions of an image, in float16; a query's regions are compared with all of them."""

    def __init__(self, size: int, matching: Matching) -> None:
        self.size = size
        self._matching = matching

    def as_query(self, kept: Vector) -> Vector:
        """Returns an indexed image as a query."""
        return kept

    def is_nothing(self, query: Vector) -> bool:
        """Returns whether a query has nothing that it could be compared by."""
        return len(query) == 0

    def pack(self, images: Sequence[Vector]) -> dict[str, Array]:
        """Regions of image i are rows offsets[i]:offsets[i + 1]."""
        counts = [0, *(len(image) for image in images)]
        vectors = np.concatenate([np.zeros((0, self.size), np.float32), *images]).astype(np.float16)
        return {"vectors": vectors, "offsets": np.cumsum(counts, dtype=np.int64)}

    def merge(self, segments: Sequence[SegmentRows]) -> dict[str, Array]:
        """Returns the live images of several segments."""
        counts = [np.diff(segment.arrays["offsets"]) for segment in segments]
        kept = [
            segment.arrays["vectors"][np.repeat(segment.alive, count)]
            for segment, count in zip(segments, counts, strict=True)
        ]
        alive = [count[segment.alive] for segment, count in zip(segments, counts, strict=True)]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(alive), dtype=np.int64)])
        return {"vectors": np.concatenate(kept), "offsets": offsets}

    def live(self, segments: Sequence[SegmentRows]) -> RegionRows:
        """Returns the segments' regions, which stay where they are."""
        blocks = [
            RegionBlock(segment.arrays["vectors"], segment.arrays["offsets"], segment.ids, segment.alive)
            for segment in segments
        ]
        return RegionRows(blocks, _MATCHES[self._matching])

    def evidence(self, arrays: Arrays, row: int) -> Vector:
        """Returns the regions of one image."""
        part = slice(int(arrays["offsets"][row]), int(arrays["offsets"][row + 1]))
        return np.asarray(arrays["vectors"][part], np.float32)

    def fault(self, arrays: Arrays, images: int) -> tuple[str, str] | None:
        """Returns the first array that is not as `pack` makes it; see `ChannelLayout.fault`."""
        expected = {"offsets": (np.int64, (images + 1,)), "vectors": (np.float16, (None, self.size))}
        if found := misshapen(arrays, expected):
            return found
        if not shared_out(arrays["offsets"], len(arrays["vectors"])):
            return "offsets", "does not share out the vectors"
        return None if finite(arrays["vectors"]) else ("vectors", "has numbers that are not finite")

    def features_of(self, arrays: Arrays) -> Int64:
        """Returns (n,) number of regions of each image."""
        return np.asarray(np.diff(arrays["offsets"]), np.int64)

    def words_of(self, arrays: Arrays) -> Int64:
        """Returns (n,) zeros: vectors are no words."""
        return np.zeros(len(arrays["offsets"]) - 1, np.int64)
