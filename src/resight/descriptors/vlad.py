"""Vectors of locally aggregated descriptors.

Jegou, Douze, Schmid & Perez, "Aggregating local descriptors into a compact image representation", CVPR 2010.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from resight.arrays import Float32, Float64, Floating, Integer

Normalisation = Literal["power", "intra", "power-intra", "l2"]


def residual_sums(descriptors: Floating, words: Integer, centroids: Floating) -> Float64:
    """Returns the sum of descriptor - centroid over the descriptors of each word, (size, d). CVPR 2010, section 2.

    descriptors: (m, d), words: (m,) nearest centroid of each, centroids: (size, d).
    """
    sums = np.zeros(centroids.shape, np.float64)
    if len(words):
        order = np.argsort(words, kind="stable")
        starts = np.flatnonzero(np.diff(words[order], prepend=-1))
        residuals = descriptors[order].astype(np.float64) - centroids[words[order]]
        sums[words[order[starts]]] = np.add.reduceat(residuals, starts, axis=0)
    return sums


def vlad(
    descriptors: Floating,
    words: Integer,
    centroids: Floating,
    *,
    normalisation: Normalisation = "intra",
    power: float = 0.5,
) -> Float32:
    """L2-normalised VLAD of one image, (size * d,) float32, word after word; zeros for an image without descriptors.

    descriptors: (m, d), words: (m,) nearest centroid of each, centroids: (size, d).

    Source: CVPR 2010, section 2; "power", sign(v) |v|^power before the L2 norm: Jegou et al., TPAMI 2012, section 3.3;
    "intra", L2 norm of each word's block before it: Arandjelovic & Zisserman, "All about VLAD", CVPR 2013, section 3.1;
    "power-intra" is the power, then the blocks.
    """
    sums = residual_sums(descriptors, words, centroids)
    if normalisation in ("power", "power-intra"):
        sums = np.sign(sums) * np.abs(sums) ** power
    if normalisation in ("intra", "power-intra"):
        sums = _unit(sums)
    return np.asarray(_unit(sums.reshape(1, -1))[0], np.float32)


def _unit(rows: Float64) -> Float64:
    """Returns rows of norm 1; a row of zeros stays."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Float64 = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return unit
