"""Loading the vectors of an index into an engine's collection, and what the index knows of what it has there.

Rows are keyed by image id, and an image keeps its vector as long as it has its id: loading a row twice changes nothing.
Ids are written down before they are sent (`asked`) and after the engine has acknowledged them (`ids`). So a load that
was killed goes on where it stopped, and what it may have sent is deleted where its photo has gone meanwhile.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from resight.arrays import Arrays, Int64
from resight.errors import EngineError
from resight.kernels.soundness import misshapen
from resight.progress import Progress, Say
from resight.search.derived import Differences, Site
from resight.search.engines.engine import Engine
from resight.search.engines.kind import EngineSearch
from resight.search.engines.rows import (
    FIRST,
    LAST,
    claim,
    compared,
    expected,
    listed,
    owner_of,
    sums_of,
)
from resight.search.vectors import VectorRows

SENT = 1 << 21
"""Bytes of vectors that are sent at once: engines refuse messages of 64 MB, and a kill costs little."""
SECONDS = 10.0
"""What was acknowledged is written down after this time."""
NO_IDS = np.empty(0, np.int64)


@dataclass(frozen=True)
class Loaded:
    """What the index knows of the collection.

    owner: the number of the index there; 0 where it has claimed none. ids: (n,) images whose rows were acknowledged;
    asked: (m,) these and those that may be there too; bare: images without a vector; all ascending. certain: False
    where rows may be there of which nothing is known.
    """

    owner: int
    ids: Int64
    asked: Int64
    bare: Int64
    certain: bool = True


@dataclass(frozen=True)
class KeptLoaded:
    """What the index knows of the collection of one channel, and how the two are made the same."""

    site: Site
    search: EngineSearch

    @property
    def name(self) -> str:
        """The address, for people."""
        return self.search.address

    def stale(self, live: Int64) -> int:
        """Images that are not loaded, and those that were removed and are there still. Asks no engine."""
        known = self.read(live)
        if known is None:
            return len(live)
        loaded = np.union1d(known.ids, known.bare)
        waiting = len(np.setdiff1d(live, loaded, assume_unique=True))
        return waiting + len(np.setdiff1d(known.asked, live, assume_unique=True))

    def read(self, live: Int64) -> Loaded | None:
        """What is written down, of all loads together; None where nothing is."""
        kept = [one.arrays for one in self.site.shelf.read(_fault)]
        if not kept:
            return None
        ids, asked = (np.unique(np.concatenate([one[key] for one in kept])) for key in ("ids", "asked"))
        certain = all(bool(one["certain"][0]) for one in kept)
        return Loaded(int(kept[0]["owner"][0]), ids, np.union1d(ids, asked), np.asarray(kept[0]["bare"]), certain)

    def extend(self, progress: Progress | None, say: Say | None) -> None:
        """Loads the images that have come, and deletes the rows of those that went."""
        self.build(progress, say)

    def build(self, progress: Progress | None, say: Say | None) -> None:
        """Makes the collection have what the index has, as far as is known; all is compared where it is not."""
        live = self.site.live()
        known = self.read(live)
        if known is None and not len(live):
            return
        rows = self._rows(live)
        with closing(self.search.connected()) as engine:
            known, certain = self._claimed(engine, rows, known)
            if certain:
                missing = np.setdiff1d(rows.images, known.ids, assume_unique=True)
                surplus = np.setdiff1d(known.asked, rows.images, assume_unique=True)
                self._change(engine, rows, live, known, Differences(missing, surplus, NO_IDS), progress)
            else:
                self._reconcile(engine, rows, live, known, progress, say)

    def forget(self) -> None:
        """Keeps no more than whose the collection is: vectors are others now."""
        known = self.read(NO_IDS)
        if known is not None:
            self.site.shelf.replace(_arrays(Loaded(known.owner, NO_IDS, NO_IDS, NO_IDS, certain=False)))

    def compare(self, progress: Progress | None = None) -> Differences:
        """Returns how the collection differs from the images of the newest generation. Reads all ids that it has."""
        live = self.site.live()
        rows = self._rows(live)
        known = self.read(live)
        with closing(self.search.connected()) as engine:
            owner, there = owner_of(engine), listed(engine, _newest(rows))
        found = compared(there, expected(rows, progress))
        self._check_whose(owner, len(there[0]), known, lambda: found, rows)
        return found

    def reconcile(self, progress: Progress | None = None, say: Say | None = None) -> Differences:
        """Makes the collection have what the index has, whatever it has; returns what was different."""
        live = self.site.live()
        rows = self._rows(live)
        with closing(self.search.connected()) as engine:
            known, _ = self._claimed(engine, rows, self.read(live))
            return self._reconcile(engine, rows, live, known, progress, say)

    def _reconcile(
        self,
        engine: Engine,
        rows: VectorRows,
        live: Int64,
        known: Loaded,
        progress: Progress | None,
        say: Say | None,
    ) -> Differences:
        if say is not None:
            say(f"comparing what {self.name} has with the index")
        found = compared(listed(engine, _newest(rows)), expected(rows))
        asked = np.union1d(known.asked, np.setdiff1d(rows.images, found.missing, assume_unique=True))
        # What the engine has is known from here on, though this may be interrupted.
        there = np.setdiff1d(rows.images, np.union1d(found.missing, found.changed), assume_unique=True)
        known = Loaded(known.owner, there, np.union1d(asked, found.surplus), NO_IDS)
        self.site.shelf.replace(_arrays(known))
        self._change(engine, rows, live, known, found, progress)
        return found

    def _change(
        self,
        engine: Engine,
        rows: VectorRows,
        live: Int64,
        known: Loaded,
        found: Differences,
        progress: Progress | None,
    ) -> None:
        """Loads what is missing or other, deletes what is too much, and writes down what the collection has then."""
        bare = np.setdiff1d(live, rows.images, assume_unique=True)
        wanted = np.union1d(found.missing, found.changed)
        if not len(wanted) and not len(found.surplus) and np.array_equal(bare, known.bare):
            return
        if len(wanted):
            self._load(engine, rows, wanted, known.owner, progress)
        for start in range(0, len(found.surplus), DELETED):
            engine.delete(found.surplus[start : start + DELETED])
        self.site.shelf.replace(_arrays(Loaded(known.owner, rows.images, rows.images, bare)))

    def _load(self, engine: Engine, rows: VectorRows, ids: Int64, owner: int, progress: Progress | None) -> None:
        self.site.shelf.put(_arrays(Loaded(owner, NO_IDS, ids, NO_IDS)))
        step = max(1, SENT // (4 * rows.dimension))
        written, since = 0, time.monotonic()
        for start in range(0, len(ids), step):
            part = ids[start : start + step]
            vectors = rows.descriptors(part)
            engine.put(part, sums_of(vectors), vectors)
            done = start + len(part)
            if progress is not None:
                progress(done, len(ids))
            if time.monotonic() - since > SECONDS:
                self.site.shelf.put(_arrays(Loaded(owner, ids[written:done], NO_IDS, NO_IDS)))
                written, since = done, time.monotonic()

    def _claimed(self, engine: Engine, rows: VectorRows, known: Loaded | None) -> tuple[Loaded, bool]:
        """Returns what is known of the collection, which belongs to this index then, and whether that is all of it.

        EngineError where it belongs to another, or nobody knows whose it is.
        """
        if len(rows):
            engine.prepare(rows.dimension)
        owner, there = owner_of(engine), engine.count(FIRST, LAST)
        self._check_whose(owner, there, known, lambda: compared(listed(engine, _newest(rows)), expected(rows)), rows)
        if owner is None:
            # Nothing is there, or no longer: what was known of it is no longer true.
            known = Loaded(known.owner if known else 1 + secrets.randbits(62), NO_IDS, NO_IDS, NO_IDS)
            # First here: what is claimed there by a load that is killed now is known to be ours.
            self.site.shelf.replace(_arrays(known))
            if len(rows):
                claim(engine, known.owner, rows.dimension)
            return known, True
        if known is None:
            return Loaded(owner, NO_IDS, NO_IDS, NO_IDS), False
        # Fewer than were acknowledged: the engine has lost some. More than were ever sent: somebody else has written.
        return known, known.certain and len(known.ids) <= there <= len(known.asked)

    def _check_whose(
        self,
        owner: int | None,
        there: int,
        known: Loaded | None,
        differences: Callable[[], Differences],
        rows: VectorRows,
    ) -> None:
        """Raises EngineError where a collection with so many rows is not of this index, or nobody knows whose it is."""
        if owner is None and there:
            raise self._foreign()
        if owner is not None and known is not None and owner != known.owner:
            raise self._foreign()
        if owner is not None and known is None:
            # What was written down is lost, as by damage. The rows say whether they are of this index.
            found = differences()
            if len(found.changed) or len(found.missing) == len(rows):
                raise self._unknown()

    def _rows(self, live: Int64) -> VectorRows:
        if not len(live):
            return VectorRows([], 0)
        rows: VectorRows = self.site.collection().live
        return rows

    def _foreign(self) -> EngineError:
        return EngineError(
            f"{self.name}: this collection holds what another index, or another program, has written: choose another "
            "name for it, or drop it there"
        )

    def _unknown(self) -> EngineError:
        return EngineError(
            f"{self.name}: this collection belongs to an index, and what this one knew of it is lost or never was: if "
            "no other index uses it, drop it there and run `resight compact`, which loads it anew; else choose another "
            "name"
        )


DELETED = 5_000
"""Rows that are deleted at once."""


def _newest(rows: VectorRows) -> int:
    return int(rows.images.max(initial=0))


def _arrays(known: Loaded) -> Arrays:
    return {
        "owner": np.array([known.owner], np.int64),
        "certain": np.array([known.certain], np.int64),
        "ids": known.ids,
        "asked": known.asked,
        "bare": known.bare,
    }


def _fault(arrays: Arrays) -> tuple[str, str] | None:
    """The first array that is not as it was written, with what is wrong with it."""
    one, many = (np.int64, (1,)), (np.int64, (None,))
    return misshapen(arrays, {"owner": one, "certain": one, "ids": many, "asked": many, "bare": many})
