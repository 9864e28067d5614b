"""Diffusion step by step, to be looked at: what is held after each iteration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from resight.errors import UsageError


def iterations(s: csr_array, y: NDArray[np.floating], alpha: float, count: int) -> NDArray[np.float64]:
    """(count + 1, n) states f of f <- alpha S f + (1 - alpha) y, the first one y itself.

    s: (n, n) symmetrically normalised affinities; y: (n,), the query. With 0 <= alpha < 1 they go to
    (1 - alpha) (I - alpha S)^-1 y, the slower the nearer alpha is to 1: after t iterations at most alpha^t of the
    start is left. Zhou et al., Ranking on data manifolds, NIPS 2003; Iscen et al., CVPR 2017, equation 4.

    Raises UsageError where shapes do not agree, `alpha` is not in [0, 1), or `count` is negative.
    """
    if y.ndim != 1 or s.shape != (len(y), len(y)) or not np.isfinite(y).all():
        raise UsageError(f"a graph of {s.shape} and a query of {y.shape}: y must be finite and have a value a node")
    if not 0.0 <= alpha < 1.0 or count < 0:
        raise UsageError(f"alpha {alpha:g}, {count} iterations: alpha must be in [0, 1), the count not negative")
    states = np.empty((count + 1, len(y)))
    states[0] = y
    for step in range(count):
        states[step + 1] = alpha * (s @ states[step]) + (1.0 - alpha) * y
    return states
