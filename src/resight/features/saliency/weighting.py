"""The table of weightings of positions: a new one is a function here or beside, an entry, and its name in `kinds`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import cv2
import numpy as np

from resight.arrays import Float32, Floating, Pixels
from resight.features.saliency.boolean_maps import boolean_map_saliency
from resight.features.saliency.itti_koch import itti_koch
from resight.features.saliency.kinds import SaliencyName
from resight.features.saliency.priors import feature_norms, region_coverage, stretched_centre_prior
from resight.features.saliency.spectral_residual import spectral_residual

OF_PIXELS: Mapping[SaliencyName, Callable[[Pixels], Float32]] = {
    "spectral-residual": spectral_residual,
    "itti-koch": itti_koch,
    "boolean-maps": boolean_map_saliency,
}
"""Kinds that are computed from a photo (H, W, 3): a map of any size."""
OF_MAPS: Mapping[SaliencyName, Callable[[Float32], Float32]] = {
    "gaussian": lambda maps: stretched_centre_prior(*maps.shape[1:]),
    "l2": feature_norms,
    "rmac-1": partial(region_coverage, levels=1),
    "rmac-2": partial(region_coverage, levels=2),
    "rmac-3": partial(region_coverage, levels=3),
    "rmac-7": partial(region_coverage, levels=7),
}
"""Kinds that are computed from activations (C, h, w) or their size: weights (h, w)."""


def position_weights(saliency: Floating, height: int, width: int) -> Float32:
    """Returns weights (height, width) in [0, 1] of a saliency map of any size: resized, its largest value 1.

    Values below 0 count as 0. A map that says nothing weighs every position 1: one that is constant, has nothing above
    0, or values that are not finite.

    Notes: resized by the mean of areas where it shrinks, bilinearly where it grows; the authors' code resizes likewise
    without saying how.
    """
    given = np.asarray(saliency, np.float32)
    if not given.size or not np.isfinite(given).all():
        return np.ones((height, width), np.float32)
    shrinks = given.shape[0] >= height and given.shape[1] >= width
    resized = cv2.resize(given, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    weights = np.maximum(resized, np.float32(0.0)).reshape(height, width)
    largest = weights.max()
    if largest <= 0 or given.min() == given.max():
        return np.ones((height, width), np.float32)
    return np.asarray(weights / largest, np.float32)
