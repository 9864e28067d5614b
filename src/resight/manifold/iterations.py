"""Diffusion step by step, for display: the state after each iteration."""

from __future__ import annotations

from itertools import islice

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Float64, Floating
from resight.errors import UsageError
from resight.manifold.diffusion import RandomWalk


def iterations(s: csr_array, y: Floating, alpha: float, count: int) -> Float64:
    """Returns (count + 1, n) states f of f <- alpha S f + (1 - alpha) y; the first one is y itself.

    s: (n, n) symmetrically normalised affinities; y: (n,), the query. With 0 <= alpha < 1 the states converge to (1 -
    alpha) (I - alpha S)^-1 y, the slower the nearer alpha is to 1: after t iterations at most alpha^t of the start is
    left. Zhou et al., Ranking on data manifolds, NIPS 2003; Iscen et al., CVPR 2017, equation 4.

    Raises UsageError where `count` is negative, and in the cases of `RandomWalk`.
    """
    if count < 0:
        raise UsageError(f"{count} iterations cannot be shown; give 0 or more")
    return np.stack(list(islice(RandomWalk(s, alpha).walk(y), count + 1)))
