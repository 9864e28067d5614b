"""Structures that are made of several images of a channel, and kept beside what each image left: a protocol for all.

A parameter model says in `derived` which structures it needs. The index makes them, follows what comes and goes, and
hands what it reads of them to searches and second looks, which ask for it by its key (`Part.kept`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from resight.arrays import Arrays, Int64
from resight.learned.kinds import Keeps
from resight.progress import Progress, Say

Fault = Callable[[Arrays], tuple[str, str] | None]
"""Given arrays by name, the first that cannot be used with what is wrong with it; None where all can be."""
Kept = Callable[[str], Any]
"""The contents of a derived structure, by its key; None where nothing is kept."""


class KeptArrays(Protocol):
    """Arrays by name, memory-mapped, that were kept together. A higher number is newer."""

    @property
    def number(self) -> int:
        """The number of them on their shelf."""
        ...

    @property
    def arrays(self) -> Arrays:
        """The arrays by their names."""
        ...


class Shelf(Protocol):
    """The place of one derived structure on the disk.

    What is put there is there whole or not at all, is never changed, and has sums, which are compared when it is read
    and by `resight verify`. All raise StorageError.
    """

    def read(self, fault: Fault) -> Sequence[KeptArrays]:
        """Reads all that is there, the newest first; with a warning, without what is damaged or has a fault."""
        ...

    def put(self, arrays: Arrays) -> None:
        """Keeps arrays beside what is there. Names are letters, digits and "_"."""
        ...

    def replace(self, arrays: Arrays) -> None:
        """Keeps arrays in the place of all that is there."""
        ...

    def clear(self) -> None:
        """Deletes all that is there."""
        ...


@dataclass(frozen=True)
class Site:
    """The material of a derived structure, and the place where it is kept.

    keeps: what the channel keeps of images. live: gives the ids (n,) of the images of the newest generation that could
    be read, ascending. collection: opens that generation's channel as a second look is given it, which offers what it
    does by `keeps`; of derived structures it has what is kept now. Ask it only where there are images: without, there
    may be no channel yet.
    """

    shelf: Shelf
    keeps: frozenset[Keeps]
    live: Callable[[], Int64]
    collection: Callable[[], Any]


class DerivedStructure(Protocol):
    """A structure that is made of several images. It is changed with the index's lock held. All raise StorageError."""

    @property
    def name(self) -> str:
        """Its name, for people."""
        ...

    def stale(self, live: Int64) -> int:
        """Returns the number of images, of these and of those that were, whose entry differs from that of a rebuild."""
        ...

    def extend(self, progress: Progress | None, say: Say | None) -> None:
        """Takes in the images that have come; what it has of others may become stale."""
        ...

    def build(self, progress: Progress | None, say: Say | None) -> None:
        """Makes anew what is stale."""
        ...

    def read(self, live: Int64) -> Any:
        """Reads what is kept, for a collection of these images (n,), which need not be those that it was made of."""
        ...

    def forget(self) -> None:
        """Deletes it, before it is no longer true."""
        ...


@runtime_checkable
class MadeAside(DerivedStructure, Protocol):
    """A structure that takes long to make and that nothing waits for: searches do without it, or with a former one.

    It is made while others write, of the images that there are then, and only kept with the index's lock held.
    """

    def make(self, progress: Progress | None, say: Say | None) -> Arrays | None:
        """Returns the arrays of a new one; None where there is nothing to be made. Needs no lock."""
        ...

    def keep(self, arrays: Arrays) -> None:
        """Puts a new one in the place of what is kept."""
        ...


@runtime_checkable
class KeptElsewhere(DerivedStructure, Protocol):
    """A structure that is on another machine, which may be gone, or have more or less than it should.

    Both raise EngineError. Call with the index's lock held.
    """

    def compare(self, progress: Progress | None) -> Differences:
        """Returns how what is there differs from the images of the newest generation."""
        ...

    def reconcile(self, progress: Progress | None, say: Say | None) -> Differences:
        """Makes what is there that of the newest generation; returns what was different."""
        ...


@dataclass(frozen=True)
class Differences:
    """Ids of images that are missing, that are there and should not be, and that have another vector; all ascending."""

    missing: Int64
    surplus: Int64
    changed: Int64

    def __bool__(self) -> bool:
        """Tells whether there are any."""
        return any(len(ids) for ids in (self.missing, self.surplus, self.changed))


class DerivedKind(Protocol):
    """The parameters that a structure depends on; equal ones make the same structure."""

    @property
    def key(self) -> str:
        """The name of the structure in its channel, on the disk and for `Part.kept`: a-z, 0-9 and "-"."""
        ...

    def open(self, site: Site) -> DerivedStructure:
        """Returns the structure of a channel. Reads and writes nothing yet."""
        ...


def stamp(live: Int64) -> Int64:
    """Returns (2,) newest id and number of live images, which tell any two states of a collection apart: ids only grow.

    It is kept with what was made of a collection.
    """
    return np.array([live.max(initial=-1), len(live)], np.int64)
