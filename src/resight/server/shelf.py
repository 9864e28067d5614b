"""An index that is served: the newest generation, opened and warm, while other processes write."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from resight.errors import IndexMissingError, ResightError, UsageError
from resight.folders.names import Name
from resight.images import displayed
from resight.index import Collection, Index, Query, Wanted, all_asked, answer_asked
from resight.index.identity import Identity, identity_of
from resight.server.listing import Listing
from resight.server.metadata import Metadata

State = Literal["ok", "gone", "unreadable"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Generation:
    """One generation of an index, with what is made of it for clients."""

    collection: Collection
    identity: Identity

    @property
    def number(self) -> int:
        """Its number."""
        return self.collection.snapshot.generation

    @property
    def key(self) -> tuple[Identity, int]:
        """A key that no other generation has, nor an index that was at the same place before."""
        return self.identity, self.number

    @cached_property
    def listing(self) -> Listing:
        """Its photos as a list."""
        return Listing(self.collection)


@dataclass
class ServedIndex:
    """An index under the name by which clients ask for it.

    state, fault: whether its newest generation can be opened, and why not.
    """

    id: str
    index: Index
    metadata: Metadata
    state: State = "ok"
    fault: str = ""
    _now: Generation = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._now = Generation(self.index.collection, identity_of(self.path))

    @property
    def title(self) -> str:
        """The name for people: its file name without the ending."""
        return _title(self.path)

    @property
    def path(self) -> Path:
        """Its directory."""
        return self.index.path

    @property
    def now(self) -> Generation:
        """The generation that is answered from. What is asked of one request is asked of one of them."""
        return self._now

    @property
    def bytes(self) -> int:
        """Of its whole directory."""
        return self.index.bytes()

    @property
    def verifies(self) -> bool:
        """True where hits have matched points."""
        return self.index.recipe.counts_inliers

    @property
    def has_words(self) -> bool:
        """True where duplicates beyond copies can be told."""
        return any(channel.words is not None for channel in self.index.recipe.channel.values())

    @property
    def has_vectors(self) -> bool:
        """True where photos can be placed in a plane, and told apart by a classifier."""
        return any(channel.keeps_one_vector for channel in self.index.recipe.channel.values())

    def refresh(self) -> bool:
        """Opens the newest generation where it is another one; others are answered from the old one meanwhile.

        Another index at the same place is opened anew, whatever its generation, and the log says so. Returns whether
        there was something. Raises ResightError where it cannot be opened; the old one stays.
        """
        with self._lock:
            # Read before anything is opened, so that what takes its place meanwhile is noticed at the next look.
            identity = identity_of(self.path)
            same = identity == self._now.identity
            if same and self.index.newest_generation() == self._now.number:
                return False
            index = self.index if same else Index.open(self.path)
            index.refresh()
            fresh = Generation(index.collection, identity)
            _warm(fresh)
            self.index, self._now = index, fresh
        if not same:
            _log.warning(
                "%s: another index has taken the place of %s; it has %d photos and is answered from now on",
                self.id,
                displayed(self.path),
                len(fresh.listing),
            )
        return True


def _warm(generation: Generation) -> None:
    """Makes what the first request would have to wait for."""
    collection = generation.collection
    if len(collection.snapshot.images) and collection.channels:
        collection.views  # noqa: B018
    generation.listing  # noqa: B018


@dataclass(frozen=True)
class PlannedIndex:
    """An index that is served once it is there, under the name by which clients ask for it."""

    id: str
    path: Path
    metadata: Metadata

    @property
    def title(self) -> str:
        """The name for people."""
        return _title(self.path)

    def open(self) -> ServedIndex:
        """Returns the index, opened and warm. Raises UsageError where there is none, and what opening raises."""
        try:
            index = Index.open(self.path)
        except IndexMissingError as error:
            raise UsageError(
                f"{displayed(self.path)}: there is no index here; make one with `resight index`"
            ) from error
        served = ServedIndex(self.id, index, self.metadata)
        _warm(served.now)
        return served


def plan_shelf(paths: Sequence[Path], tables: Sequence[Path] = ()) -> list[PlannedIndex]:
    """Returns indexes under names made of those of their folders, none of which is opened.

    tables: metadata that count for all of them. Raises UsageError.
    """
    from resight.server.metadata import read_table

    table: dict[str, dict[str, str]] = {}
    for one in tables:
        for name, fields in read_table(one).items():
            table.setdefault(name, {}).update(fields)
    found: dict[str, PlannedIndex] = {}
    for path in paths:
        if any(one.path.resolve() == path.resolve() for one in found.values()):
            raise UsageError(f"{displayed(path)}: is given twice")
        key = _free(_key(path), found)
        found[key] = PlannedIndex(key, path, Metadata(table))
    return [*found.values()]


def shelve(paths: Sequence[Path], tables: Sequence[Path] = ()) -> dict[str, ServedIndex]:
    """Opens indexes, as `plan_shelf` names them. Raises UsageError and what opening raises."""
    return {planned.id: planned.open() for planned in plan_shelf(paths, tables)}


def rehearse(served: ServedIndex) -> None:
    """Asks an index one of its photos, so that what a first search loads and compiles is there for the next."""
    now = served.now
    if now.listing.names:
        first = Query(Name(now.listing.names[0]))
        answer_asked(now.collection, all_asked(now.collection, iter([first]), False), Wanted(k=1))


def refresh_all(indexes: Sequence[ServedIndex]) -> list[ServedIndex]:
    """Opens what other processes have written, and returns the indexes of which there was something.

    An index that cannot be opened stays as it was, and the log says why, once, and when it can be opened again.
    """
    fresh: list[ServedIndex] = []
    for one in indexes:
        state: State = "ok"
        fault = ""
        try:
            if one.refresh():
                fresh.append(one)
        except ResightError as error:
            state, fault = "gone" if isinstance(error, IndexMissingError) else "unreadable", str(error)
        # Whoever looks goes on looking, at the other indexes too.
        except Exception as error:
            state, fault = "unreadable", f"{type(error).__name__}: {error}"
        if fault and fault != one.fault:
            _log.warning("%s: %s", one.id, fault)
        if one.fault and not fault:
            _log.warning("%s: can be read again", one.id)
        one.state, one.fault = state, fault
    return fresh


def _title(path: Path) -> str:
    return displayed(path.resolve().stem)


def _key(path: Path) -> str:
    return re.sub(r"[^a-z0-9]+", "-", path.resolve().stem.casefold()).strip("-") or "index"


def _free(key: str, taken: Container[str]) -> str:
    number, free = 2, key
    while free in taken:
        number, free = number + 1, f"{key}-{number}"
    return free
