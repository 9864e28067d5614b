"""Which structure the vectors of a channel are searched by, from their number, their dimensions and the memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

FAST = 25_000_000
"""Numbers that are compared exactly in some milliseconds: 48,828 vectors of 512 dimensions."""
FEWEST = 32
"""Vectors of which a structure is made at least: a code of 4 bits has 16 centroids, which are fitted on them."""
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
    # Beside the code: the id, the position, and the row where its vector lies.
    taken = count * (dimension // (2 * fine.together) + 8 + 8 + 24)
    return fine if taken <= memory else Plan("ivf", 4)


def memory_there() -> int:
    """Returns the bytes of memory that search structures may take where nobody says how many."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        # Windows does not tell in this way.
        total = 8 * GIB
    return int(MEMORY_SHARE * total)
