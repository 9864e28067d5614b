"""Which photos are never each other's negatives, by rows: kept as the clusters that links lead to, not as pairs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence, Set
from functools import cached_property
from typing import TypeVar, overload

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Int64

_T = TypeVar("_T")


class Related(Sequence[Set[int]]):
    """The rows that are related to each of n photos, itself among them.

    Two photos are related if one of them is in a cluster that the other reaches.

    Notes: kept are the clusters that a photo reaches, which are few, and not the photos in them: of a cluster of ten
    thousand these are a hundred million pairs.
    """

    def __init__(self, clusters: Int64, reached: csr_array) -> None:
        """clusters: (n,) from 0. reached: (n, clusters) bool, the clusters that a photo reaches, its own among them."""
        self._clusters, self._reached = clusters, reached

    def among(self, rows: Int64) -> Related:
        """Returns the relations of some photos to each other, whose rows are their places in `rows`."""
        return Related(self._clusters[rows], self._reached[rows])

    def __len__(self) -> int:
        return len(self._clusters)

    @overload
    def __getitem__(self, row: int) -> Set[int]: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Set[int]]: ...
    def __getitem__(self, row: int | slice) -> Set[int] | Sequence[Set[int]]:
        if isinstance(row, slice):
            return [self[one] for one in range(len(self))[row]]
        return _RelatedTo(self, range(len(self))[row])

    def joins(self, one: int, other: int) -> bool:
        """Returns whether two photos are related."""
        return self._reaches(one, int(self._clusters[other])) or self._reaches(other, int(self._clusters[one]))

    def rows(self, row: int) -> Int64:
        """Returns the rows that are related to one, in order."""
        own = (_part(self._members, cluster) for cluster in _part(self._reached, row).tolist())
        return np.unique(np.concatenate([*own, _part(self._reaching, int(self._clusters[row]))])).astype(np.int64)

    def _reaches(self, row: int, cluster: int) -> bool:
        indices, indptr = self._reached.indices, self._reached.indptr
        last = int(indptr[row + 1])
        place = bisect_left(indices, cluster, int(indptr[row]), last)
        return place < last and bool(indices[place] == cluster)

    @cached_property
    def _reaching(self) -> csr_array:
        """(clusters, n) the photos that reach a cluster."""
        return self._reached.T.tocsr()

    @cached_property
    def _members(self) -> csr_array:
        """(clusters, n) the photos in a cluster."""
        return _one_hot(self._clusters, self._reached.shape[1]).T.tocsr()


class _RelatedTo(Set[int]):
    """The rows that are related to one photo. What is made of it by set operations is a frozenset."""

    def __init__(self, relations: Related, row: int) -> None:
        self._relations, self._row = relations, row

    def __contains__(self, other: object) -> bool:
        return isinstance(other, int | np.integer) and self._relations.joins(self._row, int(other))

    def __iter__(self) -> Iterator[int]:
        return iter(self._relations.rows(self._row).tolist())

    def __len__(self) -> int:
        return len(self._relations.rows(self._row))

    @classmethod
    def _from_iterable(cls, it: Iterable[_T]) -> frozenset[_T]:
        return frozenset(it)


def relations(labels: Sequence[int], links: Int64, hops: int) -> Related:
    """Returns which photos are related: what `hops` links reach of one, and what is in a cluster with that.

    labels: (n,) equal for photos of one cluster. links: (m, 2) rows, in both directions of which they lead.
    """
    clusters = np.unique(np.array(labels, np.int64), return_inverse=True)[1].astype(np.int64)
    n = len(clusters)
    every = np.arange(n)
    heads, tails = np.concatenate([every, links[:, 0], links[:, 1]]), np.concatenate([every, links[:, 1], links[:, 0]])
    near = csr_array((np.ones(len(heads), np.bool_), (heads, tails)), shape=(n, n))
    reached = _one_hot(clusters, int(clusters.max(initial=-1)) + 1)
    for _ in range(hops):
        further = near @ reached
        if further.nnz == reached.nnz:
            break
        reached = further
    reached.sort_indices()
    return Related(clusters, reached)


def _one_hot(labels: Int64, count: int) -> csr_array:
    """Returns the (n, count) bool matrix with one True in each row."""
    n = len(labels)
    return csr_array((np.ones(n, np.bool_), labels, np.arange(n + 1)), shape=(n, count))


def _part(matrix: csr_array, row: int) -> Int64:
    """Returns the columns of a row that are not zero."""
    return np.asarray(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]])
