"""The structure of approximate search that an index keeps of a channel: made beside other changes, never waited for."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from resight.arrays import Arrays, Int64
from resight.kernels.soundness import misshapen
from resight.progress import Progress, Say
from resight.search.approximate.cells import Cells, cells_fault, make_cells
from resight.search.approximate.graph import Graph, graph_fault, make_graph
from resight.search.approximate.kind import ApproximateKind
from resight.search.approximate.plan import FAST, Plan
from resight.search.approximate.recall import DRAWN, exact_neighbours, steered
from resight.search.approximate.searching import Approximation
from resight.search.approximate.source import Source
from resight.search.approximate.structure import Effort, Structure
from resight.search.derived import Site

CHANGED = 0.02
"""Share of a structure's images that may have come or gone since: they are compared one by one, or passed over."""
SEED = 0
WIDEST = 8192
"""Dimensions that no vector is taken to have more of before it is looked at."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptApproximate:
    """The approximate structure of an index's images in one channel."""

    site: Site
    params: ApproximateKind
    name: str = "approximate search"
    _opened: dict[int, Approximation] = field(default_factory=dict, compare=False)
    """The structure that was opened last, by when it was made: it is copied, and stays while photos come and go."""

    def stale(self, live: Int64) -> int:
        """Images that came or went since it was made, where they are too many to be compared one by one.

        All images where there is none that should be there.
        """
        for one in self.site.shelf.read(_fault):
            seen = np.concatenate([one.arrays["ids"], one.arrays["bare"]])
            changed = len(np.setxor1d(seen, live, assume_unique=True))
            return changed if changed > CHANGED * len(seen) else 0
        return len(live) if self._is_needed(len(live)) else 0

    def make(self, progress: Progress | None, say: Say | None) -> Arrays | None:
        """Returns arrays of the newest generation; None where its vectors are compared quickly without."""
        live = self.site.live()
        if not len(live):
            return None
        source = Source.of(self.site.collection().live)
        if not len(source.ids):
            return None
        plan = self.params.plan(len(source.ids), source.dimension)
        if plan.structure == "exact":
            return None
        arrays = made(source, plan, self.params.links, self.params.target, progress, say)
        # Images without a vector, such as blank ones.
        return {**arrays, "bare": np.setdiff1d(live, source.ids)}

    def keep(self, arrays: Arrays) -> None:
        """Puts arrays of `make` in the place of what is kept."""
        self.site.shelf.replace(arrays)

    def extend(self, progress: Progress | None, say: Say | None) -> None:
        """Does nothing: what comes is compared one by one until the structure is made again."""

    def build(self, progress: Progress | None, say: Say | None) -> None:
        """Makes it anew."""
        arrays = self.make(progress, say)
        if arrays is not None:
            self.keep(arrays)
        else:
            self.forget()

    def read(self, live: Int64) -> Approximation | None:
        """Reads what is kept; None where nothing is."""
        for one in self.site.shelf.read(_fault):
            when = int(one.arrays["when"][0])
            found = self._opened.get(when)
            if found is None:
                found = opened(one.arrays)
                self._opened.clear()
                self._opened[when] = found
            return found
        return None

    def forget(self) -> None:
        """Deletes it."""
        self.site.shelf.clear()

    def _is_needed(self, count: int) -> bool:
        """Tells whether so many images are searched by a structure."""
        if not count or (self.params.structure == "auto" and count * WIDEST <= FAST):
            return False
        # As `make` counts: images without a vector are in no structure.
        rows = self.site.collection().live
        return self.params.plan(len(rows), rows.dimension).structure != "exact"


def made(
    source: Source, plan: Plan, links: int, target: float, progress: Progress | None = None, say: Say | None = None
) -> Arrays:
    """Returns the arrays of a structure of all vectors of a source, with the effort by which it reaches a recall."""
    rng = np.random.default_rng(SEED)
    if say is not None:
        say(f"making {NAMES[plan.structure]} of {len(source.ids)} vectors")
    if plan.structure == "hnsw":
        arrays = make_graph(source, links, rng, progress)
    else:
        arrays = make_cells(source, plan.together, rng, progress)
    drawn, queries = source.drawn(DRAWN, rng)
    place = np.argsort(arrays["ids"], kind="stable")
    # Positions of the source ascend with ids.
    near = [place[row] for row in exact_neighbours(source, drawn)]
    effort = steered(_structure(arrays), queries, near, target)
    if effort.recall < target:
        _log.warning(
            "%s finds %.3f of the 10 nearest, less than the %.3f that were asked for",
            NAMES[plan.structure],
            effort.recall,
            target,
        )
    return {
        **arrays,
        "effort": np.array([effort.probes, effort.candidates], np.int64),
        "recall": np.array([effort.recall], np.float64),
        "when": np.array([time.time_ns()], np.int64),
    }


NAMES = {"hnsw": "a graph", "ivf": "an inverted file"}


def opened(arrays: Arrays) -> Approximation:
    """Returns the structure of arrays without a fault."""
    probes, candidates = arrays["effort"].tolist()
    effort = Effort(probes, candidates, float(arrays["recall"][0]))
    kind, dimension = ("hnsw", "codes") if "links" in arrays else ("ivf", "centroids")
    return Approximation(kind, arrays[dimension].shape[1], _structure(arrays), np.asarray(arrays["ids"]), effort)


def _structure(arrays: Arrays) -> Structure:
    return Graph(arrays) if "links" in arrays else Cells(arrays)


def _fault(arrays: Arrays) -> tuple[str, str] | None:
    """The first array that is not as `made` gives it, with what is wrong with it."""
    shapes: dict[str, Any] = {
        "effort": (np.int64, (2,)),
        "recall": (np.float64, (1,)),
        "when": (np.int64, (1,)),
        "ids": (np.int64, (None,)),
        "bare": (np.int64, (None,)),
        "codes": (np.uint8, (None, None)),
    }
    if found := misshapen(arrays, shapes):
        return found
    if (np.asarray(arrays["effort"]) < 1).any() or not 0 <= arrays["recall"][0] <= 1:
        return "effort", "is none"
    if len(np.unique(arrays["ids"])) != len(arrays["ids"]):
        return "ids", "has an image twice"
    return graph_fault(arrays, arrays["codes"].shape[1]) if "links" in arrays else cells_fault(arrays)
