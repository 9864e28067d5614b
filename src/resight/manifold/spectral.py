"""Fast spectral ranking: diffusion by the largest eigenvalues of the graph, and as a search by inner product.

graph: (n, n) S, y: (n,) or (n, q), as in `signal`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.sparse import csr_array

from resight.errors import FitError, UsageError
from resight.manifold.filtering import amplified, spread
from resight.manifold.signal import Doubles, Floats, Signal, checked_alpha, checked_graph, checked_signal
from resight.manifold.system import compact

DENSE = 2500
"""Up to as many nodes, all eigenvectors of the dense matrix are quicker than a few of the sparse one, and exact."""
TOLERANCE = 1e-4
"""An eigenvector u of the value l has |S u - l u| <= 1e-4: l is then off by 1e-8 over the gap beside it."""
ROUNDS = 30
"""Rounds after which the subspace has converged or does not."""
DEGREE = 24
"""Products with S in a round, at most."""
GROWTH = 10.0
"""Logarithm of the greatest amplification in a round: its inverse, squared, is well above FLOOR."""
FLOOR = 1e-12
"""Least square of a direction's length, of the greatest, that is more than rounding of float32."""
SPARE = 4
"""A subspace has 1 / 4 more dimensions than are asked for, so that the last of those converge as fast as the first."""
NEAR = 1e-6
"""Least distance from 1 of what is damped."""
ABOVE = 1e-3
"""How far rounding may take an eigenvalue of a normalised graph above 1."""
ROWS = 16_384

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Spectrum:
    """Eigenvectors of a graph of n nodes as columns, (n, r) float32, and their eigenvalues, (r,), falling."""

    vectors: Floats
    values: Doubles

    @property
    def rank(self) -> int:
        """Number of eigenvectors."""
        return len(self.values)


def fit_spectrum(graph: csr_array, rank: int, seed: int = 0) -> Spectrum:
    """The `rank` largest eigenvalues of S by sign, not by magnitude, and their eigenvectors.

    The rank is lowered, with a warning, to the number of nodes, and to the eigenvectors that converged to TOLERANCE.
    UsageError: no rank, no graph (see `checked_graph`). FitError: none converged, or the graph is not normalised.

    Source: Zhou, Saad, Tiago & Chelikowsky, "Self-consistent-field calculations using Chebyshev-filtered subspace
    iteration", Journal of Computational Physics 2006; the use for ranking is that of Iscen,
    Avrithis, Tolias, Furon & Chum, "Fast spectral ranking for similarity search", CVPR 2018.

    Notes: the paper takes a randomised range finder. Filtering multiplies the same blocks, and damps what is not wanted
    much faster where eigenvalues lie as close together as at the end of the spectrum of a large graph. Where an
    eigenvalue is multiple, as 1 is in a graph of several components, and the rank cuts through it, the vectors are
    some of its space, the same for the same seed.
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


class Spectral:
    """Diffusion f = (1 - alpha)(I - alpha S)^-1 y by r eigenvectors: f = U (h - (1 - alpha)) U'y + (1 - alpha) y with
    h(l) = (1 - alpha) / (1 - alpha l). What is outside of U is taken to have the eigenvalue 0.

    Source: Iscen et al., CVPR 2018. Equal to the closed form where all eigenvectors are used.

    Notes: the paper's f = U h U'y (`low_rank`) leaves out what is outside of U, which costs a part of the ranking and
    the score of a node without neighbours.
    """

    def __init__(self, spectrum: Spectrum, alpha: float = 0.99) -> None:
        self._vectors = spectrum.vectors
        self._alpha = checked_alpha(alpha)
        self._gains = transfer(spectrum.values, alpha) - (1.0 - alpha)

    def __call__(self, y: Signal) -> Floats:
        """Diffused scores of y, float32, in its shape. UsageError: y of another graph, or not finite.

        Notes: U'y costs only as much as y has non-zeros, U times that as much as the whole of U.
        """
        y = checked_signal(y, len(self._vectors))
        rows = _support(y)
        f = self._vectors @ _scaled(self._gains, _projected(self._vectors, y, rows)).astype(np.float32)
        f[rows] += ((1.0 - self._alpha) * y[rows]).astype(np.float32)
        return f

    def embedding(self) -> Floats:
        """(n, r) vectors whose inner product with `embed(y)` is the score of every node at which y is 0.

        Notes: directions of negative eigenvalues have no such vectors and are left empty; they would lower the scores
        of the neighbours of a query's own.
        """
        return self._vectors * self._roots().astype(np.float32)

    def embed(self, y: Signal) -> Floats:
        """(r,) or (q, r) vectors to search `embedding` with by inner product, of y (n,) or (n, q).

        Notes: the nodes where y is not 0, the nearest of the query, have (1 - alpha) y more than the inner product.
        """
        y = checked_signal(y, len(self._vectors))
        return np.asarray(_scaled(self._roots(), _projected(self._vectors, y, _support(y))).T, np.float32)

    def _roots(self) -> Doubles:
        return np.sqrt(np.maximum(self._gains, 0.0))


def transfer(values: Doubles, alpha: float) -> Doubles:
    """h(l) = (1 - alpha) / (1 - alpha l), by which diffusion multiplies the eigenvector of the eigenvalue l."""
    # An eigenvalue of 1 may come out a little above, and alpha may be as near to 1.
    return np.asarray((1.0 - alpha) / (1.0 - alpha * np.minimum(values, 1.0)), np.float64)


def low_rank(spectrum: Spectrum, y: Signal, alpha: float = 0.99) -> Floats:
    """f = U h U'y, float32, in the shape of y: diffusion in the span of the eigenvectors alone.

    Source: Iscen et al., CVPR 2018.
    """
    y = checked_signal(y, len(spectrum.vectors))
    projected = _projected(spectrum.vectors, y, _support(y))
    return spectrum.vectors @ _scaled(transfer(spectrum.values, checked_alpha(alpha)), projected).astype(np.float32)


def _support(y: Signal) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Nodes at which some query is not 0."""
    return np.flatnonzero(y if y.ndim == 1 else y.any(axis=1))


