"""The signal that is diffused, one number per node, and the normalised graph of neighbours that it is diffused on.

graph: (n, n) S = D^-1/2 A D^-1/2 of mutual similarities A, symmetric, none negative; a node without neighbours has an
empty row. y: (n,), or (n, q) with one query per column.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Floating
from resight.errors import UsageError

ASYMMETRY = 1e-5
"""Largest difference of S[i, j] and S[j, i] that float32 rounding explains."""


def checked_graph(graph: csr_array) -> csr_array:
    """Returns S in float64, with sorted, unique columns. Raises UsageError where it is not a normalised graph."""
    if graph.ndim != 2 or graph.shape[0] != graph.shape[1] or graph.shape[0] == 0:
        raise UsageError(f"a graph of shape {graph.shape} is none: give the square, normalised affinity of the nodes")
    s: csr_array = csr_array(graph).astype(np.float64)
    if not s.has_canonical_format:
        s = s.copy()
        s.sum_duplicates()
    if not np.isfinite(s.data).all():
        raise UsageError("not all affinities of the graph are finite; look for NaN in the descriptors it is made of")
    if (s.data < 0.0).any():
        raise UsageError("the graph has negative affinities; set negative similarities to 0 before it is normalised")
    if _asymmetry(s) > ASYMMETRY:
        raise UsageError("the graph is not symmetric; keep neighbours that are mutual, and normalise both sides")
    return s


def _asymmetry(s: csr_array) -> float:
    """Returns the largest difference of S[i, j] and S[j, i], for S with sorted, unique columns."""
    other: csr_array = s.T.tocsr()
    if np.array_equal(s.indptr, other.indptr) and np.array_equal(s.indices, other.indices):
        return float(np.abs(s.data - other.data).max(initial=0.0))
    difference = abs(s - other)
    return float(difference.max()) if difference.nnz else 0.0


def checked_signal(y: Floating, nodes: int) -> Floating:
    """Returns y, of shape (nodes,) or (nodes, q).

    Raises UsageError for another shape, or numbers that are not finite.
    """
    values = np.asarray(y)
    if values.ndim not in (1, 2) or len(values) != nodes:
        raise UsageError(f"a query of shape {values.shape} does not suit a graph of {nodes} nodes: give a value a node")
    if not np.isfinite(values).all():
        raise UsageError("not all values of the query are finite; look for NaN in its descriptor")
    return values


def checked_alpha(alpha: float) -> float:
    """Returns alpha, in [0, 1): with 1 diffusion never settles. Raises UsageError for another value."""
    if not 0.0 <= alpha < 1.0:
        raise UsageError(f"alpha is {alpha}: give at least 0 and less than 1 (0.99 is usual)")
    return alpha


def checked_limits(tolerance: float, iterations: int, least: int = 1) -> tuple[float, int]:
    """Returns the relative residual and the number of iterations at which a solver ends.

    Raises UsageError where the tolerance is negative, or there are fewer than `least` iterations.
    """
    if not 0.0 <= tolerance < np.inf or iterations < least:
        raise UsageError(
            f"a solver cannot end at a residual of {tolerance} or after {iterations} iterations: give a tolerance of 0 "
            f"or more, 1e-6 say, and at least {least} iterations"
        )
    return tolerance, iterations
