"""Ritz values and vectors: approximate eigenpairs of a graph within a subspace."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Float32, Float64
from resight.manifold.filtering import spread

FLOOR = 1e-12
"""Least squared length of a direction, relative to the greatest, that is above the rounding error of float32."""
ROWS = 16_384


def ritz(graph: csr_array, block: Float32) -> tuple[Float64, Float32, Float32]:
    """Returns Ritz values of S in the span of a block (n, b), descending; their vectors, orthonormal; S times these.

    graph: S in float32. Columns that are dependent up to rounding are dropped, so that there may be fewer.
    """
    block = orthonormal(orthonormal(block))
    image = spread(graph, block)
    values, turn = np.linalg.eigh(_gram(block, image))
    turn = turn[:, ::-1].astype(np.float32)
    return values[::-1], block @ turn, image @ turn


def orthonormal(block: Float32) -> Float32:
    """Returns orthonormal columns of the same span, without those that are dependent up to rounding.

    Source: Stathopoulos & Wu, "A block orthogonalization procedure with constant synchronization requirements", SIAM
    Journal on Scientific Computing 2002, algorithm SVQB. Twice is enough.
    """
    block /= np.maximum(np.linalg.norm(block, axis=0), np.finfo(np.float32).tiny)
    values, turn = np.linalg.eigh(_gram(block, block))
    good = values > FLOOR * values[-1]
    return np.asarray(block @ (turn[:, good] / np.sqrt(values[good])).astype(np.float32), np.float32)


def _gram(one: Float32, other: Float32) -> Float64:
    """Returns one' other, symmetric, in float64."""
    total = np.zeros((one.shape[1], one.shape[1]))
    for start in range(0, len(one), ROWS):
        total += one[start : start + ROWS].T.astype(np.float64) @ other[start : start + ROWS].astype(np.float64)
    return (total + total.T) / 2.0
