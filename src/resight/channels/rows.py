"""The images of a segment as a channel keeps them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from resight.arrays import Arrays, Mask
from resight.channels.channel import Channel, SegmentRows
from resight.store import ImageTable, Segment


def without_evidence(channels: Mapping[str, Channel], arrays: Mapping[str, Arrays]) -> Mask:
    """Returns (n,) True for the images of a segment that have no evidence in any channel; arrays: by channel."""
    kept = [channel.features_of(arrays[name]) for name, channel in channels.items()]
    return np.asarray(np.sum(kept, axis=0) == 0)


def segment_rows(images: ImageTable, segment: Segment, name: str, channel: Channel, chosen: Mask) -> SegmentRows:
    """Returns one channel's arrays of a segment, with the ids of its images.

    alive are the `chosen`, (n,) bool of the table.
    """
    here = np.flatnonzero(images.segments == segment.number)
    ids = np.full(segment.rows, -1, np.int64)
    alive = np.zeros(segment.rows, np.bool_)
    ids[images.rows[here]] = images.ids[here]
    alive[images.rows[here]] = chosen[here]
    return SegmentRows(segment.arrays(name, channel.fault), ids, alive)
