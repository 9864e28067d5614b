"""Rules of purity against plain loops, and clusters that no chain makes."""

from __future__ import annotations

import numpy as np
import pytest

from resight.arrays import Mask
from resight.training.mining.pairs import Links, clusters_of, merged_links, pure_pairs
from resight.training.mining.verified import shared_draws, verified_anchors


def links(count: int, *rows: tuple[int, int, int]) -> Links:
    a, b, inliers = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return Links(count, a, b, inliers)


def drawn(seed: int) -> Links:
    rng = np.random.default_rng(seed)
    n = 30
    some = 200
    return merged_links(n, rng.integers(-1, n, some), rng.integers(-1, n, some), rng.integers(4, 60, some), least=8)


def pure_pairs_reference(links: Links, *, min_inliers: int, top: int, share: float) -> Mask:
    """Computes `pure_pairs` photo by photo."""
    every = list(zip(links.a.tolist(), links.b.tolist(), links.inliers.tolist(), strict=True))
    lists: dict[int, list[tuple[int, int]]] = {}
    for a, b, inliers in every:
        lists.setdefault(a, []).append((-inliers, b))
        lists.setdefault(b, []).append((-inliers, a))
    for own in lists.values():
        own.sort()
    kept = []
    for a, b, inliers in every:
        mutual = (-inliers, b) in lists[a][:top] and (-inliers, a) in lists[b][:top]
        shared = inliers >= share * -lists[a][0][0] and inliers >= share * -lists[b][0][0]
        kept.append(inliers >= min_inliers and (mutual or shared))
    return np.array(kept, np.bool_)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("top", "share"), [(3, 0.7), (0, 0.7), (2, 1.0), (100, 0.5), (0, 1.0)])
def test_pure_pairs_are_those_of_plain_loops(seed: int, top: int, share: float) -> None:
    given = drawn(seed)
    found = pure_pairs(given, min_inliers=20, top=top, share=share)
    assert found.tolist() == pure_pairs_reference(given, min_inliers=20, top=top, share=share).tolist()
    assert 0 < found.sum() < len(given)


def test_a_pair_has_to_be_among_the_best_of_both() -> None:
    # 0 has three better ones than 4; 4 has nothing better than 0.
    given = links(5, (0, 1, 90), (0, 2, 80), (0, 3, 70), (0, 4, 25))
    assert pure_pairs(given, min_inliers=20, top=3, share=1.0).tolist() == [True, True, True, False]
    assert pure_pairs(given, min_inliers=20, top=4, share=1.0).all()
    assert pure_pairs(given, min_inliers=75, top=4, share=1.0).tolist() == [True, True, False, False]
    assert pure_pairs(given, min_inliers=20, top=0, share=0.8).tolist() == [True, True, False, False]


def test_of_several_links_of_a_pair_the_one_with_most_inliers_counts() -> None:
    sources, others = np.array([2, 0, 1, 1, -1, 0]), np.array([0, 2, 1, 0, 0, 3])
    found = merged_links(4, sources, others, np.array([9, 12, 50, 8, 40, 7]), least=8)
    assert list(zip(found.a, found.b, found.inliers, strict=True)) == [(0, 1, 8), (0, 2, 12)]
    assert found.degrees.tolist() == [2, 1, 1, 0]


def test_one_pair_makes_no_cluster_of_two() -> None:
    triangle = [(0, 1, 90), (0, 2, 80), (1, 2, 85), (3, 4, 90), (3, 5, 80), (4, 5, 85)]
    bridged = links(7, *triangle, (2, 3, 99))
    every = np.ones(len(bridged), np.bool_)
    # 2 and 3 are joined first, by the strongest pair, and others join them only by two.
    assert len(set(clusters_of(bridged, every, 60).tolist())) > 1
    weak = links(7, *triangle, (2, 3, 70))
    assert clusters_of(weak, np.ones(len(weak), np.bool_), 60).tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert clusters_of(weak, np.zeros(len(weak), np.bool_), 60).tolist() == list(range(7))


def test_anchors_of_large_neighbourhoods_are_drawn_less_often() -> None:
    given = links(5, (0, 1, 30), (0, 2, 50), (0, 3, 40), (1, 2, 9))
    names = ["a", "b", "c", "d", "e"]
    pairs = given.inliers >= 20
    anchors = {anchor.name: anchor for anchor in verified_anchors(names, given, pairs, 2, 0.5)}
    assert [(one.name, one.evidence) for one in anchors["a"].positives] == [("c", 50.0), ("d", 40.0)]
    assert anchors["b"].positives[0].name == "a"
    assert [anchors[name].weight for name in "abcd"] == [1 / 4, 1 / 3, 1 / 3, 1 / 2]
    assert anchors["e"].positives == ()
    assert anchors["e"].weight == 1.0
    assert [anchor.name for anchor in verified_anchors(names, given, pairs, 2, 0.0)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("alone", [0.1, 0.5, 0.9])
def test_photos_without_pairs_get_their_share_of_draws_at_most(alone: float) -> None:
    weights, paired = np.array([0.5, 0.5, 1.0, 1.0, 1.0, 1.0]), np.array([True, True, False, False, False, False])
    factor = shared_draws(weights, paired, alone)
    of_others = factor * weights[~paired].sum()
    assert factor <= 1.0
    assert of_others / (of_others + weights[paired].sum()) == pytest.approx(min(alone, 0.8))
    assert shared_draws(weights, np.zeros(6, np.bool_), alone) == 1.0
    assert shared_draws(weights, np.ones(6, np.bool_), alone) == 1.0
