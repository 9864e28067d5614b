"""What a channel keeps of images, where the segments have it, and the methods that search it."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from resight.learned.kinds import Keeps
from resight.search.ranking import Searcher
from resight.search.selection import NameOrder


class LiveRows(Protocol):
    """The images of one channel of a collection: vectors, regions, posting lists or descriptors, in blocks."""

    def exact(self, names: NameOrder) -> Searcher[Any]:
        """The search that leaves out no image that it could find; `names` orders ids as their names do."""
        ...


class SearchMethod(Protocol):
    """The parameters of a search: a frozen parameter model, which is what a recipe has of it."""

    needs: ClassVar[tuple[Keeps, ...]]
    """What its channel must keep of images, any of these; nothing where it searches whatever a channel keeps."""

    @property
    def kind(self) -> str: ...

    def open(self, rows: Any, names: NameOrder) -> Searcher[Any]:
        """Searches the images of `LiveRows`, of which `needs` says the kind."""
        ...
