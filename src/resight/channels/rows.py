"""The images of a segment as a channel keeps them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Channel, Rows
from resight.store import ImageTable, Segment


def segment_rows(images: ImageTable, segment: Segment, name: str, channel: Channel, chosen: NDArray[np.bool_]) -> Rows:
    """A segment's arrays of a channel, with the ids of its images; alive are the `chosen` ones, (n,) bool by table."""
    here = np.flatnonzero(images.segments == segment.number)
    ids = np.full(segment.rows, -1, np.int64)
    alive = np.zeros(segment.rows, np.bool_)
    ids[images.rows[here]] = images.ids[here]
    alive[images.rows[here]] = chosen[here]
    return Rows(segment.arrays(name, channel.fault), ids, alive)
