"""Which structure the vectors of a channel are searched by, from their number, their dimensions and the memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

FAST = 25_000_000
"""Numbers that are compared exactly in some milliseconds: 48,828 vectors of 512 dimensions."""
FEWEST = 32
"""Vectors of which a structure is made at least: a code of 4 bits has 16 centroids, which are fitted on them."""
LINKS = 16
"""Links of a node of a graph on its upper levels; twice as many on the lowest."""
MEMORY_SHARE = 0.5
"""Share of the machine's memory that search structures may take where nobody says how much."""
GIB = 1 << 30


@dataclass(frozen=True)
class Plan:
    """A structure, and the codes of the vectors in it.

    structure: "exact" compares all. together: of an inverted file, how many numbers have a code of 4 bits.
    """

    structure: Literal["exact", "hnsw", "ivf"]
    together: Literal[2, 4] = 2

    def bytes_of(self, count: int, dimension: int) -> int:
        """Returns the bytes of memory that the structure takes for `count` vectors when it is opened."""
        match self.structure:
            case "exact":
                return 0
            case "hnsw":
                # 8 bits a number; links of 4 bytes, a sixteenth of them on upper levels, and where they begin; the id.
                return count * (dimension + int(4 * 2 * LINKS * 1.04) + 12 + 8)
            case "ivf":
                # The id, the position, and the row where its vector lies.
                return count * (dimension // (2 * self.together) + 8 + 8 + 24)


def planned(count: int, dimension: int, memory: int) -> Plan:
    """Returns the structure for `count` vectors within `memory` bytes.

    Notes: a graph is made only where a person asks for it. On vectors whose neighbours are as far as those of photos it
    is slower than product codes at the same recall, and takes ten times as long to make (`benchmarks/approximate.py`).
    """
    if count * dimension <= FAST:
        return Plan("exact")
    return coded(count, dimension, memory)


def coded(count: int, dimension: int, memory: int) -> Plan:
    """Returns the inverted file with the finest codes that fit into `memory` bytes, or the coarsest."""
    fine = Plan("ivf")
    return fine if fine.bytes_of(count, dimension) <= memory else Plan("ivf", 4)


def memory_there() -> int:
    """Returns the bytes of memory that search structures may take where nobody says how many."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        # Windows does not tell in this way.
        total = 8 * GIB
    return int(MEMORY_SHARE * total)
