"""A channel: an extractor, an encoder, a layout and the searcher over it, so that nothing else need know the method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from resight.arrays import Array, Arrays, Int64, Mask
from resight.features.extractor import Extractor
from resight.learned.method import Encoder
from resight.search.live import LiveRows


@dataclass(frozen=True)
class SegmentRows:
    """Images of one segment as a channel keeps them. arrays: of the segment; ids: (n,) int64; alive: (n,) bool."""

    arrays: Arrays
    ids: Int64
    alive: Mask


class ChannelLayout(Protocol):
    """The form in which an index holds evidence; there are four."""

    def as_query(self, kept: Any) -> object:
        """Returns the evidence of an indexed image as a query."""
        ...

    def is_nothing(self, query: Any) -> bool:
        """Returns whether a query has nothing that it could be compared by: then it finds nothing."""
        ...

    def pack(self, images: Sequence[Any]) -> dict[str, Array]:
        """Returns arrays of a segment for what `encode` gave of its images, in their order."""
        ...

    def merge(self, segments: Sequence[SegmentRows]) -> dict[str, Array]:
        """Returns arrays of one segment with the live images of several, in their order: what `pack` of those gives."""
        ...

    def live(self, segments: Sequence[SegmentRows]) -> LiveRows:
        """Returns the live images, where the segments have them, as they are searched."""
        ...

    def evidence(self, arrays: Arrays, row: int) -> object:
        """Returns the evidence of one image as it was kept."""
        ...

    def fault(self, arrays: Arrays, images: int) -> tuple[str, str] | None:
        """Returns the first array of a segment that `pack` cannot have made, and what is wrong with it.

        images: how many the segment has.

        None where all are sound: then whatever is compiled can read by them without leaving them. An index may come
        from anybody.
        """
        ...

    def features_of(self, arrays: Arrays) -> Int64:
        """Returns (n,) number of features of each image of a segment."""
        ...

    def words_of(self, arrays: Arrays) -> Int64:
        """Returns (n,) number of distinct words of each image of a segment; zeros where there are no words."""
        ...


class Channel:
    """One channel with everything it was fitted on. Safe to share between threads."""

    def __init__(self, extractor: Extractor[Any, Any], encoder: Encoder, layout: ChannelLayout) -> None:
        self.extractor = extractor
        self.encoder = encoder
        self.layout = layout
        self.encode, self.query, self.nothing = encoder.encode, encoder.query, encoder.nothing
        self.as_query, self.is_nothing = layout.as_query, layout.is_nothing
        self.pack, self.merge = layout.pack, layout.merge
        self.live, self.evidence, self.fault = layout.live, layout.evidence, layout.fault
        self.features_of, self.words_of = layout.features_of, layout.words_of

    @property
    def size(self) -> int:
        """Words in the codebook, or dimensions of the descriptor; 0 where there is neither."""
        return self.encoder.size
