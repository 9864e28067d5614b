"""Protocol of a structure of approximate search: candidates by position, for an effort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from resight.arrays import Int64, Mask, Vectors

FETCHED = 20.0
"""Vectors that are compared one after the other in the time in which one is fetched from anywhere and compared."""


@dataclass(frozen=True)
class Effort:
    """The part of a structure that a query looks at, and its recall.

    probes: cells of an inverted file, or the queue of a graph. candidates: how many it gives at least, which are
    compared exactly. recall: of the 10 nearest, measured when the structure was made.
    """

    probes: int
    candidates: int
    recall: float


class Structure(Protocol):
    """Vectors in an order of its own: an image is a position of it."""

    @property
    def most(self) -> int:
        """The number of probes that looks at all of it."""
        ...

    def reach(self, probes: int) -> int:
        """Returns how many candidates the probes give without costing more for it."""
        ...

    def cost(self, probes: int) -> float:
        """Returns how many vectors are compared exactly in the time that so many probes take."""
        ...

    def search(self, queries: Vectors, count: int, probes: int, chosen: Mask | None = None) -> Int64:
        """Returns (q, count) positions of the nearest by its codes, nearest first, -1 where there are fewer.

        queries: (q, d); chosen: (n,) which positions may be found.
        """
        ...
