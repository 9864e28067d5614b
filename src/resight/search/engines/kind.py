"""The parameters that every search by an engine has; importing it imports no implementation and no engine."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from resight.learned.kinds import Keeps
from resight.search.kinds import Search

if TYPE_CHECKING:
    from resight.search.derived import DerivedKind, DerivedStructure, Kept, Site
    from resight.search.engines.engine import Engine
    from resight.search.ranking import Searcher
    from resight.search.selection import NameOrder
    from resight.search.vectors import VectorRows

KEY = "engine"
"""Key of the derived structure, which is what the index knows of an engine's collection."""


class EngineSearch(Search):
    """The parameters of a search by an engine: one of its own is a subclass with a kind, registered, and `connected`.

    `--search KIND://REST` of a command gives a recipe the kind KIND and the whole text as its address.
    """

    needs: ClassVar[tuple[Keeps, ...]] = (Keeps.VECTORS,)

    address: str = Field(description="The engine and the collection: KIND://HOST:PORT/COLLECTION.")

    @abstractmethod
    def connected(self) -> Engine:
        """Returns a new connection. EngineError: a package is missing, or the engine cannot be reached."""

    @property
    def derived(self) -> tuple[DerivedKind, ...]:
        """What the index knows of the collection."""
        return (LoadedKind(self),)

    def ready(self) -> None:
        """Raises EngineError where the engine cannot be reached."""
        self.connected().close()

    def open(self, rows: VectorRows, names: NameOrder, kept: Kept) -> Searcher[Any]:
        """Searches by the engine, which is asked for the first time by the first query."""
        from resight.search.engines.searching import EngineSearcher

        return EngineSearcher(rows, self, kept(KEY), names)


@dataclass(frozen=True)
class LoadedKind:
    """The search that a collection is loaded for."""

    search: EngineSearch
    key: str = KEY

    def open(self, site: Site) -> DerivedStructure:
        """Returns what is known of the collection of a channel."""
        from resight.search.engines.loaded import KeptLoaded

        return KeptLoaded(site, self.search)
