"""Weights of the positions of a feature map by where they are, or by how strong their activations are; (H, W) float32.

All lie in [0, 1], and the largest is 1.
"""

from __future__ import annotations

import cv2
import numpy as np

from resight.arrays import Float32, Mask
from resight.features.regions.grids import LEVELS, rmac_grid


def stretched_centre_prior(height: int, width: int, sigma: float | None = None) -> Float32:
    """Returns the Gaussian of saliency-weighted bags of local convolutional features, (H, W), stretched to [0, 1].

    sigma: by default min(H, W) / 3. The first and last position lie H/2 (W/2) from the centre, and the least weight
    becomes 0. All ones for a map of one position.

    Source: Mohedano, McGuinness, Giro-i-Nieto & O'Connor, "Saliency weighted convolutional features for instance
    search", CBMI 2018, authors' code.
    """
    spread = min(height, width) / 3.0 if sigma is None else sigma
    y = np.linspace(-height / 2.0, height / 2.0, height)
    x = np.linspace(-width / 2.0, width / 2.0, width)
    weights = np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2.0 * spread**2))
    low, high = weights.min(), weights.max()
    return ((weights - low) / (high - low)).astype(np.float32) if high > low else np.ones((height, width), np.float32)


def feature_norms(maps: Float32) -> Float32:
    """Returns the L2 norm of the activations (C, H, W) at each position, (H, W), as a part of the largest.

    All ones where nothing is active.

    Source: Mohedano et al., CBMI 2018, section 3.2.
    """
    norms = np.linalg.vector_norm(np.asarray(maps, np.float64), axis=0)
    largest = norms.max(initial=0.0)
    return np.asarray(norms / largest if largest > 0 else np.ones_like(norms), np.float32)


def region_coverage(maps: Float32, levels: int = LEVELS) -> Float32:
    """Returns how often each position of maps (C, H, W) lies in a region of R-MAC's grid, (H, W), over the most often.

    What R-MAC sums over regions is so a weighting of positions. A position in no region has weight 0.

    Source: Mohedano et al., CBMI 2018, section 3.1; the regions: Tolias, Sicre & Jegou, ICLR 2016, section 3.2.
    """
    height, width = maps.shape[1:]
    count = np.zeros((height, width), np.int64)
    for x0, y0, x1, y1 in rmac_grid(height, width, levels).tolist():
        count[y0:y1, x0:x1] += 1
    largest = count.max(initial=0)
    return np.asarray(count / largest if largest > 0 else np.ones((height, width)), np.float32)


def faded(inside: Mask) -> Float32:
    """Returns 1 for the positions inside (H, W), and for the others 1 - d / max d, where d is the distance to them.

    All ones where there is nothing outside, or nothing inside.

    Source: Mohedano et al., "Bags of local convolutional features for scalable instance search", ICMR 2016, section
    5.1, as in the authors' code.
    """
    if inside.all() or not inside.any():
        return np.ones(inside.shape, np.float32)
    distance = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(1.0 - distance / distance.max(), np.float32)
