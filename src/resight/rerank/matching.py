"""Tentative correspondences: which features of a query and of an image look alike, before any geometry.

Every function answers (query rows (t,) int32, image rows (t,) int32, similarity (t,) float32), rows of `xy`, ordered by
query row, then image row, each pair once.
"""

from __future__ import annotations

import math

import numpy as np

from resight.arrays import Float32, Int32, Int64, UInt64
from resight.errors import UsageError
from resight.kernels.compiling import kernel
from resight.words.evidence import ImageWords
from resight.words.instructions import bit_distance

Matches = tuple[Int32, Int32, Float32]

# Pairs that one word may give. A word that is seen a hundred times in both images (bricks, foliage, print) would give
# ten thousand pairs, and a hundred of them can be right.
PAIRS_A_WORD = 64
# Query descriptors that are compared at a time: 2048 x 2000 float32 distances take 16 MB.
BLOCK = 2048


@kernel()
def _shared_runs(query: Int32, image: Int32) -> Int64:
    """Returns (r, 4) first and last + 1 row in query and image of every word that both of two ascending lists have."""
    runs = np.empty((min(len(query), len(image)), 4), np.int64)
    found = i = j = 0
    while i < len(query) and j < len(image):
        if query[i] < image[j]:
            i += 1
        elif query[i] > image[j]:
            j += 1
        else:
            word, a, b = query[i], i, j
            while i < len(query) and query[i] == word:
                i += 1
            while j < len(image) and image[j] == word:
                j += 1
            runs[found, 0], runs[found, 1], runs[found, 2], runs[found, 3] = a, i, b, j
            found += 1
    return runs[:found]


@kernel()
def _room(runs: Int64, limit: int) -> int:
    """Returns the most pairs that runs give."""
    total = 0
    for r in range(len(runs)):
        total += min(limit, (runs[r, 1] - runs[r, 0]) * (runs[r, 3] - runs[r, 2]))
    return total


@kernel()
def _equal_words(runs: Int64, limit: int, root: int) -> Int64:
    """Returns (t, 2) rows of query and image that share a word, at most `limit` a word; `root` is its square root."""
    pairs = np.empty((_room(runs, limit), 2), np.int64)
    found = 0
    for r in range(len(runs)):
        a, a_end, b, b_end = runs[r, 0], runs[r, 1], runs[r, 2], runs[r, 3]
        m, n = a_end - a, b_end - b
        if m * n > limit:
            # The rarer side stays whole where it can.
            if m <= root:
                n = limit // m
            elif n <= root:
                m = limit // n
            else:
                m = n = root
        for i in range(a, a + m):
            for j in range(b, b + n):
                pairs[found, 0], pairs[found, 1] = i, j
                found += 1
    return pairs[:found]


@kernel()
def _near_signatures(runs: Int64, query: UInt64, image: UInt64, threshold: int, limit: int) -> Int64:
    """Returns (t, 3) rows of query and image that share a word, and their distance.

    Of each word the `limit` nearest count.
    """
    pairs = np.empty((_room(runs, limit), 3), np.int64)
    found = 0
    for r in range(len(runs)):
        a, a_end, b, b_end = runs[r, 0], runs[r, 1], runs[r, 2], runs[r, 3]
        # How many pairs there are at each distance says up to which one the limit reaches.
        counts = np.zeros(threshold + 1, np.int64)
        for i in range(a, a_end):
            for j in range(b, b_end):
                distance = bit_distance(image, j, query[i])
                if distance <= threshold:
                    counts[distance] += 1
        last, room = 0, limit
        while last < threshold and counts[last] < room:
            room -= counts[last]
            last += 1
        for i in range(a, a_end):
            for j in range(b, b_end):
                distance = bit_distance(image, j, query[i])
                if distance < last or (distance == last and room > 0):
                    room -= 1 if distance == last else 0
                    pairs[found, 0], pairs[found, 1], pairs[found, 2] = i, j, distance
                    found += 1
    return pairs[:found]


def _each_once(query: Int32, image: Int32, similarity: Float32) -> Matches:
    """Pairs of features in order, the most similar of those that came by several words."""
    order = np.lexsort((-similarity, image, query))
    query, image, similarity = query[order], image[order], similarity[order]
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (query[1:] != query[:-1]) | (image[1:] != image[:-1])
    return query[fresh], image[fresh], similarity[fresh]


