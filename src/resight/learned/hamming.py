"""Binary signatures of features inside their visual word: Hamming embedding.

Jegou, Douze and Schmid, "Hamming embedding and weak geometric consistency for large scale image search", ECCV 2008,
section 3.
"""

from __future__ import annotations

import numpy as np

from resight.arrays import Float32, Int32, UInt64
from resight.kernels.compiling import kernel


def fit_projection(dimensions: int, bits: int, rng: np.random.Generator) -> Float32:
    """Returns a random (bits, dimensions) float32 projection with orthonormal rows; `bits` is at most `dimensions`.

    It is the Q of the QR decomposition of a Gaussian matrix (section 3.2), with signs fixed by R's diagonal, without
    which the distribution would not be uniform.
    """
    if not 1 <= bits <= dimensions:
        raise ValueError(f"{bits} orthogonal directions do not exist in {dimensions} dimensions")
    q, r = np.linalg.qr(rng.standard_normal((dimensions, dimensions)))
    return np.ascontiguousarray((q * np.sign(np.diagonal(r))).T[:bits], np.float32)


def fit_medians(x: Float32, words: Int32, projection: Float32, n_words: int) -> Float32:
    """Returns the median projection of the training descriptors `x` (n, d) of each word, (n_words, bits) float32.

    A word without descriptors gets the medians of all of them.
    """
    projected = x @ projection.T
    overall = np.median(projected, axis=0) if len(x) else np.zeros(len(projection), np.float32)
    medians = np.tile(np.asarray(overall, np.float32), (n_words, 1))
    order = np.argsort(words, kind="stable")
    starts = np.searchsorted(words[order], np.arange(n_words + 1))
    for word in np.flatnonzero(np.diff(starts)):
        medians[word] = np.median(projected[order[starts[word] : starts[word + 1]]], axis=0)
    return medians


def signatures(x: Float32, words: Int32, projection: Float32, medians: Float32) -> UInt64:
    """Returns (n, bits/64) uint64 signatures of descriptors `x` (n, d).

    Bit i tells whether a descriptor projects above its word's median in direction i.

    Bit i is bit i % 64 of column i // 64. `bits` is a multiple of 64.
    """
    bits = len(projection)
    if bits % 64:
        raise ValueError(f"{bits} bits do not fill 64-bit words")
    # Not `x @ projection.T`: the order of BLAS's sums depends on the number of rows, so that a bit near its threshold
    # would depend on the batch.
    return np.asarray(_pack_above(x, words, projection, medians), np.uint64)


def signatures_reference(x: Float32, words: Int32, projection: Float32, medians: Float32) -> UInt64:
    """Computes `signatures` in plain numpy."""
    above = x @ projection.T > medians[words]
    packed = np.packbits(above, axis=1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u8").astype(np.uint64)


@kernel()
def _pack_above(x: Float32, words: Int32, projection: Float32, medians: Float32) -> UInt64:
    n, d = x.shape
    bits = projection.shape[0]
    transposed = projection.T.copy()
    packed = np.zeros((n, bits // 64), np.uint64)
    projected = np.empty(bits, np.float32)
    for row in range(n):
        projected[:] = 0.0
        for i in range(d):
            value = x[row, i]
            for bit in range(bits):
                projected[bit] += value * transposed[i, bit]
        median = medians[words[row]]
        for bit in range(bits):
            if projected[bit] > median[bit]:
                packed[row, bit // 64] |= np.uint64(1) << np.uint64(bit % 64)
    return packed
