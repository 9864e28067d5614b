"""One vector an image, where the segments have it: what dense searches search, and second looks read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from resight.arrays import Array, Float32, Int64, Mask, Vector
from resight.errors import UsageError
from resight.search.selection import NameOrder

if TYPE_CHECKING:
    from resight.search.dense import DenseSearch


@dataclass(frozen=True)
class VectorBlock:
    """Descriptors of n images, (n, d) float32 in memory or memory-mapped; their ids; which are not removed."""

    vectors: Float32
    ids: Int64
    alive: Mask


@dataclass(frozen=True)
class _Places:
    """The places of the images of some blocks. ids: (n,) ascending; block, row: (n,) int64."""

    ids: Int64
    block: Int64
    row: Int64


class VectorRows:
    """The images of some blocks. ValueError: vectors of another dimension."""

    def __init__(self, blocks: Sequence[VectorBlock], dimension: int) -> None:
        for block in blocks:
            if block.vectors.ndim != 2 or block.vectors.shape[1] != dimension:
                raise ValueError(f"vectors are {block.vectors.shape}, not (n, {dimension})")
        self.blocks = tuple(blocks)
        self.dimension = dimension

    def __len__(self) -> int:
        """Returns the number of images that are not removed."""
        return sum(int(block.alive.sum()) for block in self.blocks)

    def exact(self, names: NameOrder) -> DenseSearch:
        """Every vector is compared with the query's."""
        from resight.search.dense import DenseSearch

        return DenseSearch(self, names)

    @property
    def images(self) -> Int64:
        """(n,) ids of the images that are not removed, ascending."""
        return self._places.ids

    def without(self, images: Int64) -> VectorRows:
        """Returns the images that are none of these ids.

        Blocks that are mostly of such stay where they are; few rows of a block are copied, so that the rest is not
        read.
        """
        blocks = []
        for block in self.blocks:
            others = block.alive & ~np.isin(block.ids, images)
            if 2 * int(others.sum()) > len(others):
                blocks.append(VectorBlock(np.asarray(block.vectors, np.float32), block.ids, others))
            elif others.any():
                few = np.asarray(block.vectors[others], np.float32)
                blocks.append(VectorBlock(few, block.ids[others], np.ones(len(few), np.bool_)))
        return VectorRows(blocks, self.dimension)

    def descriptors(self, images: Int64) -> Float32:
        """Returns (n, d) the vectors of n images, by id, in their order. UsageError: an id that is not here."""
        found = np.empty((len(images), self.dimension), np.float32)
        for block, here, rows in self._located(images):
            found[here] = block.vectors[rows]
        return found

    def products(self, query: Vector, images: Int64) -> Float32:
        """Returns (n,) inner products of (d,) with the vectors of n images, by id, as exact search computes them.

        UsageError: an id that is not here.
        """
        from resight.search.dense import inner_products_of

        found = np.empty(len(images), np.float32)
        for block, here, rows in self._located(images):
            found[here] = inner_products_of(query, block.vectors, rows)
        return found

    def _located(self, images: Int64) -> Iterator[tuple[VectorBlock, Array, Int64]]:
        """Yields each block that has some of n images, which of them, and their rows. UsageError: one is not here."""
        places = self._places
        at = np.searchsorted(places.ids, images)
        missing = at == len(places.ids)
        missing[~missing] = places.ids[at[~missing]] != images[~missing]
        if missing.any():
            raise UsageError(f"image {images[missing][0]} has no vector here: it was removed, or could not be read")
        numbers, rows = places.block[at], places.row[at]
        for number in np.unique(numbers).tolist():
            here = np.flatnonzero(numbers == number)
            yield self.blocks[number], here, rows[here]

    @cached_property
    def _places(self) -> _Places:
        rows = [np.flatnonzero(block.alive) for block in self.blocks]
        row = np.concatenate([np.empty(0, np.int64), *rows])
        ids = np.concatenate([np.empty(0, np.int64), *(b.ids[r] for b, r in zip(self.blocks, rows, strict=True))])
        number = np.repeat(np.arange(len(self.blocks)), [len(r) for r in rows])
        order = np.argsort(ids, kind="stable")
        return _Places(ids[order], number[order], row[order])
