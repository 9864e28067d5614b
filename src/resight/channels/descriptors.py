"""Every descriptor: a query is matched with every image, and the matches are verified."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from resight.arrays import Array, Arrays, Int64
from resight.channels.channel import SegmentRows
from resight.cores import cores
from resight.features.local import LocalFeatures
from resight.features.sift import from_uint8, to_uint8
from resight.kernels.soundness import misshapen, shared_out
from resight.rerank.pairs import verify_features
from resight.search.described import Described
from resight.search.exhaustive import ThingBlock, ThingRows
from resight.search.kinds import Exhaustive
from resight.search.ranking import Verification
from resight.words.postings import (
    decode_angle,
    decode_scale,
    decode_xy,
    encode_angle,
    encode_scale,
    encode_xy,
)


def compare(method: Exhaustive, query: Described, image: Described) -> Verification | None:
    """Returns the transform that two images agree on, with the matched descriptors that follow it, or None."""
    return verify_features(query.features, query.size, image.features, image.size, method)


class DescriptorLayout:
    """Features with their descriptors in uint8, 136 bytes a feature."""

    def __init__(self, method: Exhaustive, dimensions: int) -> None:
        self._method = method
        self._dimensions = dimensions

    def as_query(self, kept: Described) -> Described:
        """Returns an indexed image as a query."""
        return kept

    def is_nothing(self, query: Described) -> bool:
        """Returns whether a query has nothing that it could be compared by."""
        return len(query.features) == 0

    def pack(self, images: Sequence[Described]) -> dict[str, Array]:
        """Returns flat arrays; features of image i are rows offsets[i]:offsets[i + 1]."""
        counts = [0, *(len(image.features) for image in images)]
        parts = [image.features for image in images]
        empty = LocalFeatures.none(self._dimensions)
        return {
            "offsets": np.cumsum(counts, dtype=np.int64),
            "sizes": np.array([image.size for image in images], np.int32).reshape(-1, 2),
            "xy": np.concatenate([encode_xy(empty.xy, (1, 1)), *(encode_xy(i.features.xy, i.size) for i in images)]),
            "scale": np.concatenate([encode_scale(part.scale) for part in (empty, *parts)]),
            "angle": np.concatenate([encode_angle(part.angle) for part in (empty, *parts)]),
            "descriptors": np.concatenate([to_uint8(part.descriptors) for part in (empty, *parts)]),
        }

    def merge(self, segments: Sequence[SegmentRows]) -> dict[str, Array]:
        """Returns the live images of several segments."""
        counts = [np.diff(s.arrays["offsets"])[s.alive] for s in segments]
        kept = [np.repeat(s.alive, np.diff(s.arrays["offsets"])) for s in segments]
        flat = {
            name: np.concatenate([s.arrays[name][mask] for s, mask in zip(segments, kept, strict=True)])
            for name in ("xy", "scale", "angle", "descriptors")
        }
        sizes = np.concatenate([s.arrays["sizes"][s.alive] for s in segments])
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(counts), dtype=np.int64)])
        return {"offsets": offsets, "sizes": sizes, **flat}

    def live(self, segments: Sequence[SegmentRows]) -> ThingRows[Described]:
        """Returns the segments' features, which stay where they are, and how two images are compared."""
        blocks = [ThingBlock(partial(self.evidence, s.arrays), s.ids, s.alive) for s in segments]
        return ThingRows(blocks, partial(compare, self._method), cores())

    def evidence(self, arrays: Arrays, row: int) -> Described:
        """Returns the features of one image as they were kept."""
        part = slice(int(arrays["offsets"][row]), int(arrays["offsets"][row + 1]))
        width, height = (int(side) for side in arrays["sizes"][row])
        features = LocalFeatures(
            xy=decode_xy(arrays["xy"][part], (width, height)),
            scale=decode_scale(arrays["scale"][part]),
            angle=decode_angle(arrays["angle"][part]),
            descriptors=from_uint8(arrays["descriptors"][part]),
        )
        return Described(features, (width, height))

    def fault(self, arrays: Arrays, images: int) -> tuple[str, str] | None:
        """Returns the first array that is not as `pack` makes it; see `ChannelLayout.fault`."""
        if found := misshapen(arrays, {"offsets": (np.int64, (images + 1,)), "sizes": (np.int32, (images, 2))}):
            return found
        total = int(arrays["offsets"][-1])
        expected = {
            "xy": (np.uint16, (total, 2)),
            "scale": (np.uint8, (total,)),
            "angle": (np.uint8, (total,)),
            "descriptors": (np.uint8, (total, self._dimensions)),
        }
        if found := misshapen(arrays, expected):
            return found
        return None if shared_out(arrays["offsets"], total) else ("offsets", "does not share out the features")

    def features_of(self, arrays: Arrays) -> Int64:
        """Returns (n,) number of features of each image."""
        return np.asarray(arrays["offsets"][1:] - arrays["offsets"][:-1], np.int64)

    def words_of(self, arrays: Arrays) -> Int64:
        """Returns (n,) zeros: descriptors are no words."""
        return np.zeros(len(arrays["offsets"]) - 1, np.int64)
