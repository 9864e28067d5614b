"""What every kind of features offers, so that photos are decoded while a network works on others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from resight.images import Box, Decoded

PreparedT = TypeVar("PreparedT")
FeaturesT = TypeVar("FeaturesT", covariant=True)


class Extractor(Protocol[PreparedT, FeaturesT]):
    """Photos to features in two steps. The first may run in many threads at once, the second in one at a time."""

    max_side: int
    """Long side in pixels to which a photo may be reduced when it is decoded."""
    together: int
    """Photos that are best extracted at once; 1 where there is nothing to gain, and any thread may extract."""
    dimensions: int
    """Of the descriptors: channels of a map, or of a local descriptor."""

    def prepare(self, decoded: Decoded) -> PreparedT:
        """What `extract` needs of a database photo."""
        ...

    def prepare_query(self, decoded: Decoded, box: Box | None) -> PreparedT:
        """What `extract` needs of a query photo or a part of it. UsageError where the box is not inside the photo."""
        ...

    def extract(self, prepared: Sequence[PreparedT]) -> Sequence[FeaturesT]:
        """The features of some photos, in their order. They do not depend on which photos come together."""
        ...
