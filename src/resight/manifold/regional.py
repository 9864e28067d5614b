"""Regional diffusion: a graph of regions, a query of several regions, and images scored by their regions.

Vectors are L2-normalised. regions: (n, d) float32, the regions of all images; the regions of image i are
offsets[i]:offsets[i + 1]; offsets: (images + 1,) int64 from 0 to n.
"""

from __future__ import annotations

import numpy as np

from resight.arrays import Float32, Float64, Floating, Int64, Integer
from resight.errors import UsageError
from resight.manifold.signal import checked_signal

BLOCK = 16_384
"""Regions compared with a query at a time."""


def region_affinity(query_regions: Float32, regions: Float32, kq: int, gamma: float = 3.0) -> Float64:
    """Returns the signal (n,) of a query of several regions.

    Each region of the query gives its similarity to its kq most similar regions; these are summed for each region, and
    the kq greatest sums are raised to gamma; 0 elsewhere.

    query_regions: (r, d), r > 0. Where kq exceeds n, all regions are taken; ties go to smaller numbers. Raises
    UsageError where shapes do not match, numbers are not finite, kq < 1, or gamma is not positive.

    Source: Iscen, Tolias, Avrithis, Furon & Chum, "Efficient diffusion on region manifolds", CVPR 2017, with the order
    of the steps of the authors' code.

    Notes: a similarity below 0 counts as 0 from the start; in the authors' code it lowers the sum.
    """
    if query_regions.ndim != 2 or regions.ndim != 2 or query_regions.shape[1:] != regions.shape[1:]:
        raise UsageError(f"query regions {query_regions.shape} and regions {regions.shape} cannot be compared")
    if len(query_regions) == 0 or len(regions) == 0:
        raise UsageError(f"{len(query_regions)} query regions and {len(regions)} regions: give at least one of each")
    if kq < 1 or not 0.0 < gamma < np.inf:
        raise UsageError(f"the {kq} nearest to the power of {gamma} cannot be taken; give 200 and 3, say")
    kept = min(kq, len(regions))
    total = np.zeros(len(regions))
    similarities = _similarities(query_regions, regions)
    for row in similarities:
        nearest = _greatest(row, kept)
        total[nearest] += np.maximum(row[nearest], 0.0)
    y = np.zeros(len(regions))
    nearest = _greatest(total, kept)
    y[nearest] = total[nearest] ** gamma
    return y


def generalised_max_weights(regions: Float32, offsets: Integer, regularisation: float = 1.0) -> Float64:
    """Returns (n,) weights c = (V V' + lambda I)^-1 1 of the regions V (m, d) of each image.

    Regions that are similar to many others weigh less.

    Raises UsageError where offsets do not partition the regions, numbers are not finite, or lambda is not positive.

    Source: Iscen et al., CVPR 2017; Murray & Perronnin, "Generalized max pooling", CVPR 2014.

    Notes: V has one region per row, so that V V' holds the inner products between regions and c has one number per
    region; for V' V, with one row and column per dimension, there is no such c.
    """
    if regions.ndim != 2 or not np.isfinite(regions).all():
        raise UsageError(f"regions {regions.shape} are no (n, d) or not all finite; look for NaN in the descriptors")
    if not 0.0 < regularisation < np.inf:
        raise UsageError(f"a regularisation of {regularisation} is not positive; 1 is that of the paper")
    starts = _checked_offsets(offsets, len(regions))
    counts = np.diff(starts)
    weights = np.empty(len(regions))
    # Images with the same number of regions are solved together.
    for count in np.unique(counts[counts > 0]).tolist():
        rows = starts[:-1][counts == count, None] + np.arange(count)
        step = max(1, BLOCK // count)
        for start in range(0, len(rows), step):
            own = regions[rows[start : start + step]].astype(np.float64)
            gram = own @ own.transpose(0, 2, 1) + regularisation * np.eye(count)
            weights[rows[start : start + step]] = np.linalg.solve(gram, np.ones((len(own), count, 1)))[..., 0]
    return weights


def pool_scores(f: Floating, weights: Float64, offsets: Integer) -> Float64:
    """Returns (images,) or (images, q): the sum over each image's regions of c_r f_r; 0 for one without regions.

    f: (n,) or (n, q) diffused scores of regions; weights: (n,) c. Raises UsageError where shapes do not match.

    Source: Iscen et al., CVPR 2017.
    """
    starts = _checked_offsets(offsets, len(weights))
    f = checked_signal(f, len(weights))
    weighted = (weights * f.T).T.astype(np.float64)
    pooled = np.zeros((len(starts) - 1, *f.shape[1:]))
    filled = np.diff(starts) > 0
    if filled.any():
        # An image without regions starts where the next one does, and would get its first region.
        pooled[filled] = np.add.reduceat(weighted, starts[:-1][filled], axis=0)
    return pooled


def _similarities(query_regions: Float32, regions: Float32) -> Float32:
    """Returns (r, n) inner products. Raises UsageError where one is not finite."""
    transposed = np.asarray(query_regions, np.float32).T
    products = np.empty((len(query_regions), len(regions)), np.float32)
    for start in range(0, len(regions), BLOCK):
        products[:, start : start + BLOCK] = (regions[start : start + BLOCK] @ transposed).T
    if not np.isfinite(products).all():
        raise UsageError("not all regions are finite; look for NaN in the descriptors")
    return products


def _greatest(values: Floating, k: int) -> Int64:
    """Returns the positions of the k greatest values; ties go to the first."""
    least = np.partition(values, len(values) - k)[len(values) - k]
    above = np.flatnonzero(values > least)
    return np.concatenate([above, np.flatnonzero(values == least)[: k - len(above)]])


def _checked_offsets(offsets: Integer, regions: int) -> Int64:
    starts = np.asarray(offsets, np.int64)
    if starts.ndim != 1 or len(starts) == 0 or starts[0] != 0 or starts[-1] != regions or (np.diff(starts) < 0).any():
        raise UsageError(f"offsets of images do not share out {regions} regions")
    return starts
