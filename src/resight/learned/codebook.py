"""Codebooks of visual words: k-means centroids (Sivic and Zisserman, ICCV 2003)."""

from __future__ import annotations

import numpy as np

from resight.arrays import Float32, Float64, Int32, Int64, Intp
from resight.errors import FitError
from resight.kernels.compiling import kernel
from resight.learned.assignment import Assigner
from resight.progress import Say

POINTS_PER_WORD = 30
"""Training descriptors per word. A median over m of them splits new descriptors to within 1/(2 sqrt(m)) of a half: 9 %
with 30, which costs a Hamming signature next to nothing; with 5 it would be 22 %."""
ONE_LEVEL_LIMIT = 32_768
"""Largest codebook that is fitted in one level; the cost of an iteration is points times words."""
LONG_ITERATION = 1_000_000_000
"""Points times words above which each iteration, taking seconds, is reported; below, only the last one is."""


def affordable_size(n: int, size: int) -> int:
    """Returns the number of words, at most `size`, for which `n` training descriptors suffice.

    Raises FitError where n is 0.
    """
    if n < 1:
        raise FitError("no descriptors to fit a codebook on; are there readable photos with some texture?")
    return max(1, min(size, n // POINTS_PER_WORD))


def fit_codebook(
    x: Float32,
    size: int,
    rng: np.random.Generator | int,
    iterations: int = 10,
    progress: Say | None = None,
) -> Float32:
    """Fits (size, d) float32 centroids to descriptors `x` (n, d) by Lloyd's k-means from `size` random ones of them.

    `progress` is called with a line after the last iteration, and after every slow one. Raises FitError where there are
    fewer descriptors than words (`affordable_size` recommends a number).

    Notes: Above `ONE_LEVEL_LIMIT` words there are two levels (Nister and Stewenius, CVPR 2006, section 3): about
    sqrt(size) cells, each with words in proportion to its share of the descriptors. The words then form one flat
    codebook; a descriptor belongs to the nearest of all of them, not to the nearest in its cell.
    """
    if not 1 <= size <= len(x):
        raise FitError(
            f"a codebook of {size} words cannot be fitted to {len(x)} descriptors; give more photos to fit on"
        )
    rng = np.random.default_rng(rng)
    points = np.ascontiguousarray(x, np.float32)
    if size <= ONE_LEVEL_LIMIT:
        return _lloyd(points, size, rng, iterations, progress)
    return _two_levels(points, size, rng, iterations, progress)


def _lloyd(x: Float32, size: int, rng: np.random.Generator, iterations: int, progress: Say | None) -> Float32:
    centroids = x[np.sort(rng.choice(len(x), size, replace=False))]
    before: Int32 | None = None
    for iteration in range(1, iterations + 1):
        words, distances = Assigner(centroids).assign(x)
        centroids = _means(x, words[:, 0], distances[:, 0], size)
        settled = before is not None and np.array_equal(words, before)
        last = settled or iteration == iterations
        if progress is not None and (last or len(x) * size >= LONG_ITERATION):
            progress(f"k-means, {size} words: iteration {iteration} of {iterations}, error {distances.mean():.5f}")
        if settled:
            break
        before = words
    return centroids


def _means(x: Float32, words: Int32, distances: Float32, size: int) -> Float32:
    """Returns the means of the words' descriptors; an empty word takes one of those farthest from their words."""
    sums, counts = _sum_words(x, words, size)
    empty = np.flatnonzero(counts == 0)
    farthest = np.argsort(-distances, kind="stable")[: len(empty)]
    sums[empty], counts[empty] = x[farthest], 1
    return np.asarray(sums / counts[:, None], np.float32)


def _two_levels(x: Float32, size: int, rng: np.random.Generator, iterations: int, progress: Say | None) -> Float32:
    cells = round(size**0.5)
    words = Assigner(_lloyd(x, cells, rng, iterations, progress)).assign(x)[0][:, 0]
    counts = np.bincount(words, minlength=cells)
    order = np.argsort(words, kind="stable")
    ends = np.cumsum(counts)
    parts = []
    for cell, (end, count, share) in enumerate(zip(ends, counts, _shares(counts, size), strict=True), start=1):
        if share:
            parts.append(_lloyd(x[order[end - count : end]], int(share), rng, iterations, None))
        if progress is not None and (cell % 32 == 0 or cell == cells):
            progress(f"k-means, {size} words: cell {cell} of {cells}")
    return np.concatenate(parts)


def _shares(counts: Intp, size: int) -> Intp:
    """Divides `size` in proportion to `counts` by largest remainders; no share exceeds its count when size <= sum."""
    quotas = counts * (size / counts.sum())
    shares: Intp = np.floor(quotas).astype(np.intp)
    order = np.argsort(shares - quotas, kind="stable")
    shares[order[: size - shares.sum()]] += 1
    return shares


@kernel()
def _sum_words(x: Float32, words: Int32, size: int) -> tuple[Float64, Int64]:
    sums = np.zeros((size, x.shape[1]), np.float64)
    counts = np.zeros(size, np.int64)
    for row in range(len(x)):
        word = words[row]
        counts[word] += 1
        for i in range(x.shape[1]):
            sums[word, i] += x[row, i]
    return sums, counts