def _projected(vectors: Floats, y: Signal, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Doubles:
    """U'y, (r,) or (r, q)."""
    return np.asarray(vectors[rows].T.astype(np.float64) @ y[rows], np.float64)


def _scaled(gains: Doubles, projected: Doubles) -> Doubles:
    return np.asarray((gains * projected.T).T, np.float64)


def _dense(s: csr_array, rank: int) -> Spectrum:
    nodes = s.shape[0]
    values, vectors = scipy.linalg.eigh(s.toarray(), subset_by_index=(nodes - rank, nodes - 1))
    return _spectrum(values[::-1], vectors[:, ::-1])


def _sparse(s: csr_array, rank: int, seed: int) -> Spectrum:
    """Chebyshev-filtered subspace iteration, in float32; eigenvalues and residuals at the end in float64."""
    connected = np.diff(s.indptr) > 0
    count = int(connected.sum())
    if rank > count:
        _log.warning("only %d nodes of the graph have neighbours: taking %d eigenvectors, not %d", count, count, rank)
        rank = count
    if count == 0:
        raise FitError("no node of the graph has a neighbour; give more neighbours, or more images")
    size = min(rank + max(rank // SPARE, 16), count)
    block = np.random.default_rng(seed).standard_normal((s.shape[0], size), np.float32)
    # A node without neighbours is an eigenvector of 0, which diffusion has no use for.
    block[~connected] = 0.0
    # Neighbours that are near in memory too make the products, which is nearly all of the time, 6 times as fast.
    s, order = compact(s)
    block = block[order]
    light = s.astype(np.float32)
    cut = 0.0
    for _ in range(ROUNDS):
        block = _orthonormal(_orthonormal(amplified(light, block, cut, _degree(cut))))
        image = spread(light, block)
        values, turn = np.linalg.eigh(_gram(block, image))
        turn = turn[:, ::-1].astype(np.float32)
        block, image = block @ turn, image @ turn
        image -= block * values[::-1].astype(np.float32)
        if (np.linalg.norm(image[:, :rank], axis=0) <= TOLERANCE).all():
            break
        # Damped up to 1, nothing would be amplified.
        cut = min(float(values[0]), 1.0 - NEAR)
    found = _converged(s, block[:, :rank])
    vectors = np.empty_like(found.vectors)
    vectors[order] = found.vectors
    return _spectrum(found.values, vectors)


def _degree(cut: float) -> int:
    """Products in a round: fewer where the growth from `cut` to 1 would take the rest of a random block below what
    float32 can tell from rounding."""
    growth = float(np.arccosh((3.0 - cut) / (1.0 + cut)))
    return max(2, min(DEGREE, int(GROWTH / growth)))


def _orthonormal(block: Floats) -> Floats:
    """Columns of the same span, of which those that rounding cannot tell from the others are left out.

    Source: Stathopoulos & Wu, "A block orthogonalization procedure with constant synchronization requirements", SIAM
    Journal on Scientific Computing 2002, algorithm SVQB. Twice is enough.
    """
    block /= np.maximum(np.linalg.norm(block, axis=0), np.finfo(np.float32).tiny)
    values, turn = np.linalg.eigh(_gram(block, block))
    good = values > FLOOR * values[-1]
    return np.asarray(block @ (turn[:, good] / np.sqrt(values[good])).astype(np.float32), np.float32)


def _gram(one: Floats, other: Floats) -> Doubles:
    """one' other, symmetric, in float64."""
    total = np.zeros((one.shape[1], one.shape[1]))
    for start in range(0, len(one), ROWS):
        total += one[start : start + ROWS].T.astype(np.float64) @ other[start : start + ROWS].astype(np.float64)
    return (total + total.T) / 2.0


def _converged(s: csr_array, vectors: Floats) -> Spectrum:
    """The vectors up to the first that is none, and their Rayleigh quotients."""
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


def _spectrum(values: Doubles, vectors: Doubles | Floats) -> Spectrum:
    """With the largest entry of each vector positive, so that signs do not depend on the linear algebra at hand."""
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(len(values))] < 0.0, -1.0, 1.0)
    return Spectrum(np.ascontiguousarray(vectors * signs, np.float32), np.ascontiguousarray(values, np.float64))
