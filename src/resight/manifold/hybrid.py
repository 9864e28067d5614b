"""Hybrid diffusion: the exact part of the largest eigenvalues, and conjugate gradients for the rest.

graph: (n, n) S, y: (n,) or (n, q), as in `signal`.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Float64, Floating
from resight.errors import UsageError
from resight.manifold.signal import checked_limits, checked_signal
from resight.manifold.spectral import Spectrum
from resight.manifold.system import LinearSystem


class Hybrid:
    """A solver of f = (1 - alpha)(I - alpha S)^-1 y by eigenvectors and conjugate gradients.

    The iterations start from the part of f in the span of the eigenvectors.

    iterations: most iterations for the part outside the span of the eigenvectors; the span itself, which would need the
    most, costs none; with 0 that outside part is left out. tolerance: |y - (I - alpha S) x| / |y| at which they end
    earlier.

    Source: Iscen, Avrithis, Tolias, Furon & Chum, "Hybrid diffusion: spectral-temporal graph filtering for manifold
    ranking", ACCV 2018.

    Notes: the paper subtracts U L U' from S and solves with the remainder. The residual of the exact part is orthogonal
    to U, and S keeps it so: the same iterations with S itself stay outside of the span too, and need no product with U.
    Errors of inexact eigenvectors are part of the residual, and are solved for: converged, the solution does not depend
    on them.
    """

    def __init__(
        self,
        graph: csr_array,
        spectrum: Spectrum,
        alpha: float = 0.99,
        *,
        iterations: int = 5,
        tolerance: float = 1e-6,
    ) -> None:
        self._system = LinearSystem(graph, alpha)
        if len(spectrum.vectors) != len(self._system):
            raise UsageError(
                f"the spectrum of {len(spectrum.vectors)} nodes is not that of this graph, which has "
                f"{len(self._system)}; fit it on this graph"
            )
        self._vectors = spectrum.vectors
        self._alpha = alpha
        self._inverse = 1.0 / (1.0 - alpha * np.minimum(spectrum.values, 1.0))
        self._tolerance, self._iterations = checked_limits(tolerance, iterations, least=0)

    def __call__(self, y: Floating) -> Float64:
        """Returns diffused scores of y, float64, in its shape.

        Raises UsageError where y is of another graph or not finite, or S is not normalised.
        """
        return self.solve(y)[0]

    def solve(self, y: Floating) -> tuple[Float64, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        """Returns the scores, and the number of iterations for each column of y."""
        y = checked_signal(y, len(self._system))
        queries = np.array(y.reshape(len(y), -1).T, np.float64, order="C")
        found = np.empty_like(queries)
        taken = np.zeros(len(queries), np.int64)
        for query, column in enumerate(queries):
            found[query], taken[query] = self._solve(column)
        return np.ascontiguousarray((1.0 - self._alpha) * found.T).reshape(y.shape), taken

    def _solve(self, y: Float64) -> tuple[Float64, int]:
        rows = np.flatnonzero(y)
        projected = self._vectors[rows].T.astype(np.float64) @ y[rows]
        start = (self._vectors @ ((self._inverse - 1.0) * projected).astype(np.float32)).astype(np.float64)
        start += y  # outside of the span, as for an eigenvalue of 0
        x, taken, _ = self._system.solve(y, start, self._tolerance, self._iterations)
        return x, taken
