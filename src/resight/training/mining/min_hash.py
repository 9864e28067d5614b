"""Seeds of what many photos show, without a search by every photo: sketches of word sets that collide.

Chum and Matas: Large-scale discovery of spatially related images, PAMI 2010: min-hash finds a few pairs of each thing,
and searches from these find the rest of its photos.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from resight.arrays import Int32, Int64
from resight.training.mining.reconstruction import PairMatches

Pair = tuple[int, int]

SKETCHES, SIZE = 512, 3
"""Sketches of a photo, and min-hashes of each, as in the paper, section 3.1."""
CROWD = 20
"""A sketch that more photos share tells of none of them."""


def seed_pairs(words: Sequence[Int32], sketches: int = SKETCHES, size: int = SIZE, seed: int = 0) -> list[Pair]:
    """Returns pairs of photos with a sketch in common, in order. words: for each photo the ids of its words.

    A sketch of `size` min-hashes is shared with the probability of the overlap (intersection over union) of both sets
    to this power.
    """
    rng = np.random.default_rng(seed)
    sets = [np.unique(own) for own in words]
    most = max((int(own[-1]) for own in sets if len(own)), default=-1) + 1
    found: set[Pair] = set()
    for _ in range(sketches):
        columns = [_least(sets, rng.permutation(most)) for _ in range(size)]
        rows = np.flatnonzero(columns[0] >= 0)
        _, kinds = np.unique(np.column_stack(columns)[rows], axis=0, return_inverse=True)
        order = np.argsort(kinds, kind="stable")
        for group in np.split(rows[order], np.flatnonzero(np.diff(kinds[order])) + 1):
            if 1 < len(group) <= CROWD:
                found |= {(a, b) for place, a in enumerate(group.tolist()) for b in group.tolist()[place + 1 :]}
    return sorted(found)


def grown_pairs(
    seeds: Sequence[Pair],
    candidates: Callable[[int], Sequence[int]],
    verify: Callable[[Sequence[Pair]], list[PairMatches]],
) -> tuple[list[PairMatches], tuple[int, int]]:
    """Returns the verified pairs that seeds lead to, with the number of photos that searched and of pairs looked at.

    candidates: what a photo finds when it searches. Photos of verified pairs search in turn, until none is new.
    """
    graph, asked = verify(seeds), set[int]()
    looked_at = set(seeds)
    front = {photo for pair in graph for photo in (pair.one, pair.other)}
    while front:
        asked |= front
        fresh = {(min(a, b), max(a, b)) for a in sorted(front) for b in candidates(a)} - looked_at
        looked_at |= fresh
        found = verify(sorted(fresh))
        graph += found
        front = {photo for pair in found for photo in (pair.one, pair.other)} - asked
    return sorted(graph, key=lambda pair: (pair.one, pair.other)), (len(asked), len(looked_at))


def _least(sets: Sequence[Int32], order: Int64) -> Int64:
    """Returns (n,) the min-hash of each set under an order of all words; -1 of an empty one."""
    return np.array([order[own].min() if len(own) else -1 for own in sets], np.int64)