def match_words(query: ImageWords, image: ImageWords, limit: int = PAIRS_A_WORD) -> Matches:
    """Returns features with equal words.

    The similarity is the product of the assignments' weights, 1 where there are none.

    Notes: a word gives at most `limit` pairs, those of its first features: features are stored strongest first. The
    image in which the word is rarer keeps all of its features where it has up to the square root of the limit.
    """
    pairs = _equal_words(_shared_runs(query.words, image.words), limit, math.isqrt(limit))
    similarity = np.ones(len(pairs), np.float32)
    for column, words in enumerate((query, image)):
        if words.weights is not None:
            similarity *= words.weights[pairs[:, column]]
    return _each_once(query.features[pairs[:, 0]], image.features[pairs[:, 1]], similarity)


def match_signatures(query: ImageWords, image: ImageWords, threshold: int, limit: int = PAIRS_A_WORD) -> Matches:
    """Returns features with equal words whose signatures differ in at most `threshold` bits.

    Their similarity is 1 - 2 distance / bits.

    Raises UsageError where an image has no signatures or their widths differ.

    Source: Jégou, Douze, Schmid: Hamming embedding and weak geometric consistency, ECCV 2008, section 3.

    Notes: a word gives at most `limit` pairs, the nearest; among equals those of the first features.
    """
    if query.signatures is None or image.signatures is None:
        raise UsageError("the query or the image has no signatures; match its words alone, or index with signatures")
    if query.signatures.shape[1] != image.signatures.shape[1]:
        raise UsageError(
            f"signatures have {64 * query.signatures.shape[1]} and {64 * image.signatures.shape[1]} bits; "
            "extract the query with the recipe of the index"
        )
    bits = 64 * query.signatures.shape[1]
    runs = _shared_runs(query.words, image.words)
    pairs = _near_signatures(runs, query.signatures, image.signatures, min(max(threshold, 0), bits), limit)
    similarity = (1.0 - 2.0 * pairs[:, 2] / bits).astype(np.float32)
    return _each_once(query.features[pairs[:, 0]], image.features[pairs[:, 1]], similarity)


def match_descriptors(query: Float32, image: Float32, ratio: float = 0.8) -> Matches:
    """Returns mutual nearest neighbours of (m, d) in (n, d) whose distance is under `ratio` of the second.

    Their similarity is the cosine.

    Source: Lowe: Distinctive image features from scale-invariant keypoints, IJCV 2004, section 7.1 (ratio 0.8).

    Notes: asking for mutual neighbours makes the matches one to one. A lone descriptor has no second, and passes.
    """
    if query.shape[1:] != image.shape[1:]:
        raise UsageError(f"descriptors have shapes {query.shape} and {image.shape}; both must have the same dimension")
    if not len(query) or not len(image):
        return np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32)
    image_squares = np.square(image).sum(axis=1)
    nearest, nearest_query = np.empty(len(query), np.int32), np.zeros(len(image), np.int32)
    distinct = np.empty(len(query), np.bool_)
    best = np.full(len(image), np.inf, np.float32)
    for start in range(0, len(query), BLOCK):
        rows = slice(start, start + BLOCK)
        squares = np.square(query[rows]).sum(axis=1)[:, None] + image_squares - 2 * (query[rows] @ image.T)
        np.maximum(squares, 0, out=squares)
        lowest = squares.min(axis=0)
        closer = lowest < best
        nearest_query[closer] = start + squares.argmin(axis=0)[closer]
        best[closer] = lowest[closer]
        nearest[rows] = squares.argmin(axis=1)
        if len(image) > 1:
            first, second = np.partition(squares, 1, axis=1)[:, :2].T
            distinct[rows] = first < ratio * ratio * second
        else:
            distinct[rows] = True
    query_rows = np.flatnonzero(distinct & (nearest_query[nearest] == np.arange(len(query)))).astype(np.int32)
    image_rows = nearest[query_rows]
    a, b = query[query_rows], image[image_rows]
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    similarity = (a * b).sum(axis=1) / np.maximum(norms, np.finfo(np.float32).tiny)
    return query_rows, image_rows, similarity.astype(np.float32)
