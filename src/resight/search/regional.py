"""Exhaustive search of images as sets of regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from resight.arrays import Array, Float32, Int64, Mask
from resight.descriptors.cross_matching import cross_match
from resight.search.ranking import Ranking
from resight.search.selection import NameOrder, best, by_id, is_allowed


@dataclass(frozen=True)
class RegionBlock:
    """Regions of n images: vectors (m, d) in memory or memory-mapped, those of image i at offsets[i]:offsets[i + 1]."""

    vectors: Array
    offsets: Int64
    ids: Int64
    alive: Mask


@dataclass(frozen=True)
class RegionRows:
    """The images of some blocks. match: (query regions, rows, offsets) to similarities."""

    blocks: Sequence[RegionBlock]
    match: Callable[[Float32, Float32, Int64], Float32] = cross_match

    def exact(self, names: NameOrder) -> RegionSearch:
        """Every region is compared with those of the query."""
        return RegionSearch(self, names)

    def regions(self) -> tuple[Int64, Float32]:
        """Returns (n,) ids of images, ascending, and (n, d) float32 vectors of all their regions.

        Removed images are left out.
        """
        images, vectors = [], []
        for block in self.blocks:
            counts = np.diff(block.offsets)
            images.append(np.repeat(block.ids[block.alive], counts[block.alive]))
            vectors.append(np.asarray(block.vectors[np.repeat(block.alive, counts)], np.float32))
        ids = np.concatenate([np.empty(0, np.int64), *images])
        order = np.argsort(ids, kind="stable")
        return ids[order], np.concatenate(vectors)[order] if vectors else np.empty((0, 0), np.float32)


class RegionSearch:
    """The images whose regions match those of the query best."""

    def __init__(self, rows: RegionRows, order: NameOrder = by_id) -> None:
        self._rows = rows
        self._order = order

    def search(self, query: Float32, k: int, allowed: Mask | None = None) -> Ranking:
        """Returns the k best images, ties by name. query: (r, d); `allowed` is indexed by catalogue id."""
        ids: list[Int64] = [np.empty(0, np.int64)]
        scores: list[Float32] = [np.empty(0, np.float32)]
        for block in self._rows.blocks if len(query) else ():
            chosen = block.alive if allowed is None else block.alive & is_allowed(block.ids, allowed)
            found = self._rows.match(query, block.vectors, block.offsets)
            ids.append(block.ids[chosen])
            scores.append(found[chosen])
        return best(np.concatenate(ids), np.concatenate(scores), k, self._order)
