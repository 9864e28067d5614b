"""What an index keeps of photos by their bytes, so that none is decoded twice under two names or at two times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from resight.channels.channel import Channel
from resight.channels.extraction import Known
from resight.errors import IndexCorruptError, StorageError
from resight.images import decoders
from resight.store import RemovedImage, Snapshot


class _Place(NamedTuple):
    segment: int
    row: int
    size: tuple[int, int]
    remark: str


class KnownPhotos:
    """The evidence that an index keeps of photos without a mask, by their bytes; safe to share between threads.

    A photo that other versions of the decoders read only in part counts as unknown: these versions may read more.
    """

    def __init__(self, snapshot: Snapshot, removed: Iterable[RemovedImage], channels: Mapping[str, Channel]) -> None:
        """removed: images that are not in the index any more, as long as their evidence is."""
        images = snapshot.images
        self._channels = channels
        self._segments = {segment.number: segment for segment in snapshot.segments}
        now = decoders()
        self._places = {
            one.hash: _Place(one.segment, one.row, (one.width, one.height), one.reason)
            for one in removed
            if not one.reason or one.tried_by == now
        }
        segments, rows = images.segments.tolist(), images.rows.tolist()
        widths, heights = images.widths.tolist(), images.heights.tolist()
        for at in np.flatnonzero(images.indexed).tolist():
            if images.masks[at] or (images.reasons[at] and images.tried_by[at] != now):
                continue
            self._places[images.hashes[at]] = _Place(
                segments[at], rows[at], (widths[at], heights[at]), images.reasons[at]
            )

    def __call__(self, key: str) -> Known | None:
        """Returns the evidence of a photo with bytes of this hash; None where there is none that can be read."""
        place = self._places.get(key)
        segment = self._segments.get(place.segment) if place else None
        if place is None or segment is None:
            return None
        try:
            evidence = {
                name: channel.evidence(segment.arrays(name, channel.fault), place.row)
                for name, channel in self._channels.items()
            }
        except (IndexCorruptError, StorageError):
            # Merged into another segment meanwhile, or damaged: the file itself is still there to be read.
            return None
        return Known(place.size, evidence, place.remark)
