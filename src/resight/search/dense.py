"""Exact search by inner product over blocks of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import faiss
import numpy as np
from numpy.typing import NDArray

from resight.errors import UsageError
from resight.forks import single_threaded_in_forks
from resight.search.ranking import Mask, Ranking
from resight.search.selection import NameOrder, best, by_id, is_allowed


@dataclass(frozen=True)
class DenseBlock:
    """Descriptors of n images, (n, d) float32 in memory or memory-mapped; their ids; which are not removed."""

    vectors: NDArray[np.float32]
    ids: NDArray[np.int64]
    alive: Mask


@dataclass(frozen=True)
class _Places:
    """Where the images of some blocks are. ids: (n,) ascending; block, row: (n,) int64."""

    blocks: tuple[DenseBlock, ...]
    ids: NDArray[np.int64]
    block: NDArray[np.int64]
    row: NDArray[np.int64]


class DenseSearch:
    """The images whose descriptors have the largest inner product with the query's, exactly."""

    def __init__(
        self, blocks: Sequence[DenseBlock], *, dimension: int, order: NameOrder = by_id, generation: int = 0
    ) -> None:
        single_threaded_in_forks("faiss", faiss.omp_set_num_threads)
        self._blocks: tuple[DenseBlock, ...] = ()
        self._dimension = dimension
        self._order = order
        self.apply(blocks, np.empty(0, np.int64), generation)

    def __len__(self) -> int:
        """Number of images that are not removed."""
        return sum(int(block.alive.sum()) for block in self._blocks)

    def apply(self, added: Sequence[DenseBlock], removed: NDArray[np.int64], generation: int) -> None:
        """Takes `removed` ids out, then adds blocks; ids that are not here are ignored.

        ValueError: vectors of another dimension.
        """
        for block in added:
            if block.vectors.ndim != 2 or block.vectors.shape[1] != self._dimension:
                raise ValueError(f"vectors are {block.vectors.shape}, not (n, {self._dimension})")
        kept = [replace(b, alive=b.alive & ~np.isin(b.ids, removed)) for b in self._blocks]
        self._blocks = (*kept, *added)
        self._known: _Places | None = None
        self.generation = generation

    def search(self, query: NDArray[np.float32], k: int, allowed: Mask | None = None) -> Ranking:
        """The k best images, ties by name; none for a query of zeros. query: (d,) or (1, d); `allowed` is indexed by
        catalogue id.

        Notes: an inner product is summed in one order whatever block its row is in, so that equal vectors tie.
        """
        wanted = np.ascontiguousarray(query, np.float32).reshape(-1)
        if len(wanted) != self._dimension:
            raise ValueError(f"the query has {len(wanted)} dimensions, the images {self._dimension}")
        if not wanted.any():
            # A photo without features resembles nothing; by name, any would do.
            return Ranking(np.empty(0, np.int64), np.empty(0, np.float32))
        ids: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        scores: list[NDArray[np.float32]] = [np.empty(0, np.float32)]
        for block in self._blocks:
            chosen = block.alive if allowed is None else block.alive & is_allowed(block.ids, allowed)
            found = inner_products(wanted, block.vectors)
            ids.append(block.ids[chosen])
            scores.append(found[chosen])
        return best(np.concatenate(ids), np.concatenate(scores), k, self._order)

    @property
    def images(self) -> NDArray[np.int64]:
        """(n,) ids of the images that are not removed, ascending."""
        return np.sort(np.concatenate([np.empty(0, np.int64), *(block.ids[block.alive] for block in self._blocks)]))

    def descriptors(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n, d) the vectors of n images, by id, in their order. UsageError: an id that is not here."""
        places = self._known
        if places is None:
            places = self._known = _places(self._blocks)
        at = np.searchsorted(places.ids, images)
        missing = at == len(places.ids)
        missing[~missing] = places.ids[at[~missing]] != images[~missing]
        if missing.any():
            raise UsageError(f"image {images[missing][0]} has no vector here: it was removed, or could not be read")
        found = np.empty((len(images), self._dimension), np.float32)
        for number in np.unique(places.block[at]).tolist():
            here = places.block[at] == number
            found[here] = places.blocks[number].vectors[places.row[at[here]]]
        return found


def _places(blocks: tuple[DenseBlock, ...]) -> _Places:
    rows = [np.flatnonzero(block.alive) for block in blocks]
    row = np.concatenate([np.empty(0, np.int64), *rows])
    ids = np.concatenate([np.empty(0, np.int64), *(b.ids[r] for b, r in zip(blocks, rows, strict=True))])
    number = np.repeat(np.arange(len(blocks)), [len(r) for r in rows])
    order = np.argsort(ids, kind="stable")
    return _Places(blocks, ids[order], number[order], row[order])


def inner_products(query: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,) inner products of (d,) and (n, d), with faiss's vector instructions."""
    rows = np.ascontiguousarray(vectors, np.float32)
    products = np.empty(len(rows), np.float32)
    faiss.fvec_inner_products_ny(  # type: ignore[attr-defined]
        faiss.swig_ptr(products), faiss.swig_ptr(query), faiss.swig_ptr(rows), len(query), len(rows)
    )
    return products
