"""The interface of every kind of features, which lets photos be decoded while a network works on others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

from resight.arrays import Float32
from resight.images import Box, Decoded

PreparedT = TypeVar("PreparedT")
FeaturesT = TypeVar("FeaturesT", covariant=True)


class Extractor(Protocol[PreparedT, FeaturesT]):
    """An extractor of features in two steps: the first may run in many threads at once, the second in one."""

    max_side: int
    """Long side in pixels to which a photo may be reduced when it is decoded."""
    together: int
    """Number of photos that are best extracted together; 1 where that gains nothing, and any thread may extract."""
    dimensions: int
    """Length of the descriptors: channels of a map, or of a local descriptor."""

    def prepare(self, decoded: Decoded) -> PreparedT:
        """Prepares a database photo for `extract`."""
        ...

    def prepare_query(self, decoded: Decoded, box: Box | None) -> PreparedT:
        """Prepares a query photo or a part of it for `extract`.

        Raises UsageError where the box is not inside the photo.
        """
        ...

    def extract(self, prepared: Sequence[PreparedT]) -> Sequence[FeaturesT]:
        """Returns the features of some photos, in their order. They do not depend on which photos come together."""
        ...


@runtime_checkable
class SeesDrawings(Protocol):
    """An extractor that compares edges of photos with lines of drawings: `Decoded.drawing` says which a query has."""

    def edges(self, decoded: Decoded, is_drawing: bool, scale: float = 1.0) -> Float32:
        """Returns (h, w) the edges or lines that it sees of a picture, from 0 to 1."""
        ...
