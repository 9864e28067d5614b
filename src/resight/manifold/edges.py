"""Edges of a graph as arrays (CSR): edge j leads from node i to columns[j] where starts[i] <= j < starts[i + 1].

Apart from the rest, because importing the matrices of scipy takes as long as a query.
"""

from __future__ import annotations

import numpy as np

from resight.arrays import Float64, Floating, Int32, Integer
from resight.kernels.compiling import kernel


def normalised_values(starts: Integer, columns: Integer, values: Floating) -> Float64:
    """Returns D^-1/2 A D^-1/2 (m,) for the affinities A (m,) of edges, with D (n,) their sums for each node.

    Source: Zhou, Weston, Gretton, Bousquet & Scholkopf, "Ranking on data manifolds", NIPS 2003, step 3.
    """
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    degrees = np.bincount(rows, values, len(starts) - 1)
    scale = np.zeros(len(degrees))
    np.divide(1.0, np.sqrt(degrees), out=scale, where=degrees > 0)
    return np.asarray(values * scale[rows] * scale[columns], np.float64)


@kernel()
def edges_between(
    starts: Integer, columns: Integer, values: Floating, nodes: Integer, place: Integer
) -> tuple[Int32, Int32, Floating]:
    """Returns the CSR of the edges between `nodes`; `place` (n,): each node's position in `nodes`, else -1."""
    most = 0
    for node in nodes:
        most += starts[node + 1] - starts[node]
    own_starts, own_columns = np.zeros(len(nodes) + 1, np.int32), np.empty(most, np.int32)
    own_values = np.empty(most, values.dtype)
    count = 0
    for row, node in enumerate(nodes):
        for at in range(starts[node], starts[node + 1]):
            if place[columns[at]] >= 0:
                own_columns[count], own_values[count] = place[columns[at]], values[at]
                count += 1
        own_starts[row + 1] = count
    return own_starts, own_columns[:count], own_values[:count]
