"""What the features of two photos agree on, as the few numbers by which a near-copy is told from another view."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32, Float64, Floating, Intp, Mask, Transform
from resight.rerank.fitting import fit_homography
from resight.rerank.geometry import project

Size = tuple[int, int]

GRID = 24
"""Points a side at which it is looked how much of one frame lies in another."""
WORKING_SIDE = 1024
"""Long side in pixels to which photos are reduced before features are found (`Sift.max_side`): how exact a position is
goes by these pixels."""
EXACT = 0.02
"""Pixels to which positions are kept: distances below are nothing."""
FITTED = 12
"""Inliers that a map is fitted to at least, where there are so many; else the better half."""


@dataclass(frozen=True)
class Agreement:
    """The agreement of a verified pair of photos.

    transform: (3, 3) float64, pixels of the first photo to pixels of the second. inliers: matched features that follow
    it. share: of the features that both photos have where they overlap, how many follow it, 0 to 1.
    coverage: of the first and of the second frame, which part the other one shows, 0 to 1. spread: which part of each
    frame the box around the inliers takes, 0 to 1. residual: median distance of the inliers from the best map that a
    copy can have (`copy_fit`), in pixels of the coarser photo, where that has no more than `WORKING_SIDE` a side.
    bend: that distance over the one from the best homography: 1 where nothing but noise is left, more where the camera
    has moved, however little. stretch: the longer axis of the map of a copy over its shorter one. chance: decimal
    logarithm of how many pairs that agree as well are expected among photos that have nothing in common.
    """

    transform: Transform
    inliers: int
    share: float
    coverage: tuple[float, float]
    spread: tuple[float, float]
    residual: float
    bend: float
    stretch: float
    chance: float


@dataclass(frozen=True)
class CopyFit:
    """The best map of points by a quarter turn, then a scale along each axis and a shift.

    turns: quarters, 0 to 3, from x to y. scale, shift: (2,) float64, of x and of y after the turn. distances: (n,) from
    it, in pixels of the second photo.
    """

    turns: int
    scale: Float64
    shift: Float64
    distances: Float64


def quarter_turns(transform: Transform, at: Floating) -> int:
    """Quarters, 0 to 3, that are nearest to how a (3, 3) transform turns what lies around a point (2,)."""
    corner, right, down = project(transform, np.asarray(at, np.float64) + np.eye(3, 2, -1))
    linear = np.column_stack([right - corner, down - corner])
    return round(math.atan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]) / (math.pi / 2)) % 4


def copy_fit(a: Float32, b: Float32, turns: int) -> CopyFit:
    """Returns the best map of (n, 2) points to (n, 2) points that is a copy's; n at least 2.

    Least squares along each axis, then again over the half that fits best, so that a few wrong pairs do not bend it.
    """
    points, seen = a.astype(np.float64), b.astype(np.float64)
    for _ in range(turns):
        points = np.column_stack([-points[:, 1], points[:, 0]])
    kept = np.arange(len(a))
    for _ in range(3):
        centre, target = points[kept].mean(axis=0), seen[kept].mean(axis=0)
        spread = np.square(points[kept] - centre).sum(axis=0)
        scale = ((points[kept] - centre) * (seen[kept] - target)).sum(axis=0) / np.maximum(spread, 1e-12)
        shift = target - scale * centre
        distances = np.hypot(*(points * scale + shift - seen).T)
        kept = _better(distances)
    return CopyFit(turns, scale, shift, distances)


def bent_distances(a: Float32, b: Float32, transform: Transform) -> Float64:
    """Returns (n,) distances of (n, 2) points from the best homography of (n, 2) points, in pixels of the second photo.

    transform: (3, 3) one that is nearly right. Fitted as `copy_fit` is; nothing but infinite where the points determine
    none.
    """
    points = np.ascontiguousarray(np.column_stack([a, b]).T, np.float64)
    kept, best = np.arange(len(a)), transform
    for _ in range(3):
        best = fit_homography(points, kept, best)
        if not best.any():
            return np.full(len(a), np.inf)
        distances = np.asarray(np.hypot(*(project(best, a) - b).T))
        kept = _better(distances)
    return distances


def _better(distances: Float64) -> Intp:
    """Returns the half of points that fits best, or `FITTED` where that is more."""
    return np.argsort(distances, kind="stable")[: max(FITTED, math.ceil(len(distances) / 2))]


def coarser(zoom: float, sizes: tuple[Size, Size]) -> float:
    """Returns how many pixels of the coarser of two photos one pixel of the second is.

    zoom: how many pixels of the second show what one of the first shows. A photo of more than `WORKING_SIDE` a side
    counts as reduced to it.
    """
    first, second = (min(1.0, WORKING_SIDE / max(size)) for size in sizes)
    return min(first / zoom, second)


def inside(points: Floating, size: Size) -> Mask:
    """Returns (n,) which of (n, 2) points lie in a frame of `size` (width, height)."""
    return np.asarray(((points >= 0) & (points <= size)).all(axis=1))


def covered(transform: Transform, size: Size, other: Size) -> float:
    """Returns the part of a frame of `size` that `transform` puts into a frame of size `other`, 0 to 1."""
    steps = (np.arange(GRID) + 0.5) / GRID
    grid = np.stack(np.meshgrid(steps * size[0], steps * size[1]), axis=-1).reshape(-1, 2)
    return float(inside(project(transform, grid), other).mean())


def boxed(points: Float32, size: Size) -> float:
    """Returns the part of a frame that the box around (n, 2) points takes, without the outermost tenth of them."""
    low, high = np.quantile(points, (0.05, 0.95), axis=0)
    return float(np.prod(np.maximum(high - low, 0.0)) / (size[0] * size[1]))


def agreement(
    transform: Transform,
    a: Float32,
    b: Float32,
    features: tuple[Float32, Float32],
    sizes: tuple[Size, Size],
    most: int,
    chance: float,
) -> Agreement:
    """Returns the numbers of one verified pair.

    a, b: (n, 2) its inliers in the first and the second photo. features: (m, 2) all of both. most: correspondences that
    were looked at, where there were more. chance: see `Agreement`.
    """
    backwards: Transform = np.asarray(np.linalg.inv(transform), np.float64)
    there, back = project(transform, features[0]), project(backwards, features[1])
    common = min(int(inside(there, sizes[1]).sum()), int(inside(back, sizes[0]).sum()), most)
    copy = copy_fit(a, b, quarter_turns(transform, a.mean(axis=0)))
    axes = np.maximum(np.abs(copy.scale), 1e-12)
    off, bent = float(np.median(copy.distances)), float(np.median(bent_distances(a, b, transform)))
    return Agreement(
        transform,
        len(a),
        min(1.0, len(a) / max(common, 1)),
        (covered(transform, sizes[0], sizes[1]), covered(backwards, sizes[1], sizes[0])),
        (boxed(a, sizes[0]), boxed(b, sizes[1])),
        off * coarser(math.sqrt(axes.prod()), sizes),
        max(1.0, (off + EXACT) / (bent + EXACT)),
        float(axes.max() / axes.min()),
        chance,
    )
