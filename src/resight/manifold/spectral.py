"""Fast spectral ranking: diffusion by a few eigenvectors or Ritz vectors, also as a search by inner product.

graph: (n, n) S, y: (n,) or (n, q), as in `signal`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32, Float64, Floating
from resight.manifold.signal import checked_alpha, checked_signal


@dataclass(frozen=True)
class Spectrum:
    """Orthonormal vectors of a graph of n nodes, and their values in descending order.

    vectors: (n, r) float32, as columns; values: (r,). They are eigenvectors and eigenvalues (`eigenvectors.py`), or the
    Ritz vectors and values of a subspace (`subspace.py`).
    """

    vectors: Float32
    values: Float64

    @property
    def rank(self) -> int:
        """Number of vectors."""
        return len(self.values)


class Spectral:
    """A solver of f = (1 - alpha)(I - alpha S)^-1 y by r vectors U.

    f = U (h - (1 - alpha)) U'y + (1 - alpha) y with h(l) = (1 - alpha) / (1 - alpha l). Everything outside of U is
    taken to have the eigenvalue 0.

    Source: Iscen et al., CVPR 2018. Equal to the closed form where all eigenvectors are used; with Ritz vectors, of all
    f in their span the nearest to the closed form, in the norm of I - alpha S.

    Notes: the paper's f = U h U'y (`low_rank`) omits everything outside of U, which costs a part of the ranking and the
    score of a node without neighbours.
    """

    def __init__(self, spectrum: Spectrum, alpha: float = 0.99) -> None:
        self._vectors = spectrum.vectors
        self._alpha = checked_alpha(alpha)
        self._gains = transfer(spectrum.values, alpha) - (1.0 - alpha)

    def __call__(self, y: Floating) -> Float32:
        """Returns diffused scores of y, float32, in its shape.

        Raises UsageError where y is of another graph, or not finite.

        Notes: U'y costs only as much as y has non-zeros; multiplying U by it costs as much as the whole of U.
        """
        y = checked_signal(y, len(self._vectors))
        rows = _support(y)
        f = self._vectors @ _scaled(self._gains, _projected(self._vectors, y, rows)).astype(np.float32)
        f[rows] += ((1.0 - self._alpha) * y[rows]).astype(np.float32)
        return f

    def embedding(self) -> Float32:
        """Returns vectors (n, r) whose inner product with `embed(y)` is the score of every node at which y is 0.

        Notes: directions of negative eigenvalues have no such vectors and are left zero; they would lower the scores of
        the neighbours of the query's nearest nodes.
        """
        return self._vectors * self._roots().astype(np.float32)

    def embed(self, y: Floating) -> Float32:
        """Returns (r,) or (q, r) vectors to search `embedding` with by inner product, for y (n,) or (n, q).

        Notes: nodes where y is not 0, the nearest of the query, score (1 - alpha) y more than the inner product.
        """
        y = checked_signal(y, len(self._vectors))
        return np.asarray(_scaled(self._roots(), _projected(self._vectors, y, _support(y))).T, np.float32)

    def _roots(self) -> Float64:
        return np.sqrt(np.maximum(self._gains, 0.0))


def transfer(values: Float64, alpha: float) -> Float64:
    """Returns h(l) = (1 - alpha) / (1 - alpha l), by which diffusion multiplies the eigenvector of the eigenvalue l."""
    # Rounding may put an eigenvalue of 1 a little above it, and alpha may be as near to 1.
    return np.asarray((1.0 - alpha) / (1.0 - alpha * np.minimum(values, 1.0)), np.float64)


def low_rank(spectrum: Spectrum, y: Floating, alpha: float = 0.99) -> Float32:
    """Returns f = U h U'y, float32, in the shape of y: diffusion in the span of the eigenvectors alone.

    Source: Iscen et al., CVPR 2018.
    """
    y = checked_signal(y, len(spectrum.vectors))
    projected = _projected(spectrum.vectors, y, _support(y))
    return spectrum.vectors @ _scaled(transfer(spectrum.values, checked_alpha(alpha)), projected).astype(np.float32)


def _support(y: Floating) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Returns the nodes at which some query is not 0."""
    return np.flatnonzero(y if y.ndim == 1 else y.any(axis=1))


def _projected(vectors: Float32, y: Floating, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Float64:
    """Returns U'y, (r,) or (r, q)."""
    return np.asarray(vectors[rows].T.astype(np.float64) @ y[rows], np.float64)


def _scaled(gains: Float64, projected: Float64) -> Float64:
    return np.asarray((gains * projected.T).T, np.float64)
