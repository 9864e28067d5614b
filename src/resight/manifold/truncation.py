"""Cuts parts out of a graph, with their nodes in a given order."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Integer
from resight.errors import UsageError
from resight.manifold.edges import edges_between
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
