"""Chebyshev filters: polynomials of a graph that pass its largest eigenvalues and damp all others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Array, Float32, Int32
from resight.cores import cores
from resight.kernels.compiling import kernel

PANEL = 64
"""Columns that are filtered together: reading 256 bytes of a neighbour at once is worth its latency."""


def amplified(graph: csr_array, block: Float32, cut: float, degree: int) -> Float32:
    """Returns p(S) block, p the Chebyshev polynomial of `degree` > 0 that is small on [-1, cut] and rises to p(1) = 1.

    graph: S in float32; block: (n, b).

    Source: Zhou, Saad, Tiago & Chelikowsky, Journal of Computational Physics 2006 (the scaled filter).
    """
    half, centre = (cut + 1.0) / 2.0, (cut - 1.0) / 2.0

    def panel(columns: Float32) -> Float32:
        sigma = half / (1.0 - centre)
        first = sigma
        before, now = columns, np.zeros_like(columns)
        _advance(graph.indptr, graph.indices, graph.data, before, now, sigma / half, centre, 0.0)
        for _ in range(degree - 1):
            following = 1.0 / (2.0 / first - sigma)
            _advance(
                graph.indptr, graph.indices, graph.data, now, before, 2.0 * following / half, centre, sigma * following
            )
            before, now, sigma = now, before, following
        return now

    return _by_panels(panel, block)


def amplified_reference(graph: csr_array, block: Array, cut: float, degree: int) -> Array:
    """Computes `amplified` by the unscaled recurrence."""
    half, centre = (cut + 1.0) / 2.0, (cut - 1.0) / 2.0
    before, now = block, (graph @ block - centre * block) / half
    low, high = 1.0, (1.0 - centre) / half
    for _ in range(degree - 1):
        before, now = now, 2.0 * (graph @ now - centre * now) / half - before
        low, high = high, 2.0 * (1.0 - centre) / half * high - low
    return np.asarray(now / high)


def spread(graph: csr_array, block: Float32) -> Float32:
    """Returns S block."""

    def panel(columns: Float32) -> Float32:
        out = np.zeros_like(columns)
        _advance(graph.indptr, graph.indices, graph.data, columns, out, 1.0, 0.0, 0.0)
        return out

    return _by_panels(panel, block)


def _by_panels(function: Any, block: Float32) -> Float32:
    out = np.empty_like(block)

    def run(start: int) -> None:
        out[:, start : start + PANEL] = function(block[:, start : start + PANEL].copy())

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(run, range(0, block.shape[1], PANEL)))
    return out


@kernel(fastmath={"reassoc", "contract"})
def _advance(
    indptr: Int32,
    indices: Int32,
    data: Float32,
    now: Float32,
    out: Float32,
    scale: float,
    centre: float,
    back: float,
) -> None:
    """Computes out = scale (S now - centre now) - back out."""
    width = now.shape[1]
    a, c, b = np.float32(scale), np.float32(centre), np.float32(back)
    total = np.empty(width, np.float32)
    for i in range(now.shape[0]):
        for column in range(width):
            total[column] = -c * now[i, column]
        for j in range(indptr[i], indptr[i + 1]):
            weight, neighbour = data[j], indices[j]
            for column in range(width):
                total[column] += weight * now[neighbour, column]
        for column in range(width):
            out[i, column] = a * total[column] - b * out[i, column]
