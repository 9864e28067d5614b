"""Eigenvectors of the largest eigenvalues of a graph.

graph: (n, n) S, as in `signal`.
"""

from __future__ import annotations

import logging

import numpy as np
import scipy.linalg
from scipy.sparse import csr_array

from resight.arrays import Float32, Float64
from resight.errors import FitError, UsageError
from resight.manifold.filtering import amplified
from resight.manifold.ritz import ROWS, ritz
from resight.manifold.signal import checked_graph
from resight.manifold.spectral import Spectrum
from resight.manifold.system import compact

DENSE = 2500
"""Most nodes for which computing all eigenvectors of the dense matrix is faster than a few of the sparse one, and
exact."""
TOLERANCE = 1e-4
"""Largest |S u - l u| of an eigenvector u of the value l: l is then off by 1e-8 divided by the gap beside it."""
ROUNDS = 30
"""Rounds after which the subspace is taken as converged or not converging."""
DEGREE = 24
"""Most products with S in a round."""
GROWTH = 10.0
"""Logarithm of the greatest amplification in a round: its inverse, squared, is well above float32's rounding error."""
SPARE = 4
"""A subspace has 1 / 4 more dimensions than are asked for, so that the last of those converge as fast as the first."""
NEAR = 1e-6
"""Least distance of damped eigenvalues from 1."""
ABOVE = 1e-3
"""The most that rounding takes an eigenvalue of a normalised graph above 1."""

_log = logging.getLogger(__name__)


def fit_spectrum(graph: csr_array, rank: int, seed: int = 0) -> Spectrum:
    """Computes the `rank` largest eigenvalues of S by sign, not by magnitude, and their eigenvectors.

    The rank is lowered, with a warning, to the number of nodes, and to the eigenvectors that converged to TOLERANCE.
    Raises UsageError where there is no rank or no graph (see `checked_graph`), FitError where no eigenvector converged
    or the graph is not normalised.

    Source: Zhou, Saad, Tiago & Chelikowsky, "Self-consistent-field calculations using Chebyshev-filtered subspace
    iteration", Journal of Computational Physics 2006; the use for ranking is that of Iscen, Avrithis, Tolias, Furon &
    Chum, "Fast spectral ranking for similarity search", CVPR 2018.

    Notes: the paper uses a randomised range finder. Filtering multiplies the same blocks, and damps unwanted
    eigenvectors much faster where eigenvalues are as close together as at the end of the spectrum of a large graph.
    Where the rank cuts through a multiple eigenvalue, such as 1 in a graph of several components, the vectors are some
    of its eigenspace, the same for the same seed.
    """
    s = checked_graph(graph)
    nodes = s.shape[0]
    if rank < 1:
        raise UsageError(f"a spectrum of rank {rank} has nothing in it; give at least 1")
    if rank > nodes:
        _log.warning("a graph of %d nodes has no %d eigenvalues: taking all of its own", nodes, rank)
        rank = nodes
    found = _dense(s, rank) if nodes <= DENSE else _sparse(s, rank, seed)
    if found.values[0] > 1.0 + ABOVE:
        raise FitError(f"the graph has an eigenvalue of {found.values[0]:.3f}; normalise it, so that none is above 1")
    return found


def _dense(s: csr_array, rank: int) -> Spectrum:
    nodes = s.shape[0]
    values, vectors = scipy.linalg.eigh(s.toarray(), subset_by_index=(nodes - rank, nodes - 1))
    return spectrum_of(values[::-1], vectors[:, ::-1])


def _sparse(s: csr_array, rank: int, seed: int) -> Spectrum:
    """Runs Chebyshev-filtered subspace iteration in float32; eigenvalues and residuals at the end in float64."""
    connected = np.diff(s.indptr) > 0
    count = int(connected.sum())
    if rank > count:
        _log.warning("only %d nodes of the graph have neighbours: taking %d eigenvectors, not %d", count, count, rank)
        rank = count
    if count == 0:
        raise FitError("no node of the graph has a neighbour; give more neighbours, or more images")
    size = min(rank + max(rank // SPARE, 16), count)
    block = np.random.default_rng(seed).standard_normal((s.shape[0], size), np.float32)
    # A node without neighbours is an eigenvector of 0, which diffusion does not use.
    block[~connected] = 0.0
    # Placing neighbours near each other in memory makes the products, which take nearly all of the time, 6 times as
    # fast.
    s, order = compact(s)
    block = block[order]
    light = s.astype(np.float32)
    cut = 0.0
    for _ in range(ROUNDS):
        values, block, image = ritz(light, amplified(light, block, cut, _degree(cut)))
        image -= block * values.astype(np.float32)
        if (np.linalg.norm(image[:, :rank], axis=0) <= TOLERANCE).all():
            break
        # If everything up to 1 were damped, nothing would be amplified.
        cut = min(float(values[-1]), 1.0 - NEAR)
    found = _converged(s, block[:, :rank])
    vectors = np.empty_like(found.vectors)
    vectors[order] = found.vectors
    return spectrum_of(found.values, vectors)


def _degree(cut: float) -> int:
    """Returns the number of products in a round.

    It is smaller where the growth from `cut` to 1 would push the rest of a random block below float32's rounding error.
    """
    growth = float(np.arccosh((3.0 - cut) / (1.0 + cut)))
    return max(2, min(DEGREE, int(GROWTH / growth)))


def _converged(s: csr_array, vectors: Float32) -> Spectrum:
    """Returns the vectors before the first that did not converge, and their Rayleigh quotients."""
    squares, quotients, residuals = (np.zeros(vectors.shape[1]) for _ in range(3))
    for start in range(0, len(vectors), ROWS):
        own = vectors[start : start + ROWS].astype(np.float64)
        squares += (own**2).sum(axis=0)
        quotients += (own * (s[start : start + ROWS] @ vectors)).sum(axis=0)
    values = quotients / squares
    for start in range(0, len(vectors), ROWS):
        own = vectors[start : start + ROWS].astype(np.float64)
        residuals += ((s[start : start + ROWS] @ vectors - own * values) ** 2).sum(axis=0)
    good = np.sqrt(residuals / squares) <= 2.0 * TOLERANCE
    count = len(good) if good.all() else int(np.argmin(good))
    if count == 0:
        raise FitError(
            f"no eigenvector of the graph converged to {TOLERANCE} in {ROUNDS} rounds; ask for a higher rank"
        )
    if count < len(good):
        _log.warning("%d of %d eigenvectors converged to %g: taking those", count, len(good), TOLERANCE)
    order = np.argsort(-values[:count], kind="stable")
    return Spectrum(vectors[:, order], values[order])


def spectrum_of(values: Float64, vectors: Float64 | Float32) -> Spectrum:
    """Makes the largest entry of each vector positive, so that signs do not depend on the linear algebra library."""
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(len(values))] < 0.0, -1.0, 1.0)
    return Spectrum(np.ascontiguousarray(vectors * signs, np.float32), np.ascontiguousarray(values, np.float64))
