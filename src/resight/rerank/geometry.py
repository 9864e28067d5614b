"""Features of two images that may be the same, the transform they agree on, and where it puts a box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from resight.arrays import Float32, Float64, Floating, Int32, Mask
from resight.errors import UsageError
from resight.images import Box

# A homography sends part of the plane to infinity. Corners nearer to that line than this share of the largest
# denominator are cut off: what lies beyond is out of every photo.
HORIZON = 1e-3


class Keypoints(Protocol):
    """Anything with keypoint geometry: `LocalFeatures`, `ImageWords`."""

    @property
    def xy(self) -> Float32:
        """(m, 2) positions in pixels of the original."""
        ...

    @property
    def scale(self) -> Float32:
        """(m,) scales in pixels."""
        ...

    @property
    def angle(self) -> Float32:
        """(m,) orientations in radians."""
        ...


@dataclass(frozen=True)
class Correspondences:
    """Tentative correspondences between a query and an image, one a row.

    query_xy, image_xy: (n, 2) float32 pixels. query_scale, image_scale: (n,) float32 pixels, positive.
    query_angle, image_angle: (n,) float32 radians. weights: (n,) float32, at least 0.
    """

    query_xy: Float32
    query_scale: Float32
    query_angle: Float32
    image_xy: Float32
    image_scale: Float32
    image_angle: Float32
    weights: Float32

    def __post_init__(self) -> None:
        n = len(self.query_xy)
        if self.query_xy.shape != (n, 2) or self.image_xy.shape != (n, 2):
            raise UsageError(f"positions are {self.query_xy.shape} and {self.image_xy.shape}; both must be ({n}, 2)")
        for name in ("query_scale", "query_angle", "image_scale", "image_angle", "weights"):
            if getattr(self, name).shape != (n,):
                raise UsageError(f"{name} is {getattr(self, name).shape}; give one value for each of the {n} rows")
        if n and not min(self.query_scale.min(), self.image_scale.min()) > 0:
            raise UsageError("a keypoint has no positive scale; leave such keypoints out")
        if n and not self.weights.min() >= 0:
            raise UsageError("a correspondence has a negative weight; give weights of at least 0")

    def __len__(self) -> int:
        return len(self.query_xy)


@dataclass(frozen=True)
class SpatialMatch:
    """The transform that two images agree on.

    transform: (3, 3) float64, maps query pixels to image pixels, last entry 1.
    inliers: (n,) bool, the correspondences that agree, each feature in one of them at most.
    score: sum of the weights of the inliers.
    """

    transform: Float64
    inliers: Mask
    score: float

    @property
    def count(self) -> int:
        """The number of inliers."""
        return int(self.inliers.sum())


def correspondences(
    query: Keypoints, image: Keypoints, query_rows: Int32, image_rows: Int32, weights: Float32 | None = None
) -> Correspondences:
    """Returns the geometry of matched features: row i joins feature query_rows[i] to image_rows[i].

    weights (n,), 1 if left out.
    """
    if weights is None:
        weights = np.ones(len(query_rows), np.float32)
    return Correspondences(
        query.xy[query_rows].astype(np.float32),
        query.scale[query_rows].astype(np.float32),
        query.angle[query_rows].astype(np.float32),
        image.xy[image_rows].astype(np.float32),
        image.scale[image_rows].astype(np.float32),
        image.angle[image_rows].astype(np.float32),
        weights.astype(np.float32),
    )


def tolerance(size: tuple[int, int], fraction: float = 0.01) -> float:
    """Returns pixels that a feature may be off in an image of `size` (width, height): a fraction of the long side.

    Notes: measured in each image by its own size, a 112-pixel query and a 1000-pixel image are held to the same rule.
    """
    return fraction * max(size)


def bounds(xy: Floating) -> Box:
    """Returns x0, y0, x1, y1 of (n, 2) points, n at least 1."""
    (x0, y0), (x1, y1) = xy.min(axis=0).tolist(), xy.max(axis=0).tolist()
    return x0, y0, x1, y1


def project(transform: Float64, xy: Floating) -> Float64:
    """Returns (n, 2) points mapped by a (3, 3) transform; points on its horizon become infinite."""
    mapped = np.column_stack([np.asarray(xy, np.float64), np.ones(len(xy))]) @ transform.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(mapped[:, :2] / mapped[:, 2:])


def project_box(transform: Float64, box: Box, size: tuple[int, int]) -> Box | None:
    """Bounds of a query box (x0, y0, x1, y1) in an image of `size` (width, height), or None where none of it falls.

    Notes: the corners are clipped at the horizon of a homography before they are divided (Sutherland and Hodgman,
    CACM 1974), so that a box that crosses it keeps only the part in front. A singular transform has no box.
    """
    x0, y0, x1, y1 = box
    corners = np.array([[x0, y0, 1.0], [x1, y0, 1.0], [x1, y1, 1.0], [x0, y1, 1.0]]) @ transform.T
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2, 1.0]) @ transform[2]
    # The sign of a homography is free: the front is the side on which the centre of the box is.
    corners *= np.sign(centre)
    nearest = HORIZON * np.abs(corners[:, 2]).max()
    visible = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if a[2] >= nearest:
            visible.append(a)
        if (a[2] >= nearest) != (b[2] >= nearest):
            visible.append(a + (nearest - a[2]) / (b[2] - a[2]) * (b - a))
    if not visible or nearest == 0 or not np.isfinite(corners).all():
        return None
    points = np.array(visible)
    low, high = (points[:, :2] / points[:, 2:]).min(axis=0), (points[:, :2] / points[:, 2:]).max(axis=0)
    left, top = np.maximum(low, 0.0)
    right, bottom = np.minimum(high, size)
    return (float(left), float(top), float(right), float(bottom)) if right > left and bottom > top else None
