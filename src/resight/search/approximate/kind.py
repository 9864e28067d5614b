"""The parameters that the structure of an approximate search depends on; importing it imports no implementation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from resight.search.approximate.plan import FEWEST, GIB, Plan, coded, memory_there, planned

if TYPE_CHECKING:
    from resight.search.derived import DerivedStructure, Site

KEY = "approximate"
"""Key of the derived structure."""


@dataclass(frozen=True)
class ApproximateKind:
    """The parameters of an approximate search that its structure depends on.

    structure: "auto" chooses by the number of vectors and the memory. memory: GiB that it may take; half of the
    machine's where 0.
    """

    structure: Literal["auto", "hnsw", "ivf"] = "auto"
    links: int = 16
    target: float = 0.98
    memory: float = 0.0
    key: str = KEY

    def open(self, site: Site) -> DerivedStructure:
        """Returns the structure of a channel."""
        from resight.search.approximate.kept import KeptApproximate

        return KeptApproximate(site, self)

    def plan(self, count: int, dimension: int) -> Plan:
        """Returns what is to be made of `count` vectors."""
        if count < FEWEST:
            return Plan("exact")
        room = int(self.memory * GIB) if self.memory else memory_there()
        match self.structure:
            case "auto":
                return planned(count, dimension, room)
            case "ivf":
                return coded(count, dimension, room)
            case "hnsw":
                return Plan("hnsw")
