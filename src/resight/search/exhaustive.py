"""Every image is compared with the query, one pair after another: for small collections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from resight.search.ranking import Mask, Ranking, Verification
from resight.search.selection import NameOrder, best, by_id, is_allowed

ThingT = TypeVar("ThingT")


@dataclass(frozen=True)
class ThingBlock(Generic[ThingT]):
    """n images that `read` gives by their row, their ids (n,) int64, and which have not been removed, (n,) bool."""

    read: Callable[[int], ThingT]
    ids: NDArray[np.int64]
    alive: Mask


class ExhaustiveSearch(Generic[ThingT]):
    """Ranks by the score of a comparison of the query with every image; what does not compare is left out."""

    def __init__(
        self,
        blocks: Sequence[ThingBlock[ThingT]],
        compare: Callable[[ThingT, ThingT], Verification | None],
        *,
        order: NameOrder = by_id,
        generation: int = 0,
        threads: int = 1,
    ) -> None:
        self._blocks = tuple(blocks)
        self._compare = compare
        self._order = order
        self._threads = threads
        self.generation = generation

    def apply(self, added: Sequence[ThingBlock[ThingT]], removed: NDArray[np.int64], generation: int) -> None:
        """Takes `removed` ids out, then adds blocks; ids that are not here are ignored."""
        kept = [replace(b, alive=b.alive & ~np.isin(b.ids, removed)) for b in self._blocks]
        self._blocks = (*kept, *added)
        self.generation = generation

    def search(self, query: ThingT, k: int, allowed: Mask | None = None) -> Ranking:
        """The k best images, ties by name, with the evidence for each; `allowed` is indexed by catalogue id."""
        pairs: list[tuple[ThingBlock[ThingT], int]] = []
        for block in self._blocks:
            chosen = block.alive if allowed is None else block.alive & is_allowed(block.ids, allowed)
            pairs.extend((block, int(row)) for row in np.flatnonzero(chosen))
        with ThreadPoolExecutor(self._threads) as pool:
            found = list(pool.map(lambda pair: self._compare(query, pair[0].read(pair[1])), pairs))
        evidence: dict[int, Verification] = {
            int(block.ids[row]): why for (block, row), why in zip(pairs, found, strict=True) if why is not None
        }
        ids: NDArray[Any] = np.fromiter(evidence, np.int64, len(evidence))
        scores = np.fromiter((why.score for why in evidence.values()), np.float32, len(evidence))
        ranking = best(ids, scores, k, self._order)
        kept: Mapping[int, Verification] = {int(image): evidence[int(image)] for image in ranking.ids}
        return replace(ranking, evidence=kept)
