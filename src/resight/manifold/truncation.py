"""Cuts parts out of a graph, with their nodes in a given order."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Floating, Int32, Integer
from resight.errors import UsageError
from resight.kernels.compiling import kernel
from resight.manifold.graph import row_numbers


def sub_graph(affinity: csr_array, rows: Integer) -> csr_array:
    """Returns the (m, m) affinity A of some nodes of a graph, in the order of `rows` (m,).

    Normalised separately it is the truncated graph of Iscen et al., CVPR 2017, section 5.3, whose degrees are those of
    the sub-graph; cut from a normalised S it keeps the degrees of the whole ("late truncation", Yang et al., AAAI
    2019). Raises UsageError where a row does not exist, or is given twice.

    Notes: its cost is that of the edges of these nodes, plus n bytes four times, whatever else the graph has.
    """
    wanted, n = row_numbers(rows), affinity.shape[0]
    place = np.full(n, -1, np.int32)
    there = (wanted >= 0) & (wanted < n)
    place[wanted[there]] = np.arange(len(wanted), dtype=np.int32)[there]
    if not there.all() or np.count_nonzero(place >= 0) != len(wanted):
        raise UsageError(f"{len(wanted)} rows do not choose a part of a graph of {n} nodes: name each once")
    starts, columns, values = edges_between(affinity.indptr, affinity.indices, affinity.data, wanted, place)
    part = csr_array((values, columns, starts), shape=(len(wanted), len(wanted)))
    part.sort_indices()
    return part


def sub_graph_reference(affinity: csr_array, rows: Integer) -> csr_array:
    """Computes `sub_graph` in plain scipy."""
    return csr_array(affinity[rows][:, rows])


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
