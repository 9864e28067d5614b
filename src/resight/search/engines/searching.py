"""Search by an engine: it says which are nearest; the index scores them, and compares what was not loaded yet."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence

import numpy as np

from resight.arrays import Float32, Int64, Mask, Vectors
from resight.errors import EngineError
from resight.search.dense import DenseSearch
from resight.search.engines.engine import Engine
from resight.search.engines.kind import EngineSearch
from resight.search.engines.loaded import NO_IDS, Loaded
from resight.search.engines.rows import FIRST, LAST, are_among, owner_of
from resight.search.ranking import Ranking
from resight.search.selection import NameOrder, best, by_id, is_allowed
from resight.search.vectors import VectorRows

SPARE = 16
"""Rows beyond those that are wanted: engines round otherwise, and the row of the owner is one of them."""
HERE = 16_384
"""A part of the images that is so small is compared here, which is quicker than to ask."""
TOGETHER = 64
"""Queries that are sent at once."""

_log = logging.getLogger(__name__)


class EngineSearcher:
    """The images whose vectors have the largest inner product with the query's, by an engine.

    The engine says which; scores are of the vectors of the index, whose removed images are passed over whatever the
    engine has, and whose images that were not loaded are compared here. Where more is asked for than an engine gives,
    and where a small part of the images is searched, all of it is compared here. Nothing is searched without the
    engine: EngineError where it cannot be reached, or its collection is not that of this index.
    """

    def __init__(self, rows: VectorRows, search: EngineSearch, loaded: Loaded | None, order: NameOrder = by_id) -> None:
        self._rows, self.engine_search, self._order = rows, search, order
        self._loaded = loaded or Loaded(0, NO_IDS, NO_IDS, NO_IDS)
        self.loaded = np.intersect1d(self._loaded.ids, rows.images, assume_unique=True)
        """(n,) ids of the images that the engine has, ascending."""
        self.removed = len(np.setdiff1d(self._loaded.asked, rows.images, assume_unique=True))
        """The number of images that the engine may have, and the index no longer."""
        self._later = DenseSearch(rows.without(self.loaded), order)
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    @property
    def added(self) -> int:
        """The number of images that were not loaded."""
        return len(self._rows) - len(self.loaded)

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> Ranking:
        """Returns the k best images, ties by name; none for a query of zeros. Arguments as for `DenseSearch.search`."""
        return self.search_many(np.reshape(query, (1, -1)), k, allowed)[0]

    def search_many(self, queries: Vectors, k: int, allowed: Mask | None = None) -> Sequence[Ranking]:
        """`search` for each of queries (q, d), many of which are asked at once."""
        wanted = np.ascontiguousarray(queries, np.float32)
        if wanted.ndim != 2 or wanted.shape[1] != self._rows.dimension:
            raise ValueError(f"the query has {wanted.shape[-1]} dimensions, the images {self._rows.dimension}")
        engine = self._connected()
        chosen = self.loaded if allowed is None else self.loaded[is_allowed(self.loaded, allowed)]
        found: list[Int64 | None] = [None] * len(wanted)
        asking = np.flatnonzero(wanted.any(axis=1)) if k > 0 else np.empty(0, np.intp)
        if len(chosen) and (allowed is None or len(chosen) > HERE):
            for start in range(0, len(asking), TOGETHER):
                places = asking[start : start + TOGETHER]
                for place, ids in zip(places.tolist(), self._nearest(engine, wanted[places], k, chosen), strict=True):
                    found[place] = ids
        nothing = Ranking(NO_IDS, np.empty(0, np.float32))
        answering = frozenset(asking.tolist())
        return [
            self._ranked(wanted[place], k, allowed, chosen if ids is None else ids) if place in answering else nothing
            for place, ids in enumerate(found)
        ]

    def _nearest(self, engine: Engine, queries: Vectors, k: int, chosen: Int64) -> list[Int64 | None]:
        """Returns, for each query, ids that have its k nearest of `chosen` among them; None where it is not known."""
        found: list[Int64 | None] = [None] * len(queries)
        wanted = min(k, len(chosen))
        there = len(self.loaded) + self.removed
        # Of a part of the images, or where some were removed, more are to be asked for.
        asked = math.ceil((wanted + SPARE) * there / len(chosen)) if len(chosen) < there else wanted + SPARE
        waiting = list(range(len(queries)))
        while waiting and min(asked, wanted) <= engine.most:
            asked = min(asked, engine.most)
            nearest = engine.search(queries[waiting], asked)
            short = []
            for place, ids in zip(waiting, nearest, strict=True):
                own = ids[are_among(ids, chosen)]
                if len(own) >= wanted:
                    found[place] = own
                else:
                    short.append(place)
            if asked == engine.most or asked >= there + SPARE:
                break
            waiting, asked = short, 2 * asked
        return found

    def _ranked(self, query: Float32, k: int, allowed: Mask | None, ids: Int64) -> Ranking:
        """Returns the k best of some images that the engine has, and of all that it does not have."""
        later = self._later.search(query, k, allowed)
        scores = self._rows.products(query, ids)
        return best(np.concatenate([ids, later.ids]), np.concatenate([scores, later.scores]), k, self._order)

    def _connected(self) -> Engine:
        with self._lock:
            if self._engine is None:
                engine = self.engine_search.connected()
                try:
                    self._check(engine)
                except BaseException:
                    engine.close()
                    raise
                self._engine = engine
            return self._engine

    def _check(self, engine: Engine) -> None:
        """Raises EngineError where the collection is not that of this index; warns where it has too few rows."""
        if not len(self._loaded.asked):
            return
        address = self.engine_search.address
        owner, there = owner_of(engine), engine.count(FIRST, LAST)
        if owner != self._loaded.owner:
            what = "is gone or empty" if owner is None else "is that of another index"
            raise EngineError(
                f"{address}: the collection {what}, and had {len(self._loaded.ids)} vectors of this index: "
                "`resight verify --repair` loads them anew where it is gone"
            )
        if there < len(self._loaded.ids):
            _log.warning(
                "%s has %d vectors, and had acknowledged %d: photos may be missing from results; "
                "`resight verify --repair` loads them",
                address,
                there,
                len(self._loaded.ids),
            )
