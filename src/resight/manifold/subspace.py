"""Vectors that rank best when there are few of them: the Ritz vectors of random signals that have diffused for a while.

graph: (n, n) S, as in `signal`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Float32, Float64, Int64
from resight.errors import FitError, UsageError
from resight.manifold.diffusion import ConjugateGradient
from resight.manifold.eigenvectors import ABOVE, DENSE, fit_spectrum
from resight.manifold.filtering import amplified
from resight.manifold.ritz import ritz
from resight.manifold.signal import checked_alpha, checked_graph
from resight.manifold.spectral import Spectral, Spectrum
from resight.manifold.system import compact

CUT = 0.7
"""Eigenvalues above this are not damped: diffusion with an alpha of 0.99 leaves a thirtieth of this one."""
DEGREE = 4
"""Products with S between two checks of the ranking."""
LOOKS = 24
"""Most checks of the ranking."""
PATIENCE = 2
"""Checks in succession without improvement after which the search ends."""
DRAWN = 32
"""Nodes whose exact ranking is compared."""
TOP = 100
"""Nodes of a ranking that are compared, at most a quarter of all."""
EXACT = 1e-6
STEPS = 200
"""Tolerance and iterations of the exact ranking."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Subspace:
    """A fitted subspace. spectrum: Ritz vectors and values; kept: the share of the exact top 100 that it keeps."""

    spectrum: Spectrum
    kept: float


def fit_subspace(graph: csr_array, rank: int, alpha: float = 0.99, *, seed: int = 0) -> Subspace:
    """Fits `rank` vectors for `Spectral`: the best, for this alpha, of the subspaces that random signals pass through.

    The signals are filtered more and more; after every few products with S, the share of the exact ranking of 32 random
    nodes that their subspace keeps is measured. In a small graph the eigenvectors compete, too. The rank is lowered,
    with a warning, to the number of nodes with neighbours. Raises UsageError where there is no rank or no graph (see
    `checked_graph`), or alpha is outside of [0, 1); FitError where there is no edge, or the graph is not normalised.

    Source: the subspace is that of Iscen, Avrithis, Tolias, Furon & Chum, "Fast spectral ranking for similarity
    search", CVPR 2018, section 3.3, after Halko, Martinsson & Tropp, SIAM Review 2011.

    Notes: the paper iterates until it has eigenvectors. Where there are more manifolds than vectors, eigenvectors cover
    the largest manifolds and none of the others: on 100,000 nodes in 230 curves, 100 eigenvectors keep 0.41 of the top
    100 of a query, and 100 vectors of this subspace 0.87. A random vector has a component in every manifold, and
    filtered enough it is nearly constant on each, which separates them as random projections do.
    """
    s = checked_graph(graph)
    checked_alpha(alpha)
    if rank < 1:
        raise UsageError(f"a subspace of rank {rank} has nothing in it; give at least 1")
    connected = np.diff(s.indptr) > 0
    count = int(connected.sum())
    if count == 0:
        raise FitError("no node of the graph has a neighbour; give more neighbours, or more images")
    if rank > count:
        _log.warning("only %d nodes of the graph have neighbours: taking %d vectors, not %d", count, count, rank)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(np.flatnonzero(connected), min(DRAWN, count), replace=False))
    y = _around(s, rows)
    exact = _tops(ConjugateGradient(graph, alpha, tolerance=EXACT, iterations=STEPS)(y))
    block = rng.standard_normal((s.shape[0], min(rank, count)), np.float32)
    # A node without neighbours is an eigenvector of 0, which diffusion does not use.
    block[~connected] = 0.0
    best, patience = None, PATIENCE
    for spectrum in _filtered(s, block):
        found = Subspace(spectrum, _shared(exact, _tops(Spectral(spectrum, alpha)(y))))
        if best is None or found.kept > best.kept:
            best, patience = found, PATIENCE
        elif patience == 1:
            break
        else:
            patience -= 1
    assert best is not None, "there is at least one look"
    if s.shape[0] > DENSE:
        return best
    spectrum = fit_spectrum(graph, min(rank, s.shape[0]))
    found = Subspace(spectrum, _shared(exact, _tops(Spectral(spectrum, alpha)(y))))
    return found if found.kept >= best.kept else best


def _filtered(s: csr_array, block: Float32) -> Iterator[Spectrum]:
    """Yields the Ritz pairs of S in the span of a block that is filtered more and more.

    Raises FitError where S is not normalised.
    """
    # Placing neighbours near each other in memory makes the products several times as fast.
    s, order = compact(s)
    block, light, cut = block[order], s.astype(np.float32), 0.0
    for _ in range(LOOKS):
        values, block, _ = ritz(light, amplified(light, block, cut, DEGREE))
        if values[0] > 1.0 + ABOVE:
            raise FitError(f"the graph has an eigenvalue of {values[0]:.3f}; normalise it, so that none is above 1")
        vectors = np.empty_like(block)
        vectors[order] = block
        yield Spectrum(vectors, values)
        # With enough vectors the cut follows their least value, and they approach the eigenvectors of the largest
        # eigenvalues; with too few it stays at CUT, so that no manifold is damped.
        cut = min(float(values[-1]), CUT)


def _around(s: csr_array, rows: Int64) -> Float64:
    """Returns (n, q) signals like those of queries: each of a node and its neighbours."""
    y = np.zeros((s.shape[0], len(rows)))
    for query, row in enumerate(rows.tolist()):
        span = slice(s.indptr[row], s.indptr[row + 1])
        y[s.indices[span], query] = s.data[span]
        y[row, query] = s.data[span].max()
    return y


def _tops(f: Float64 | Float32) -> list[Int64]:
    """Returns the best nodes of each column."""
    top = min(TOP, -(-len(f) // 4))
    return [np.argsort(-column, kind="stable")[:top] for column in f.T]


def _shared(exact: list[Int64], found: list[Int64]) -> float:
    return float(np.mean([len(np.intersect1d(a, b)) / len(a) for a, b in zip(exact, found, strict=True)]))
