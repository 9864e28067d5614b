"""What the features of two photos agree on, as the few numbers by which a near-copy is told from another view."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resight.rerank.geometry import project

Points = NDArray[np.float32]
Transform = NDArray[np.float64]
Size = tuple[int, int]

GRID = 24
"""Points a side at which it is looked how much of one frame lies in another."""


@dataclass(frozen=True)
class Agreement:
    """How a verified pair of photos agrees.

    transform: (3, 3) float64, pixels of the first photo to pixels of the second. inliers: matched features that follow
    it. share: of the features that both photos have where they overlap, how many follow it, 0 to 1.
    coverage: of the first and of the second frame, which part the other one shows, 0 to 1. spread: which part of each
    frame the box around the inliers takes, 0 to 1. residual: median distance of the inliers from the best affine map,
    as a part of the long side of the second photo. turn: degrees between that map and the nearest multiple of 90.
    stretch: its longer axis over its shorter one. chance: decimal logarithm of how many pairs that agree as well are
    expected among photos that have nothing in common.
    """

    transform: Transform
    inliers: int
    share: float
    coverage: tuple[float, float]
    spread: tuple[float, float]
    residual: float
    turn: float
    stretch: float
    chance: float


def affine_fit(a: Points, b: Points) -> tuple[Transform, float]:
    """The (3, 3) affine map of (n, 2) points to (n, 2) points, and the median distance from it; n at least 3.

    Least squares, then again over the half that fits best, so that a few wrong pairs do not bend it.
    """
    points = np.column_stack([a, np.ones(len(a))]).astype(np.float64)
    kept = np.arange(len(a))
    for _ in range(3):
        solved = np.linalg.lstsq(points[kept], b[kept].astype(np.float64), rcond=None)[0]
        errors = np.hypot(*(points @ solved - b).T)
        kept = np.argsort(errors, kind="stable")[: max(3, math.ceil(len(a) / 2))]
    return np.vstack([solved.T, [0.0, 0.0, 1.0]]), float(np.median(errors))


def turn_and_stretch(transform: Transform) -> tuple[float, float]:
    """Degrees from the nearest multiple of 90, and longer over shorter axis, of the linear part of an affine map."""
    left, axes, right = np.linalg.svd(transform[:2, :2])
    rotation = left @ right
    angle = math.degrees(math.atan2(rotation[1, 0], rotation[0, 0]))
    return abs(angle - 90 * round(angle / 90)), float(axes[0] / max(axes[1], 1e-12))


def inside(points: NDArray[np.floating], size: Size) -> NDArray[np.bool_]:
    """(n,) which of (n, 2) points lie in a frame of `size` (width, height)."""
    return np.asarray(((points >= 0) & (points <= size)).all(axis=1))


def covered(transform: Transform, size: Size, other: Size) -> float:
    """The part of a frame of `size` that `transform` puts into a frame of size `other`, 0 to 1."""
    steps = (np.arange(GRID) + 0.5) / GRID
    grid = np.stack(np.meshgrid(steps * size[0], steps * size[1]), axis=-1).reshape(-1, 2)
    return float(inside(project(transform, grid), other).mean())


def boxed(points: Points, size: Size) -> float:
    """The part of a frame that the box around (n, 2) points takes, without the outermost tenth of them."""
    low, high = np.quantile(points, (0.05, 0.95), axis=0)
    return float(np.prod(np.maximum(high - low, 0.0)) / (size[0] * size[1]))


def agreement(
    transform: Transform,
    a: Points,
    b: Points,
    features: tuple[Points, Points],
    sizes: tuple[Size, Size],
    most: int,
    chance: float,
) -> Agreement:
    """The numbers of one verified pair.

    a, b: (n, 2) its inliers in the first and the second photo. features: (m, 2) all of both. most: correspondences that
    were looked at, where there were more. chance: see `Agreement`.
    """
    backwards: Transform = np.asarray(np.linalg.inv(transform), np.float64)
    there, back = project(transform, features[0]), project(backwards, features[1])
    common = min(int(inside(there, sizes[1]).sum()), int(inside(back, sizes[0]).sum()), most)
    affine, residual = affine_fit(a, b)
    turn, stretch = turn_and_stretch(affine)
    return Agreement(
        transform,
        len(a),
        min(1.0, len(a) / max(common, 1)),
        (covered(transform, sizes[0], sizes[1]), covered(backwards, sizes[1], sizes[0])),
        (boxed(a, sizes[0]), boxed(b, sizes[1])),
        residual / max(sizes[1]),
        turn,
        stretch,
        chance,
    )
