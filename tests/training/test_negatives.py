"""Hard negatives are the nearest that show something else, at most one of each cluster."""

from __future__ import annotations

import numpy as np

from resight.training.material import AnchorRow, Material
from resight.training.negatives import drawn_pool, mine_negatives


def world(seed: int = 0) -> tuple[Material, np.ndarray]:
    rng = np.random.default_rng(seed)
    count = 60
    x = rng.standard_normal((count, 8)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    clusters = rng.integers(0, 12, count)
    related = [frozenset([row, *rng.integers(0, count, 5).tolist()]) for row in range(count)]
    anchors = [AnchorRow(row, (row + 1, row + 2), (), 1.0) for row in range(0, 40, 5)]
    return Material(anchors, np.arange(0, count, 2), clusters, related), x


def naive(material: Material, x: np.ndarray, anchor: int, count: int, single: bool) -> list[int]:
    """Ten obvious lines."""
    kept: list[int] = []
    for row in sorted(material.pool.tolist(), key=lambda row: -float(x[row] @ x[anchor])):
        same = material.clusters[row] == material.clusters[anchor]
        taken = single and any(material.clusters[row] == material.clusters[one] for one in kept)
        if not same and not taken and row not in material.related[anchor] and len(kept) < count:
            kept.append(row)
    return kept


def test_they_are_those_of_a_naive_search() -> None:
    for seed in range(5):
        material, x = world(seed)
        for single in (True, False):
            mined = mine_negatives(material, x, material.pool, 4, one_a_cluster=single)
            for anchor, rows in mined.negatives.items():
                assert rows.tolist() == naive(material, x, anchor, 4, single)


def test_fewer_clusters_than_negatives_give_fewer() -> None:
    material, x = world()
    mined = mine_negatives(material, x, material.pool, 30, one_a_cluster=True)
    assert mined.short == len(material.anchors)
    for anchor, rows in mined.negatives.items():
        assert 0 < len(rows) <= 11
        assert material.clusters[anchor] not in material.clusters[rows]


def test_the_nearest_positive_is_found() -> None:
    material, x = world()
    mined = mine_negatives(material, x, material.pool, 1, one_a_cluster=True)
    for one in material.anchors:
        assert mined.nearest[one.photo] == max(one.positives, key=lambda row: float(x[row] @ x[one.photo]))


def test_the_pool_keeps_what_was_hard_before() -> None:
    pool = drawn_pool(np.arange(100), 10, [np.array([7, 8]), np.array([9])], (1, 2))
    assert {7, 8, 9} <= set(pool.tolist())
    assert 10 <= len(pool) <= 13
    assert pool.tolist() == drawn_pool(np.arange(100), 10, [np.array([7, 8]), np.array([9])], (1, 2)).tolist()
