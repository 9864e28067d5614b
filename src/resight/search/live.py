"""The evidence that a channel keeps of images, where the segments have it, and the methods that search it."""

from __future__ import annotations

from typing import Any, Protocol

from resight.search.ranking import Searcher
from resight.search.selection import NameOrder


class LiveRows(Protocol):
    """The images of one channel of a collection: vectors, regions, posting lists or descriptors, in blocks."""

    def exact(self, names: NameOrder) -> Searcher[Any]:
        """Returns the search that leaves out no image that it could find; `names` orders ids as their names do."""
        ...
