"""Local features and their assigned words to the evidence that an index or a query is made of."""

from __future__ import annotations

import numpy as np

from resight.arrays import Array, Float32, Int32, Intp, UInt64
from resight.features.local import LocalFeatures
from resight.kernels.compiling import kernel
from resight.words.evidence import ImageWords
from resight.words.postings import run_starts


def soft_weights(distances: Float32, sigma: float) -> Float32:
    """Returns weights exp(-d^2 / 2 sigma^2) of a feature's words, summing to 1 for each feature, (m, k).

    distances: (m, k) squared distances to the words. Philbin et al., "Lost in quantization", CVPR 2008, section 3.
    """
    nearer = distances.astype(np.float64) - distances.min(axis=1, keepdims=True)
    weights = np.exp(-nearer / (2.0 * sigma**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def quantise_bow(
    features: LocalFeatures,
    words: Int32,
    size: tuple[int, int],
    weights: Float32 | None = None,
) -> ImageWords:
    """Returns words of an image for a bag of words; one a feature for a database image, any number for a query.

    words: (m, k) nearest words, weights: (m, k) of the assignments, or None when each weighs 1; size: width, height.
    """
    order, rows = _by_word(words)
    return ImageWords(
        words=words.ravel()[order],
        features=rows,
        xy=features.xy,
        scale=features.scale,
        angle=features.angle,
        size=size,
        weights=None if weights is None else weights.ravel()[order],
    )


def quantise_hamming(features: LocalFeatures, words: Int32, signatures: UInt64, size: tuple[int, int]) -> ImageWords:
    """Returns words of an image with the Hamming-embedding signature of each (feature, word).

    words: (m, k) nearest words, signatures: (m * k, w), the words of a feature together; size: width, height.
    """
    order, rows = _by_word(words)
    return ImageWords(
        words=words.ravel()[order],
        features=rows,
        xy=features.xy,
        scale=features.scale,
        angle=features.angle,
        size=size,
        signatures=signatures[order],
    )


def quantise_asmk(features: LocalFeatures, words: Int32, centroids: Float32, size: tuple[int, int]) -> ImageWords:
    """Returns words of an image with sign bits of residuals.

    Residuals are those of each feature, and their sums over each word.

    words: (m, k) nearest words, centroids: (codebook_size, d); size: width, height.
    """
    order, rows = _by_word(words)
    assigned = words.ravel()[order]
    starts = run_starts(assigned)
    width = -(-centroids.shape[1] // 64)
    each = np.zeros((len(assigned), width), np.uint64)
    summed = np.zeros((len(starts), width), np.uint64)
    x = np.ascontiguousarray(features.descriptors, np.float32)
    pack_residuals(x, rows, assigned, np.append(starts, len(assigned)), centroids, each, summed)
    return ImageWords(
        words=assigned,
        features=rows,
        xy=features.xy,
        scale=features.scale,
        angle=features.angle,
        size=size,
        signatures=each,
        aggregated=summed,
    )


def _by_word(words: Int32) -> tuple[Intp, Int32]:
    """Returns the order of the flattened assignments by word, then feature, and the feature of each."""
    order = np.argsort(words.ravel(), kind="stable")
    return order, (order // max(words.shape[1], 1)).astype(np.int32)


@kernel()
def pack_residuals(
    x: Array, rows: Array, words: Array, bounds: Array, centroids: Array, each: Array, summed: Array
) -> None:
    """Sign bits of x[rows] - centroids[words] into `each` (q, w), and of their sums over each run into `summed` (u, w).

    bounds: (u + 1,) runs of equal words. The plain form is `aggregate_residuals` and `pack_signs` of `words.asmk`.
    """
    dimension = x.shape[1]
    total = np.empty(dimension, np.float32)
    for run in range(len(bounds) - 1):
        total[:] = 0
        for i in range(bounds[run], bounds[run + 1]):
            for j in range(dimension):
                residual = x[rows[i], j] - centroids[words[i], j]
                total[j] += residual
                each[i, j >> 6] |= np.uint64(residual > 0) << np.uint64(j & 63)
        for j in range(dimension):
            summed[run, j >> 6] |= np.uint64(total[j] > 0) << np.uint64(j & 63)
