"""Conjugate gradients for the linear system of diffusion, from any start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from resight.arrays import Float32, Float64, Int32
from resight.kernels.compiling import kernel

if TYPE_CHECKING:
    from scipy.sparse import csr_array

INDEFINITE = -1
"""Returned in place of the number of iterations where the system is not positive definite: S has an eigenvalue above 1
/ alpha."""


@kernel(fastmath={"reassoc", "contract"})
def conjugate_gradient(
    indptr: Int32,
    indices: Int32,
    data: Float32 | Float64,
    alpha: float,
    y: Float64,
    x: Float64,
    tolerance: float,
    iterations: int,
) -> tuple[int, float]:
    """Solves (I - alpha S) x = y in place: x (n,) holds the start, then the solution; S in CSR, of float32 or float64.

    Returns the number of iterations, or INDEFINITE, and |y - (I - alpha S) x| / |y|, at most `tolerance` unless the
    iterations ran out.

    Source: Hestenes & Stiefel, "Methods of conjugate gradients for solving linear systems", 1952.
    """
    # Indices are unsigned: for signed ones numba checks at every edge whether they count from the end.
    n = len(y)
    residual, step = np.empty(n), np.empty(n)
    norm, square = 0.0, 0.0
    for i in range(n):
        spread = 0.0
        for j in range(np.uint64(indptr[i]), np.uint64(indptr[i + 1])):
            spread += data[j] * x[np.uint64(indices[j])]
        residual[i] = y[i] - x[i] + alpha * spread
        step[i] = residual[i]
        norm += y[i] * y[i]
        square += residual[i] * residual[i]
    norm = np.sqrt(norm)
    product = np.empty(n)
    for iteration in range(iterations):
        if np.sqrt(square) <= tolerance * norm:
            return iteration, np.sqrt(square) / max(norm, 1e-300)
        curvature = 0.0
        for i in range(n):
            spread = 0.0
            for j in range(np.uint64(indptr[i]), np.uint64(indptr[i + 1])):
                spread += data[j] * step[np.uint64(indices[j])]
            product[i] = step[i] - alpha * spread
            curvature += step[i] * product[i]
        if not curvature > 0.0:
            return INDEFINITE, np.sqrt(square) / max(norm, 1e-300)
        length, before, square = square / curvature, square, 0.0
        for i in range(n):
            x[i] += length * step[i]
            residual[i] -= length * product[i]
            square += residual[i] * residual[i]
        for i in range(n):
            step[i] = residual[i] + square / before * step[i]
    return iterations, np.sqrt(square) / max(norm, 1e-300)


def conjugate_gradient_reference(
    graph: csr_array, alpha: float, y: Float64, start: Float64, tolerance: float, iterations: int
) -> tuple[Float64, int, float]:
    """Computes `conjugate_gradient` in plain scipy; returns the solution, the iterations, the relative residual."""
    x = start.copy()
    residual = y - (x - alpha * (graph @ x))
    step, norm = residual.copy(), float(np.linalg.norm(y))
    for iteration in range(iterations):
        if np.linalg.norm(residual) <= tolerance * norm:
            return x, iteration, float(np.linalg.norm(residual)) / norm
        product = step - alpha * (graph @ step)
        square = residual @ residual
        length = square / (step @ product)
        x, residual = x + length * step, residual - length * product
        step = residual + (residual @ residual) / square * step
    return x, iterations, float(np.linalg.norm(residual)) / norm
