"""What an index keeps of photos by their bytes, so that none is decoded twice under two names or at two times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from resight.channels.channel import Channel
from resight.channels.extraction import Known
from resight.errors import IndexCorruptError, StorageError
from resight.images import decoders
from resight.store import INDEXED, RemovedImage, Snapshot


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
        self._images = snapshot.images
        self._channels = channels
        self._segments = {segment.number: segment for segment in snapshot.segments}
        now = decoders()
        self._removed = {
            one.hash: _Place(one.segment, one.row, (one.width, one.height), one.reason)
            for one in removed
            if not one.reason or one.tried_by == now
        }

    def __call__(self, key: str) -> Known | None:
        """Returns the evidence of a photo with bytes of this hash; None where there is none that can be read."""
        place = self._live(key) or self._removed.get(key)
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

    def hashes(self) -> Iterator[str]:
        """Yields the hashes of the bytes of all photos, of which not all may have evidence."""
        yield from self._removed
        yield from self._images.hashes

    def _live(self, key: str) -> _Place | None:
        """The newest image of the index that was read from bytes of this hash."""
        for at in reversed(self._images.with_hash(key)):
            one = self._images.image(at)
            if one.state == INDEXED and not one.mask and (not one.reason or one.tried_by == decoders()):
                segment, row = int(self._images.segments[at]), int(self._images.rows[at])
                return _Place(segment, row, (one.width, one.height), one.reason)
        return None
