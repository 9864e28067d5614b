"""Finds the neighbours of a query in a collection: the nearest by distance, and the nearest along the manifold."""

from __future__ import annotations

import numpy as np

from resight.arrays import Floating, Mask, Vectors
from resight.manifold.diffusion import ConjugateGradient, query_affinity
from resight.manifold.graph import mutual_affinity, nearest_neighbours, normalised
from resight.manifold.kinds import Diffusion
from resight.progress import NamedProgress

PAPER = Diffusion()
"""Constants of the paper."""


def by_distance(vectors: Vectors, query: Vectors, row: int | None, count: int) -> list[int]:
    """Returns the `count` rows of L2-normalised `vectors` (n, d) nearest to a query (d,), nearest first, ties by row.

    row: the query's own row, which is left out, as are rows that are zero.
    """
    return _best(vectors @ query, _others(vectors, row), count)


def by_manifold(
    vectors: Vectors, query: Vectors, row: int | None, count: int, progress: NamedProgress | None = None
) -> list[int]:
    """Returns at most `count` rows that diffusion from the query reaches best, best first, ties by row.

    Diffusion starts at the 10 rows nearest to the query, including its own row if it has one; rows not connected to
    them in the graph are no neighbours. Iscen et al., CVPR 2017, section 3.
    """
    told = None if progress is None else (lambda done, total: progress("comparing photos", done, total))
    k = max(min(PAPER.k - 1, len(vectors) - 1), 1)
    s = normalised(mutual_affinity(nearest_neighbours(vectors, k, told), k, PAPER.gamma))
    f = ConjugateGradient(s)(query_affinity(vectors @ query, PAPER.query_k, PAPER.gamma))
    return _best(f, _others(vectors, row) & (f > 0), count)


def _others(vectors: Vectors, row: int | None) -> Mask:
    kept = np.asarray(vectors.any(axis=1), np.bool_)
    if row is not None:
        kept[row] = False
    return kept


def _best(scores: Floating, allowed: Mask, count: int) -> list[int]:
    rows = np.flatnonzero(allowed)
    order = np.argsort(-scores[rows], kind="stable")[:count]
    return [int(one) for one in rows[order]]
