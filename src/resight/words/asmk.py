"""Aggregated selective match kernel (ASMK, and binarised ASMK*), as published.

Tolias, Avrithis & Jegou, "To aggregate or not to aggregate: selective match kernels for image search", ICCV 2013;
"Image search with selective match kernels: aggregation across single and multiple images", IJCV 2016.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from resight.arrays import Array, Float32, Float64, Floating, Int64, Integer, UInt64

Similarity = Callable[[Array, Array], Float64]


def aggregate_residuals(x: Float32, words: Integer, centroids: Float32) -> tuple[Int64, Float32]:
    """Returns distinct words (u,), ascending, and the sum of x - centroid over the features of each, (u, d).

    Source: ICCV 2013, eq. 8.

    x: (m, d); words: (m,) or (m, k) with multiple assignment; centroids: (codebook_size, d).
    """
    assigned = words.reshape(len(x), -1)
    distinct = np.unique(assigned).astype(np.int64)
    sums = [(x[(assigned == word).any(axis=1)] - centroids[word]).sum(axis=0) for word in distinct]
    return distinct, np.array(sums, np.float32).reshape(len(distinct), x.shape[1])


def pack_signs(residuals: Floating) -> UInt64:
    """Returns the signature of each row, (n, ceil(d / 64)) uint64.

    Bit i is set where component i is positive (not where 0).
    """
    n, d = residuals.shape
    bits = np.zeros((n, -(-d // 64) * 64), np.bool_)
    bits[:, :d] = residuals > 0
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").astype(np.uint64, copy=False)


def cosine_similarity(a: Float32, b: Float32) -> Float64:
    """Returns the cosine of corresponding rows of two (n, d) residual sums; 0 where one of them is 0.

    Source: ICCV 2013, eq. 9.
    """
    norms = np.linalg.norm(a, axis=1).astype(np.float64) * np.linalg.norm(b, axis=1)
    products = (a * b).sum(axis=1, dtype=np.float64)
    cosines: Float64 = np.divide(products, norms, out=np.zeros(len(a)), where=norms > 0)
    return cosines


def sign_similarity(bits: int) -> Similarity:
    """1 - 2 h / bits of corresponding rows of two (n, w) signatures, h their Hamming distance. ICCV 2013, eq. 12."""
    return lambda a, b: 1.0 - 2.0 * np.bitwise_count(a ^ b).sum(axis=1, dtype=np.float64) / bits


def selectivity(similarity: Float64, alpha: float, threshold: float) -> Float64:
    """similarity^alpha from the threshold on, 0 below it. ICCV 2013, eq. 5.

    Notes: a similarity that equals the threshold counts, as in the authors' code; the paper has it not count.
    """
    return np.where(similarity >= threshold, np.maximum(similarity, 0.0) ** alpha, 0.0)


def distance_gain(bits: int, alpha: float, threshold: float) -> Float32:
    """`selectivity` of every Hamming distance, (bits + 1,) float32."""
    similarity = 1.0 - 2.0 * np.arange(bits + 1, dtype=np.float64) / bits
    return selectivity(similarity, alpha, threshold).astype(np.float32)


def word_weights(document_frequency: Integer, images: int) -> Float64:
    """log(N / n)^2 for each word, (codebook_size,); 1 for a word that no image has, which only a query's norm meets."""
    found = document_frequency > 0
    return np.where(found, np.log(max(images, 1) / np.where(found, document_frequency, 1)) ** 2, 1.0)


def asmk_score(
    query: tuple[Integer, Array],
    image: tuple[Integer, Array],
    weights: Float64,
    *,
    similarity: Similarity,
    alpha: float,
    threshold: float,
) -> float:
    """Returns the similarity of two images in [0, 1]: the definition that the inverted file computes.

    Source: ICCV 2013, eq. 1 and 10.

        score = sum over common w of weight(w) selectivity(s_w) / sqrt(sum weight over query words, over image words)

    query, image: distinct words (u,), ascending, and their aggregated residuals: sums with `cosine_similarity` (ASMK),
    signatures with `sign_similarity(bits)` (ASMK*). weights: (codebook_size,), ones for no idf.
    """
    common, at, there = np.intersect1d(query[0], image[0], return_indices=True)
    gains = weights[common] * selectivity(similarity(query[1][at], image[1][there]), alpha, threshold)
    norm = float(np.sqrt(weights[query[0]].sum() * weights[image[0]].sum()))
    return float(gains.sum()) / norm if norm > 0 else 0.0
