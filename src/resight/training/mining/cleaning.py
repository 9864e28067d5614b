"""Cleaning of noisy classes by geometry: what a class is about is its largest group of photos that match.

Gordo, Almazán, Revaud, Larlus: Deep image retrieval, ECCV 2016, section 4.1, and IJCV 2017, section 5.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resight.arrays import Mask
from resight.training.mining.reconstruction import PairMatches, components


def cleaned(classes: Sequence[int], graph: Sequence[PairMatches], least: int) -> Mask:
    """Returns (n,) which photos stay: of each class, the largest connected component of its verified pairs.

    classes: (n,) of each photo. graph: verified pairs; pairs of two classes and of fewer than `least` matches do not
    count. Of two equal components the one with more matches stays, then that of the first photo. A class without a
    verified pair goes as a whole.
    """
    inside = [pair for pair in graph if classes[pair.one] == classes[pair.other] and len(pair) >= least]
    strength = np.zeros(len(classes), np.int64)
    for pair in inside:
        strength[[pair.one, pair.other]] += len(pair)
    largest: dict[int, tuple[tuple[int, int, int], frozenset[int]]] = {}
    for part in components(len(classes), inside):
        if len(part) < 2:
            continue
        rank = len(part), int(strength[list(part)].sum()), -min(part)
        own = classes[min(part)]
        if own not in largest or largest[own][0] < rank:
            largest[own] = rank, part
    stays = np.zeros(len(classes), np.bool_)
    for _, part in largest.values():
        stays[list(part)] = True
    return stays


def in_class_pairs(classes: Sequence[int]) -> list[tuple[int, int]]:
    """Returns all pairs of photos of one class, in order."""
    members: dict[int, list[int]] = {}
    for row, own in enumerate(classes):
        members.setdefault(own, []).append(row)
    return sorted(
        (one, other) for rows in members.values() for place, one in enumerate(rows) for other in rows[place + 1 :]
    )
