"""Diffusion of a query over the graph of a collection, by solvers that are all called as f = diffuse(y).

f = (1 - alpha)(I - alpha S)^-1 y, the fixed point of f <- alpha S f + (1 - alpha) y. `graph` and y are those of
`signal.py`: S (n, n), y (n,) or (n, q); f has the shape of y, in float64. Errors are UsageErrors: a graph that is not
normalised, alpha outside of [0, 1), a tolerance below 0, no iterations, y of another graph or not finite.

Source: Zhou, Weston, Gretton, Bousquet & Scholkopf, "Ranking on data manifolds", NIPS 2003; for retrieval Donoser &
Bischof, "Diffusion processes for retrieval revisited", CVPR 2013.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Float64, Floating, Int64
from resight.cores import cores
from resight.errors import UsageError
from resight.manifold.signal import checked_alpha, checked_graph, checked_limits, checked_signal
from resight.manifold.system import NOT_NORMALISED, LinearSystem

MOST_NODES = 20_000
"""Most nodes for which a closed form is sensible: the inverse for this many takes 3.2 GB."""


@dataclass(frozen=True)
class Solution:
    """A solution f.

    iterations: (q,) taken by each query; residuals: (q,) |y - (I - alpha S) f / (1 - alpha)| / |y|, which tell whether
    the iterations sufficed; q is 1 for y (n,).
    """

    f: Float64
    iterations: Int64
    residuals: Float64


class Diffuse(Protocol):
    """A solver on one graph."""

    def __call__(self, y: Floating) -> Floating:
        """Returns f for y."""
        ...


class ClosedForm:
    """A solver by the dense inverse, computed once: for a few thousand nodes. Raises UsageError above `MOST_NODES`."""

    def __init__(self, graph: csr_array, alpha: float = 0.99) -> None:
        s, self._n = checked_graph(graph), graph.shape[0]
        if self._n > MOST_NODES:
            raise UsageError(f"a closed form of {self._n} nodes does not fit into memory: take conjugate gradients")
        system = np.eye(self._n) - checked_alpha(alpha) * s.toarray()
        try:
            np.linalg.cholesky(system)
        except np.linalg.LinAlgError:
            raise UsageError(NOT_NORMALISED) from None
        self._inverse = (1.0 - alpha) * np.linalg.inv(system)

    def __call__(self, y: Floating) -> Float64:
        """Returns f for y, (n,) or (n, q)."""
        return np.asarray(self._inverse @ checked_signal(y, self._n), np.float64)


class ConjugateGradient:
    """A solver by conjugate gradients from zero to a relative residual of `tolerance`, in at most `iterations`.

    20 iterations suffice for the ranking in Iscen et al., CVPR 2017, section 3.2, but may miss the tolerance: `solve`
    tells. once: for a single query, as on a graph that is cut out for it.
    """

    def __init__(
        self,
        graph: csr_array,
        alpha: float = 0.99,
        *,
        tolerance: float = 1e-6,
        iterations: int = 20,
        once: bool = False,
    ) -> None:
        self._system, self._alpha = LinearSystem(graph, alpha, once=once), alpha
        self._tolerance, self._iterations = checked_limits(tolerance, iterations)

    def __call__(self, y: Floating) -> Float64:
        """Returns f for y, (n,) or (n, q)."""
        return self.solve(y).f

    def solve(self, y: Floating) -> Solution:
        """Returns f and its residual. Raises UsageError also for a graph whose S has eigenvalues above 1 / alpha."""
        return _by_query(checked_signal(y, len(self._system)), self._solve)

    def _solve(self, y: Float64) -> tuple[Float64, int, float]:
        x, taken, residual = self._system.solve(y, np.zeros(len(y)), self._tolerance, self._iterations)
        return (1.0 - self._alpha) * x, taken, residual


class RandomWalk:
    """A solver that iterates f <- alpha S f + (1 - alpha) y, starting from y: Zhou et al., section 2.

    Notes: each iteration multiplies the error by at most alpha, so that 0.99 needs some hundreds.
    """

    def __init__(
        self, graph: csr_array, alpha: float = 0.99, *, tolerance: float = 1e-6, iterations: int = 2000
    ) -> None:
        self._graph, self._alpha = checked_graph(graph), checked_alpha(alpha)
        self._tolerance, self._iterations = checked_limits(tolerance, iterations)

    def __call__(self, y: Floating) -> Float64:
        """Returns f for y, (n,) or (n, q)."""
        return self.solve(y).f

    def solve(self, y: Floating) -> Solution:
        """Returns f and its residual."""
        return _by_query(checked_signal(y, self._graph.shape[0]), self._solve)

    def walk(self, y: Floating) -> Iterator[Float64]:
        """Yields f before the first iteration and after every further one, without end."""
        start = np.asarray(checked_signal(y, self._graph.shape[0]), np.float64)
        f = start
        while True:
            yield f
            f = self._alpha * (self._graph @ f) + (1.0 - self._alpha) * start

    def _solve(self, y: Float64) -> tuple[Float64, int, float]:
        scale = max((1.0 - self._alpha) * float(np.linalg.norm(y)), np.finfo(np.float64).tiny)
        steps = self.walk(y)
        f = next(steps)
        for taken in range(self._iterations):
            further = next(steps)
            # A step is (1 - alpha) times the residual of the f before it.
            residual = _bounded(float(np.linalg.norm(further - f)) / scale, self._alpha)
            if residual <= self._tolerance:
                return f, taken, residual
            f = further
        return f, self._iterations, float(np.linalg.norm(next(steps) - f)) / scale


class Jacobi:
    """A solver by Jacobi iterations for (I - alpha S) x = y, whose diagonal is 1 where no node is its own neighbour.

    In that case it is the random walk from (1 - alpha) y; an affinity of nodes with themselves makes it faster.
    """

    def __init__(
        self, graph: csr_array, alpha: float = 0.99, *, tolerance: float = 1e-6, iterations: int = 2000
    ) -> None:
        self._graph, self._alpha = checked_graph(graph), checked_alpha(alpha)
        self._diagonal = 1.0 - self._alpha * self._graph.diagonal()
        self._tolerance, self._iterations = checked_limits(tolerance, iterations)

    def __call__(self, y: Floating) -> Float64:
        """Returns f for y, (n,) or (n, q)."""
        return self.solve(y).f

    def solve(self, y: Floating) -> Solution:
        """Returns f and its residual."""
        return _by_query(checked_signal(y, self._graph.shape[0]), self._solve)

    def _solve(self, y: Float64) -> tuple[Float64, int, float]:
        norm = max(float(np.linalg.norm(y)), np.finfo(np.float64).tiny)
        x, residual = np.zeros(len(y)), y
        for taken in range(self._iterations):
            left = _bounded(float(np.linalg.norm(residual)) / norm, self._alpha)
            if left <= self._tolerance:
                return (1.0 - self._alpha) * x, taken, left
            x = x + residual / self._diagonal
            residual = y - x + self._alpha * (self._graph @ x)
        return (1.0 - self._alpha) * x, self._iterations, float(np.linalg.norm(residual)) / norm


def _bounded(residual: float, alpha: float) -> float:
    """Returns the residual of an iteration.

    Raises UsageError above 2 / (1 - alpha), its bound at the start: on a normalised graph it only falls.
    """
    if not residual <= 2.0 / (1.0 - alpha):
        raise UsageError(NOT_NORMALISED)
    return residual


def query_affinity(similarities: Floating, kq: int, gamma: float = 3.0) -> Float64:
    """Returns y (n,) for a query that is not in the graph: max(s, 0)^gamma of its kq most similar nodes, 0 elsewhere.

    Of equally similar nodes those with smaller numbers are taken; all nodes where kq exceeds n. Raises UsageError where
    kq < 1, gamma is not positive, or similarities are not finite. Source: Iscen et al., CVPR 2017, section 3.3.
    """
    if kq < 1 or not 0.0 < gamma < np.inf:
        raise UsageError(f"the {kq} nearest to the power of {gamma} cannot be taken; give 10 and 3, say")
    given = np.asarray(checked_signal(similarities, len(similarities)), np.float64)
    nearest = np.argsort(-given, kind="stable")[:kq]
    y = np.zeros(len(given))
    y[nearest] = np.maximum(given[nearest], 0.0) ** gamma
    return y


def _by_query(y: Floating, solve: Callable[[Float64], tuple[Float64, int, float]]) -> Solution:
    """Solves each column separately, on as many threads as there are cores."""
    columns = np.asarray(y, np.float64).reshape(len(y), -1)
    queries = [np.ascontiguousarray(columns[:, query]) for query in range(columns.shape[1])]
    if len(queries) == 1:
        found = [solve(queries[0])]
    else:
        with ThreadPoolExecutor(cores()) as pool:
            found = list(pool.map(solve, queries))
    f = np.stack([each[0] for each in found], axis=1) if found else columns
    return Solution(f.reshape(y.shape), np.array([each[1] for each in found]), np.array([each[2] for each in found]))
