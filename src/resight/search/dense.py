"""Exact search by inner product over blocks of vectors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import faiss
import numpy as np

from resight.arrays import Int64, Mask, Vector, Vectors
from resight.forks import single_threaded_in_forks
from resight.search.ranking import Ranking
from resight.search.selection import NameOrder, best, by_id, is_allowed
from resight.search.vectors import VectorRows

TOGETHER = 64
"""Queries whose products with a block are in memory at once."""
SMALL = 16
"""Dimensions up to which faiss may sum a row in an order that depends on how many there are."""
ROUNDING = 2.0**-24
"""Half the distance of neighbouring float32 around 1."""


class DenseSearch:
    """The images whose descriptors have the largest inner product with the query's, exactly."""

    def __init__(self, rows: VectorRows, order: NameOrder = by_id) -> None:
        single_threaded_in_forks("faiss", faiss.omp_set_num_threads)
        self._rows = rows
        self._order = order

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> Ranking:
        """Returns the k best images, ties by name; none for a query of zeros.

        query: (d,) or (1, d); `allowed` is indexed by catalogue id.

        Notes: an inner product is summed in one order whatever block its row is in, so that equal vectors tie.
        """
        wanted = self._checked(np.reshape(query, (1, -1)))[0]
        if not wanted.any():
            # A photo without features resembles nothing; by name, any would do.
            return Ranking(np.empty(0, np.int64), np.empty(0, np.float32))
        ids: list[Int64] = [np.empty(0, np.int64)]
        scores: list[Vectors] = [np.empty(0, np.float32)]
        for block in self._rows.blocks:
            chosen = block.alive if allowed is None else block.alive & is_allowed(block.ids, allowed)
            found = inner_products(wanted, block.vectors)
            ids.append(block.ids[chosen])
            scores.append(found[chosen])
        return best(np.concatenate(ids), np.concatenate(scores), k, self._order)

    def search_many(self, queries: Vectors, k: int, allowed: Mask | None = None) -> list[Ranking]:
        """`search` for each of queries (q, d), bit for bit, with one product for many of them.

        Notes: a product of matrices rounds by its shape. It tells which images may be among the best; what is as near
        to them as its rounding is compared again as `search` does.
        """
        wanted = self._checked(queries)
        if self._rows.dimension <= SMALL:
            return [self.search(query, k, allowed) for query in wanted]
        return [
            ranking
            for start in range(0, len(wanted), TOGETHER)
            for ranking in self._together(wanted[start : start + TOGETHER], k, allowed)
        ]

    def _together(self, queries: Vectors, k: int, allowed: Mask | None) -> Iterator[Ranking]:
        blocks = self._rows.blocks
        chosen = [np.flatnonzero(b.alive if allowed is None else b.alive & is_allowed(b.ids, allowed)) for b in blocks]
        near = [queries @ np.asarray(block.vectors, np.float32).T for block in blocks]
        for place, query in enumerate(queries):
            if not query.any():
                yield Ranking(np.empty(0, np.int64), np.empty(0, np.float32))
                continue
            about = [found[place, rows] for found, rows in zip(near, chosen, strict=True)]
            every = np.concatenate([np.empty(0, np.float32), *about])
            if not 0 < k < len(every):
                yield self.search(query, k, allowed)
                continue
            # |fl(x.y) - x.y| <= d u / (1 - d u) |x| |y| in any order of summation, here and in `search`.
            length = float(np.linalg.norm(query)) * self._longest
            error = np.float32(4.0 * (len(query) + 2) * ROUNDING * length)
            least = np.partition(every, len(every) - k)[len(every) - k] - error
            ids: list[Int64] = []
            scores: list[Vectors] = []
            for block, rows, found in zip(blocks, chosen, about, strict=True):
                kept = rows[found >= least]
                ids.append(block.ids[kept])
                scores.append(inner_products(query, block.vectors[kept]))
            yield best(np.concatenate(ids), np.concatenate(scores), k, self._order)

    @cached_property
    def _longest(self) -> float:
        """The length of the longest vector."""
        squares = [np.einsum("nd,nd->n", block.vectors, block.vectors) for block in self._rows.blocks]
        return float(np.sqrt(np.concatenate([np.zeros(1, np.float32), *squares]).max()))

    def _checked(self, queries: Vectors) -> Vectors:
        wanted = np.ascontiguousarray(queries, np.float32)
        if wanted.ndim != 2 or wanted.shape[1] != self._rows.dimension:
            raise ValueError(f"the query has {wanted.shape[-1]} dimensions, the images {self._rows.dimension}")
        return wanted


def inner_products(query: Vectors, vectors: Vectors) -> Vectors:
    """Returns (n,) inner products of (d,) and (n, d), with faiss's vector instructions."""
    rows = np.ascontiguousarray(vectors, np.float32)
    products = np.empty(len(rows), np.float32)
    faiss.fvec_inner_products_ny(  # type: ignore[attr-defined]
        faiss.swig_ptr(products), faiss.swig_ptr(query), faiss.swig_ptr(rows), len(query), len(rows)
    )
    return products


def inner_products_of(query: Vector, vectors: Vectors, rows: Int64) -> Vectors:
    """Returns (n,) inner products of (d,) with n rows of vectors (m, d), bit for bit as `inner_products` of all."""
    if vectors.dtype != np.float32 or len(query) <= SMALL or not vectors.flags.c_contiguous:
        return inner_products(query, vectors[rows])
    products, places = np.empty(len(rows), np.float32), np.ascontiguousarray(rows, np.int64)
    given = (faiss.swig_ptr(one) for one in (products, query, vectors, places))
    faiss.fvec_inner_products_by_idx(*given, len(query), 1, len(rows))  # type: ignore[attr-defined]
    return products
