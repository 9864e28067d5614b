"""Approximate search by one vector an image: candidates of a structure, and what has come since, compared exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from resight.arrays import Float32, Int64, Mask, Vectors
from resight.search.approximate.source import PART
from resight.search.approximate.structure import FETCHED, Effort, Structure
from resight.search.dense import DenseSearch
from resight.search.ranking import Ranking
from resight.search.selection import NameOrder, best, by_id, is_allowed
from resight.search.vectors import VectorRows

FEW = 0.05
"""Share of a structure's images that were removed, up to which they are left out afterwards."""
SPARE = 16
"""Candidates beyond those that are wanted: codes order them otherwise than vectors do."""


@dataclass(frozen=True)
class Approximation:
    """A structure that was kept, with what a search needs to know of it.

    kind: its name in a recipe. ids: (n,) image of each position. effort: by which it reached its recall.
    """

    kind: str
    dimension: int
    structure: Structure
    ids: Int64
    effort: Effort


class ApproximateSearch:
    """The images whose descriptors have the largest inner product with the query's, most of them.

    Images that came after the structure was made are all compared, those that were removed are passed over. A structure
    whose vectors are others now finds its candidates by those of then; scores are always of now.
    """

    def __init__(self, rows: VectorRows, made: Approximation, order: NameOrder = by_id) -> None:
        self._rows, self.made, self._order = rows, made, order
        self._alive = np.isin(made.ids, rows.images, assume_unique=True)
        self.removed = len(made.ids) - int(self._alive.sum())

    @property
    def added(self) -> int:
        """The number of images that came after the structure was made."""
        return len(self._rows) - (len(self.made.ids) - self.removed)

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> Ranking:
        """Returns the k best images, ties by name; none for a query of zeros. Arguments as for `DenseSearch.search`."""
        wanted = np.ascontiguousarray(np.reshape(query, (1, -1)), np.float32)
        if wanted.shape[1] != self._rows.dimension:
            raise ValueError(f"the query has {wanted.shape[1]} dimensions, the images {self._rows.dimension}")
        if not wanted.any() or k < 1:
            return Ranking(np.empty(0, np.int64), np.empty(0, np.float32))
        ids = self._candidates(wanted, k, allowed)
        if ids is None:
            return self._exhaustive(wanted[0], k, allowed)
        later = self._later.search(wanted, k, allowed)
        scores = self._rows.products(wanted[0], ids)
        return best(np.concatenate([ids, later.ids]), np.concatenate([scores, later.scores]), k, self._order)

    def _candidates(self, query: Vectors, k: int, allowed: Mask | None) -> Int64 | None:
        """Returns ids of images of the structure that may be among the k best; None where all are to be compared."""
        structure, effort, size = self.made.structure, self.made.effort, len(self.made.ids)
        chosen = self._alive if allowed is None else self._alive & is_allowed(self.made.ids, allowed)
        count = size - self.removed if allowed is None else int(chosen.sum())
        if not count:
            return np.empty(0, np.int64)
        # Of a part of the images fewer lie in each cell, or on the way through a graph; and its nearest are farther
        # from the query, where others are nearly as near.
        probes = min(structure.most, -(-effort.probes * size // count))
        candidates = math.ceil(effort.candidates * math.sqrt(size / count))
        most = min(count, max(candidates, k + SPARE))
        # The effort is that for the 10 nearest: more of them lie in more cells.
        probes = min(structure.most, -(-probes * max(most, candidates) // candidates))
        if 2 * most > count or FETCHED * (count - most) < structure.cost(probes):
            return None
        if allowed is None and self.removed <= FEW * size:
            # Leaving out the removed afterwards is quicker than asking of each.
            places = structure.search(query, most + self._spare(most), probes)[0]
            places = places[places >= 0]
            places = places[self._alive[places]]
            if len(places) >= most or not self.removed:
                return None if len(places) < min(k, count) else np.asarray(self.made.ids[places])
            # More of the nearest were removed than of all, as with a folder of photos that are alike: what is left is
            # farther from the query than what the effort was measured for.
            wider = -(-(most + self._spare(most)) // max(1, len(places)))
            probes, most = min(structure.most, wider * probes), wider * most
            if 2 * most > count:
                return None
        places = structure.search(query, most, probes, None if count == size else chosen)[0]
        places = places[places >= 0]
        return None if len(places) < min(k, count) else np.asarray(self.made.ids[places])

    def _spare(self, count: int) -> int:
        """Returns how many more candidates are to be asked for, since some of them were removed."""
        return math.ceil(4 * count * self.removed / len(self.made.ids)) if self.removed else 0

    def _exhaustive(self, query: Float32, k: int, allowed: Mask | None) -> Ranking:
        """Returns the k best images of a part that is small, or of which most are asked for."""
        ids = self._rows.images if allowed is None else self._rows.images[is_allowed(self._rows.images, allowed)]
        parts = [ids[start : start + PART] for start in range(0, len(ids), PART)]
        scores = [self._rows.products(query, part) for part in parts]
        return best(ids, np.concatenate([np.empty(0, np.float32), *scores]), k, self._order)

    @cached_property
    def _later(self) -> DenseSearch:
        """The search of the images that the structure does not have."""
        return DenseSearch(self._rows.without(self.made.ids), self._order)
