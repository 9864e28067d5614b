"""The linear system of diffusion, (I - alpha S) x = y, with its nodes ordered so that neighbours are near in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, csr_matrix
from scipy.sparse.csgraph import reverse_cuthill_mckee

from resight.arrays import Float64, Int32
from resight.errors import UsageError
from resight.manifold.conjugate import INDEFINITE, conjugate_gradient
from resight.manifold.signal import checked_alpha, checked_graph

NOT_NORMALISED = "the graph is not normalised: S has an eigenvalue above 1 / alpha; divide by its degrees"
LARGE = 500_000
"""Number of edges above which x no longer fits into a core's own cache, and ordering the nodes pays after a few
queries."""


class LinearSystem:
    """The matrix I - alpha S of a graph S (n, n), to be solved by conjugate gradients.

    once: for a single query, whose nodes are not reordered: that takes about five times as long as the query. Raises
    UsageError where S is not a normalised graph (`checked_graph`), or alpha is outside of [0, 1).

    Notes: float32 input stays float32, so that an iteration reads a third less; sums are float64 all the same.
    """

    def __init__(self, graph: csr_array, alpha: float, *, once: bool = False) -> None:
        s = checked_graph(graph)
        self._alpha = checked_alpha(alpha)
        self._order: Int32 | None = None
        if s.nnz >= LARGE and not once:
            s, self._order = compact(s)
        self._starts, self._columns = s.indptr, s.indices
        self._values = s.data.astype(np.float32 if graph.dtype == np.float32 else np.float64)

    def __len__(self) -> int:
        """Returns the number of nodes."""
        return len(self._starts) - 1

    def solve(self, y: Float64, start: Float64, tolerance: float, iterations: int) -> tuple[Float64, int, float]:
        """Returns x (n,), the number of iterations from `start` (n,), and |y - (I - alpha S) x| / |y|.

        It ends at a residual of `tolerance`, or after `iterations` iterations. Raises UsageError where S has an
        eigenvalue above 1 / alpha.
        """
        # x is solved in place, and is a copy in either case.
        given, x = (y, start.copy()) if self._order is None else (y[self._order], start[self._order])
        matrix = self._starts, self._columns, self._values, self._alpha
        arguments: tuple[Any, ...] = *matrix, given, x, tolerance, iterations
        taken, residual = conjugate_gradient(*arguments)
        if taken == INDEFINITE:
            raise UsageError(NOT_NORMALISED)
        if self._order is None:
            return x, taken, residual
        placed = np.empty_like(x)
        placed[self._order] = x
        return placed, taken, residual


def compact(graph: csr_array) -> tuple[csr_array, Int32]:
    """Reorders the nodes of a graph so that neighbours are near in memory, and returns that order.

    Node i of the new graph is node order[i] of the given one.

    Source: Cuthill & McKee, "Reducing the bandwidth of sparse symmetric matrices", ACM 1969, reversed.
    """
    order = np.asarray(reverse_cuthill_mckee(csr_matrix(graph), symmetric_mode=True), np.int32)
    ordered = graph[order][:, order]
    ordered.sort_indices()
    return ordered, order
