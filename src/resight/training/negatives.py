"""Hard negatives: the nearest photos that surely show something else, at most one of each cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32, Int64
from resight.training.material import Material

BLOCK = 256


@dataclass(frozen=True)
class HardNegatives:
    """The finds of the current network for anchors, by the rows of their photos.

    negatives: of anchors without their own, hardest first; none where no negatives are asked for. nearest: the most
    similar positive. pool: photos that were looked at for negatives. short: anchors with fewer negatives than were
    asked for, because the pool has no more clusters.
    """

    negatives: Mapping[int, Int64]
    nearest: Mapping[int, int]
    pool: int
    short: int


def mine_negatives(
    material: Material, descriptors: Float32, pool: Int64, count: int, *, one_a_cluster: bool
) -> HardNegatives:
    """Mines the hard negatives of each anchor that has none of its own, and the nearest positive of each.

    descriptors: (n, D) L2-normalised, of all photos by row; only those of anchors, their positives and the pool are
    looked at. pool: rows that negatives are taken from. Never is a negative related to the anchor, or of its cluster.
    Where the pool has fewer clusters than `count`, there are as many negatives as it has clusters.

    Source: Radenovic, Tolias & Chum, ECCV 2016, section 4.2 (one of each model); the nearest positive: Arandjelovic et
    al., CVPR 2016, section 4.
    """
    found: dict[int, Int64] = {}
    nearest: dict[int, int] = {}
    anchors = list(material.anchors)
    for start in range(0, len(anchors), BLOCK):
        block = anchors[start : start + BLOCK]
        similarity = descriptors[[one.photo for one in block]] @ descriptors[pool].T
        for one, row in zip(block, similarity, strict=True):
            if not one.negatives:
                order = pool[np.argsort(-row, kind="stable")]
                found[one.photo] = _hardest(order, one.photo, material, count, one_a_cluster)
            if one.positives:
                positives = np.array(one.positives, np.int64)
                best = np.argmax(descriptors[positives] @ descriptors[one.photo])
                nearest[one.photo] = int(positives[best])
    return HardNegatives(found, nearest, len(pool), sum(len(rows) < count for rows in found.values()))


def _hardest(order: Int64, anchor: int, material: Material, count: int, one_a_cluster: bool) -> Int64:
    clusters, related = material.clusters, frozenset(material.related[anchor])
    taken = {int(clusters[anchor])}
    kept: list[int] = []
    for row in order.tolist():
        if len(kept) == count:
            break
        cluster = int(clusters[row])
        if row in related or cluster in taken:
            continue
        kept.append(row)
        if one_a_cluster:
            taken.add(cluster)
    return np.array(kept, np.int64)


def drawn_pool(pool: Int64, count: int, remembered: Sequence[Int64], seed: tuple[int, ...]) -> Int64:
    """Returns rows of the pool that are looked at this time: drawn by seed, and those that were hard before."""
    drawn = pool if len(pool) <= count else np.random.default_rng(list(seed)).choice(pool, count, replace=False)
    return np.unique(np.concatenate([drawn, *remembered])).astype(np.int64)
