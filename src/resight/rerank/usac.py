"""Homography and fundamental matrix by random sampling (MAGSAC++ of OpenCV): the alternative to fast spatial matching.

Barath, Noskova, Ivashechkin, Matas: MAGSAC++, a fast, reliable and accurate robust estimator, CVPR 2020. It uses
positions only, and needs a good third of inliers.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from resight.arrays import Array, Float64, Mask
from resight.errors import UsageError
from resight.rerank.agreement import one_to_one, places
from resight.rerank.geometry import Correspondences, SpatialMatch


@dataclass(frozen=True)
class EpipolarMatch:
    """The epipolar geometry of two views of a scene that is not flat: it has no point-to-point transform.

    fundamental: (3, 3) float64, image point' F query point = 0. inliers: (n,) bool, one to one. score: their weight.
    """

    fundamental: Float64
    inliers: Mask
    score: float

    @property
    def count(self) -> int:
        """The number of inliers."""
        return int(self.inliers.sum())


def usac_homography(
    given: Correspondences,
    query_tolerance: float,
    image_tolerance: float,
    iterations: int = 2000,
    confidence: float = 0.995,
) -> SpatialMatch | None:
    """Returns the homography of n correspondences, or None. Tolerances in pixels of the query and of the image.

    Notes: OpenCV knows one threshold. Queries are measured in units in which their tolerance is that of the image. Its
    random numbers start from a fixed state, so that results repeat.
    """
    if len(given) < 4:
        return None
    unit = _unit(query_tolerance, image_tolerance)
    h, mask = cv2.findHomography(
        given.query_xy * np.float32(unit),
        given.image_xy,
        cv2.USAC_MAGSAC,
        image_tolerance,
        maxIters=iterations,
        confidence=confidence,
    )
    if h is None:
        return None
    transform = np.asarray(h, np.float64) @ np.diag([unit, unit, 1.0])
    mapped = np.column_stack([given.query_xy, np.ones(len(given))]) @ transform.T
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.square(mapped[:, :2] / mapped[:, 2:] - given.image_xy).sum(axis=1)
    inliers = _once(np.asarray(mask), errors, given)
    if inliers.sum() < 4 or transform[2, 2] == 0:
        return None
    return SpatialMatch(transform / transform[2, 2], inliers, float(given.weights[inliers].sum(dtype=np.float64)))


def usac_fundamental(
    given: Correspondences,
    query_tolerance: float,
    image_tolerance: float,
    iterations: int = 2000,
    confidence: float = 0.995,
) -> EpipolarMatch | None:
    """Returns the fundamental matrix of n correspondences, or None.

    Tolerances in pixels of the query and of the image.
    """
    if len(given) < 8:
        return None
    unit = _unit(query_tolerance, image_tolerance)
    try:
        f, mask = cv2.findFundamentalMat(
            given.query_xy * np.float32(unit), given.image_xy, cv2.USAC_MAGSAC, image_tolerance, confidence, iterations
        )
    except cv2.error:
        # OpenCV fails where no sample gives a model, as on a line of points, instead of answering none.
        return None
    if f is None or np.shape(f) != (3, 3):
        return None
    fundamental = np.asarray(f, np.float64) @ np.diag([unit, unit, 1.0])
    lines = np.column_stack([given.query_xy, np.ones(len(given))]) @ fundamental.T
    distances = (lines[:, :2] * given.image_xy).sum(axis=1) + lines[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.square(distances) / np.square(lines[:, :2]).sum(axis=1)
    inliers = _once(np.asarray(mask), errors, given)
    if inliers.sum() < 8:
        return None
    return EpipolarMatch(fundamental, inliers, float(given.weights[inliers].sum(dtype=np.float64)))


def _unit(query_tolerance: float, image_tolerance: float) -> float:
    if not min(query_tolerance, image_tolerance) > 0:
        raise UsageError(f"tolerances are {query_tolerance} and {image_tolerance} pixels; both must be positive")
    return image_tolerance / query_tolerance


def _once(mask: Array, errors: Float64, given: Correspondences) -> Mask:
    """Returns the masked correspondences that are the closest at their place in either image."""
    inside = np.where(mask.ravel().astype(np.bool_), errors, np.inf)
    # Every finite error is within this limit: the mask has decided already.
    limit = float(np.max(inside, where=np.isfinite(inside), initial=0.0))
    rows = one_to_one(
        inside, np.sqrt(limit), 0.0, np.zeros_like(inside), (places(given.query_xy), places(given.image_xy))
    )
    inliers = np.zeros(len(given), np.bool_)
    inliers[rows] = True
    return inliers
