"""The toy data of the literature: three curved manifolds in the plane that interlock, with background points.

It is here and not with the rendered worlds because it has no photos, and illustrates diffusion.
"""

from __future__ import annotations

import numpy as np

from resight.arrays import Float32, Float64, Int64
from resight.errors import UsageError

BACKGROUND = -1
"""Label of a background point."""
KERNEL_WIDTH = 0.3
"""Width of the kernel for the similarity of two points, in units of the radius of a banana."""

_CENTRES = ((0.0, 0.0), (1.35, 0.45), (2.7, 0.0))
_UPPER = (True, False, True)
_NOISE = 0.07
_MARGIN = 0.4
_RANK_FLOOR = 1e-7


def banana_manifolds(rng: np.random.Generator, points: int = 100, background: int = 30) -> tuple[Float64, Int64]:
    """Draws (n, 2) points, and (n,) labels 0, 1, 2 of their manifolds, -1 for `background` points in and around them.

    points: number on each manifold, half a circle of radius 1 with noise across it; the end of each is nearer to the
    middle of the next one than to its own other end. After the toy of Iscen et al., CVPR 2017, figure 1. Raises
    UsageError where `points` < 1 or `background` < 0.
    """
    if points < 1 or background < 0:
        raise UsageError(f"{points} points a manifold and {background} of background cannot be drawn; 1 and 0 at least")
    parts = []
    for (x, y), upper in zip(_CENTRES, _UPPER, strict=True):
        angles = rng.uniform(0.0, np.pi, points) * (1 if upper else -1)
        radii = 1.0 + rng.normal(0.0, _NOISE, points)
        parts.append(np.column_stack([x + radii * np.cos(angles), y + radii * np.sin(angles)]))
    curves = np.concatenate(parts)
    around = rng.uniform(curves.min(axis=0) - _MARGIN, curves.max(axis=0) + _MARGIN, (background, 2))
    labels = np.repeat([0, 1, 2, BACKGROUND], [points, points, points, background])
    return np.concatenate([curves, around]), labels.astype(np.int64)


def lifted(points: Float64, width: float = KERNEL_WIDTH) -> Float32:
    """Returns (n, r) descriptors of points (n, 2), L2-normalised; inner products are exp(-|a - b|^2 / (2 width^2)).

    So methods for descriptors work on points: nearest neighbours are those in the plane. The descriptors are the rows
    of U sqrt(L) of the kernel matrix U L U', Schoelkopf et al., Nonlinear component analysis as a kernel eigenvalue
    problem, 1998. Raises UsageError where there is no point, one is not finite, or the width is not positive.
    """
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all() or width <= 0:
        raise UsageError(f"points {points.shape} with a kernel of width {width}: finite (n, 2) points are lifted")
    distances = ((points[:, None] - points) ** 2).sum(axis=2)
    values, vectors = np.linalg.eigh(np.exp(-distances / (2.0 * width**2)))
    kept = values > _RANK_FLOOR * values[-1]
    rows = vectors[:, kept] * np.sqrt(values[kept])
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
