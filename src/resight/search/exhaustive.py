"""Every image is compared with the query, one pair after another: for small collections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from resight.arrays import Array, Int64, Mask
from resight.forks import WorkerPool
from resight.search.ranking import Ranking, Verification
from resight.search.selection import NameOrder, best, by_id, is_allowed

ThingT = TypeVar("ThingT")


@dataclass(frozen=True)
class ThingBlock(Generic[ThingT]):
    """n images that `read` gives by their row, their ids (n,) int64, and which have not been removed, (n,) bool."""

    read: Callable[[int], ThingT]
    ids: Int64
    alive: Mask


@dataclass(frozen=True)
class ThingRows(Generic[ThingT]):
    """The images of some blocks. compare: the query, and an image, to what they agree on; threads: that compare."""

    blocks: Sequence[ThingBlock[ThingT]]
    compare: Callable[[ThingT, ThingT], Verification | None]
    threads: int = 1

    def exact(self, names: NameOrder) -> ExhaustiveSearch[ThingT]:
        """Every image is compared with the query."""
        return ExhaustiveSearch(self, names)


class ExhaustiveSearch(Generic[ThingT]):
    """Ranks by the score of a comparison of the query with every image; what does not compare is left out."""

    def __init__(self, rows: ThingRows[ThingT], order: NameOrder = by_id) -> None:
        self._rows = rows
        self._order = order
        self._workers = WorkerPool(rows.threads)

    def search(self, query: ThingT, k: int, allowed: Mask | None = None) -> Ranking:
        """Returns the k best images, ties by name, with what verifies each; `allowed` is indexed by catalogue id."""
        pairs: list[tuple[ThingBlock[ThingT], int]] = []
        for block in self._rows.blocks:
            chosen = block.alive if allowed is None else block.alive & is_allowed(block.ids, allowed)
            pairs.extend((block, int(row)) for row in np.flatnonzero(chosen))
        every = self._workers.executor.map(lambda pair: self._rows.compare(query, pair[0].read(pair[1])), pairs)
        found = list(every)
        verified: dict[int, Verification] = {
            int(block.ids[row]): why for (block, row), why in zip(pairs, found, strict=True) if why is not None
        }
        ids: Array = np.fromiter(verified, np.int64, len(verified))
        scores = np.fromiter((why.score for why in verified.values()), np.float32, len(verified))
        ranking = best(ids, scores, k, self._order)
        kept: Mapping[int, Verification] = {int(image): verified[int(image)] for image in ranking.ids}
        return replace(ranking, verified=kept)
