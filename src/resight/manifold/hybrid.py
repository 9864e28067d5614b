"""Hybrid diffusion: what the largest eigenvalues tell exactly, and conjugate gradient for the rest.

graph: (n, n) S, y: (n,) or (n, q), as in `signal`.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from resight.errors import UsageError
from resight.manifold.signal import Doubles, Signal, checked_limits, checked_signal
from resight.manifold.spectral import Spectrum
from resight.manifold.system import LinearSystem


class Hybrid:
    """Diffusion f = (1 - alpha)(I - alpha S)^-1 y by conjugate gradient that starts from its part in the span of the
    eigenvectors.

    iterations: of which the span of the largest eigenvalues, which needs the most, is spared; 0 leaves that part alone.
    tolerance: |y - (I - alpha S) x| / |y| at which it ends before.

    Source: Iscen, Avrithis, Tolias, Furon & Chum, "Hybrid diffusion: spectral-temporal graph filtering for manifold
    ranking", ACCV 2018.

    Notes: the paper takes U L U' from S and solves with what is left. The residual of the exact part is orthogonal to
    U, and S keeps it so, so that the same iterations with S itself stay outside of the span too: an iteration does not
    cost a product with U. What is wrong with eigenvectors that are not exact is a part of the residual, and is
    solved for: converged, the solution does not depend on them.
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

    def __call__(self, y: Signal) -> Doubles:
        """Diffused scores of y, float64, in its shape. UsageError: y of another graph, not finite, S not normalised."""
        return self.solve(y)[0]

    def solve(self, y: Signal) -> tuple[Doubles, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        """The scores, and the iterations that each column of y took."""
        y = checked_signal(y, len(self._system))
        queries = np.array(y.reshape(len(y), -1).T, np.float64, order="C")
        found = np.empty_like(queries)
        taken = np.zeros(len(queries), np.int64)
        for query, column in enumerate(queries):
            found[query], taken[query] = self._solve(column)
        return np.ascontiguousarray((1.0 - self._alpha) * found.T).reshape(y.shape), taken

    def _solve(self, y: Doubles) -> tuple[Doubles, int]:
        rows = np.flatnonzero(y)
        projected = self._vectors[rows].T.astype(np.float64) @ y[rows]
        start = (self._vectors @ ((self._inverse - 1.0) * projected).astype(np.float32)).astype(np.float64)
        start += y  # outside of the span, what an eigenvalue of 0 would give
        x, taken, _ = self._system.solve(y, start, self._tolerance, self._iterations)
        return x, taken
