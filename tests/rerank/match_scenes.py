"""Synthetic correspondences with a known transform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resight.rerank.geometry import Correspondences, project

SIZE = (1000, 750)
TILTED = np.array([[0.7, -0.5, 250.0], [0.45, 0.8, -60.0], [1e-4, -1e-4, 1.0]])


def scene(
    rng: np.random.Generator, inliers: int, outliers: int, transform: NDArray[np.float64] = TILTED, noise: float = 1.0
) -> tuple[Correspondences, NDArray[np.bool_]]:
    """Shuffled correspondences and which are true: positions to `noise` pixels, scale to 8 %, turn to 4 degrees."""
    n = inliers + outliers
    query, image = rng.uniform(0, SIZE, (n, 2)), rng.uniform(0, SIZE, (n, 2))
    scale, ratio = np.exp(rng.normal(1.0, 0.6, n)), np.exp(rng.normal(0.0, 0.8, n))
    angle, turn = rng.uniform(-np.pi, np.pi, (2, n))
    true = slice(0, inliers)
    image[true] = project(transform, query[true])
    step = 1e-3
    along = (project(transform, query[true] + [step, 0]) - image[true]) / step
    across = (project(transform, query[true] + [0, step]) - image[true]) / step
    ratio[true] = np.sqrt(along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]) * np.exp(
        rng.normal(0, 0.08, inliers)
    )
    direction = along * np.cos(angle[true, None]) + across * np.sin(angle[true, None])
    turn[true] = np.arctan2(direction[:, 1], direction[:, 0]) - angle[true] + rng.normal(0, 0.07, inliers)
    query[true] += rng.normal(0, noise, (inliers, 2))
    image[true] += rng.normal(0, noise, (inliers, 2))
    order = rng.permutation(n)
    columns = (query, scale, angle, image, scale * ratio, angle + turn, np.ones(n))
    return Correspondences(*(column[order].astype(np.float32) for column in columns)), order < inliers
