"""k-reciprocal encoding: images are near whose neighbourhoods, of images that are neighbours mutually, overlap."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Array, Float32, Float64, Int64, Mask
from resight.errors import UsageError
from resight.rerank.head import reordered
from resight.rerank.kinds import KReciprocal
from resight.rerank.neighbours import smallest
from resight.search.looks import VectorCollection
from resight.search.ranking import Ranking

Rule = Literal["more_than", "at_least"]
"""The overlap of two thirds that lets a neighbourhood grow: above it, or from it on."""

ROUNDING = 1e-13
"""Squared distance, as a part of the sum of the squared norms, that stands for none: products of 2048 dimensions of
float64 are off by a hundredth of it, and no two different float32 descriptors are as near."""


def squared_distances(descriptors: Array) -> Float64:
    """Returns (m, m) squared Euclidean distances of descriptors (m, d), 0 on the diagonal and between copies."""
    rows = np.asarray(descriptors, np.float64)
    norms = np.einsum("md,md->m", rows, rows)
    scale = norms[:, None] + norms
    distances: Float64 = scale - 2.0 * (rows @ rows.T)
    # What rounding leaves between copies would be stretched to 1 where all are copies, and order them anyhow.
    distances[distances < ROUNDING * scale] = 0.0
    np.fill_diagonal(distances, 0.0)
    return np.asarray(distances, np.float64)


def k_reciprocal_distances(
    distances: Array,
    queries: int,
    k1: int = 20,
    k2: int = 6,
    weight: float = 0.3,
    rule: Rule = "more_than",
) -> Float64:
    """Returns (queries, m - queries) k-reciprocal distances in [0, 1].

    They are weight * d + (1 - weight) * Jaccard distance of the k-reciprocal encodings.

    distances: (m, m) symmetric, squared Euclidean in the paper, of the queries, which come first, and the images; d is
    each row of it divided by its largest. A neighbourhood has k1 + 1 entries, itself included. A mutual neighbour adds
    its own half neighbourhood (k1 / 2, rounded to even, + 1) where more than two thirds of that are mutual neighbours
    already; encodings are then averaged over the k2 nearest, itself included; k2 = 1 leaves them as they are.
    Of (0, 0) it is (0, 0). UsageError: not square, negative or not finite, k1 or k2 that there are not enough entries
    for, weight outside 0..1.

    Source: Zhong, Zheng, Cao & Li, "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017,
    sections 3.2 to 3.4 (weight is lambda), and the authors' code.

    Notes: the paper has |R* & R| >= 2/3 |R| (equation 3), which is rule "at_least"; the authors' code has more_than.
    Entries at distance 0, copies of each other, have the encoding of the first of them: where there are more of them
    than a neighbourhood has entries, not each would be in its own.
    """
    given = np.asarray(distances, np.float64)
    _check(given, queries, k1, k2, weight)
    if not len(given):
        return given
    largest = given.max(axis=1, keepdims=True)
    d = np.divide(given, largest, out=np.zeros_like(given), where=largest > 0)
    # The first copy is the first of its own neighbours, as equals are ordered by column.
    np.fill_diagonal(d, 0.0)
    first = (d == 0.0).argmax(axis=1)
    near = smallest(d, max(k1 + 1, k2))[first]
    encodings = csr_array(_encodings(d, near, k1, rule)[first])
    if k2 > 1:
        encodings = csr_array(_mean_of(near[:, :k2]) @ encodings)
    return np.asarray(weight * d[:queries, queries:] + (1.0 - weight) * _jaccard(encodings, queries))


def k_reciprocal_of_descriptors(
    queries: Array,
    images: Array,
    k1: int = 20,
    k2: int = 6,
    weight: float = 0.3,
    rule: Rule = "more_than",
) -> Float64:
    """Returns (q, n) `k_reciprocal_distances` of queries (q, d) and images (n, d), all of them in one set."""
    asked, rows = np.asarray(queries, np.float32), np.asarray(images, np.float32)
    if asked.ndim != 2 or rows.ndim != 2 or asked.shape[1] != rows.shape[1]:
        raise UsageError(f"queries {asked.shape} and images {rows.shape} must be (q, d) and (n, d)")
    return k_reciprocal_distances(squared_distances(np.concatenate([asked, rows])), len(asked), k1, k2, weight, rule)


def _check(distances: Float64, queries: int, k1: int, k2: int, weight: float) -> None:
    m = len(distances)
    if distances.shape != (m, m) or not 0 <= queries <= m:
        raise UsageError(f"distances {distances.shape} of {queries} queries: they must be (m, m), with queries <= m")
    if not (np.isfinite(distances).all() and (distances >= 0).all()):
        raise UsageError("a distance is negative or not a finite number")
    if m and not (1 <= k1 < m and 1 <= k2 <= m):
        raise UsageError(f"k1 = {k1} and k2 = {k2} of {m} entries: k1 is from 1 to {m - 1}, k2 from 1 to {m}")
    if not 0.0 <= weight <= 1.0:
        raise UsageError(f"the weight of the distance is {weight}: it is from 0 to 1")


def _mutual(near: Int64) -> Mask:
    """Returns (m, k) whether each neighbour has the row among its own k neighbours."""
    rows = np.arange(len(near))[:, None, None]
    return np.asarray((near[near] == rows).any(axis=2), np.bool_)


def _encodings(d: Float64, near: Int64, k1: int, rule: Rule) -> csr_array[Any]:
    """Returns (m, m) sparse: exp(-d) over the expanded k-reciprocal neighbours of each row, summing to 1."""
    m = len(d)
    whole, half = near[:, : k1 + 1], near[:, : round(k1 / 2) + 1]
    mutual, half_mutual = _mutual(whole), _mutual(half)
    member = np.zeros((m, m), np.bool_)
    rows, columns = np.nonzero(mutual)
    candidates = whole[rows, columns]
    member[rows, candidates] = True
    theirs, counted = half[candidates], half_mutual[candidates]
    common = (member[rows[:, None], theirs] & counted).sum(axis=1)
    size = counted.sum(axis=1)
    grows = 3 * common > 2 * size if rule == "more_than" else 3 * common >= 2 * size
    # Neighbourhoods are compared as they are before any of them grows.
    added = grows[:, None] & counted
    member[np.broadcast_to(rows[:, None], theirs.shape)[added], theirs[added]] = True
    rows, columns = np.nonzero(member)
    values = np.exp(-d[rows, columns])
    values /= np.bincount(rows, values, minlength=m)[rows]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(rows, minlength=m))])
    return csr_array((values, columns, offsets), shape=(m, m))


def _mean_of(near: Int64) -> csr_array[Any]:
    """(m, m) sparse: averages the rows that are named, (m, k)."""
    m, k = near.shape
    return csr_array((np.full(m * k, 1.0 / k), near.ravel(), np.arange(0, m * k + 1, k)), shape=(m, m))


def _jaccard(encodings: csr_array[Any], queries: int) -> Float64:
    """Returns (queries, m - queries): 1 - sum of minima / sum of maxima, where each encoding sums to 1."""
    m = encodings.shape[0]
    images = encodings[queries:]
    rows = np.repeat(np.arange(m - queries), np.diff(images.indptr))
    distances = np.empty((queries, m - queries))
    asked = np.zeros(m)
    for query in range(queries):
        own = slice(encodings.indptr[query], encodings.indptr[query + 1])
        asked[encodings.indices[own]] = encodings.data[own]
        common = np.bincount(rows, np.minimum(images.data, asked[images.indices]), minlength=m - queries)
        # Sums of 1 that are off by rounding would be nearer than copies.
        distances[query] = np.maximum(1.0 - common / (2.0 - common), 0.0)
        asked[encodings.indices[own]] = 0.0
    return distances


class KReciprocalLook:
    """Ranks the first `top` images by `k_reciprocal_distances` among themselves; what comes after keeps its order."""

    def __init__(self, params: KReciprocal, collection: VectorCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: Float32, ranking: Ranking) -> Ranking:
        """Returns the ranking with another head, whose scores are 1 - distance.

        With no more images than k1 or k2, neighbourhoods are of all of them.
        """
        head = ranking.ids[: self.params.top]
        if not len(head):
            return ranking
        k1, k2 = min(self.params.k1, len(head)), min(self.params.k2, len(head) + 1)
        near = self._collection.descriptors(head)
        distances = k_reciprocal_of_descriptors(query[None], near, k1, k2, self.params.weight)[0]
        return reordered(ranking, (1.0 - distances).astype(np.float32))
