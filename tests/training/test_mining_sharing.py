"""Points that photos share, and the strategies that choose positives by them."""

from __future__ import annotations

import numpy as np
import pytest

from resight.training.mining.reconstruction import Model, PairMatches
from resight.training.mining.sharing import (
    Shared,
    at_random,
    matched_points,
    most_points,
    nearest,
    shared_points,
    together,
)


def random_model(seed: int, photos: int = 5, points: int = 30) -> Model:
    rng = np.random.default_rng(seed)
    seen = [np.sort(rng.permutation(points)[: rng.integers(3, 15)]) for _ in range(photos)]
    return Model(np.arange(photos) * 2, np.zeros((photos, 3)), seen, [rng.uniform(1, 3, len(own)) for own in seen])


@pytest.mark.parametrize("seed", range(3))
def test_shared_points_are_those_of_a_loop(seed: int) -> None:
    model = random_model(seed)
    found = shared_points([model])
    for a in range(5):
        expected = []
        for b in range(5):
            both = sorted(set(model.points[a].tolist()) & set(model.points[b].tolist()))
            if a == b or not both:
                continue
            ratios = [
                model.zooms[a][model.points[a].tolist().index(p)] / model.zooms[b][model.points[b].tolist().index(p)]
                for p in both
            ]
            zoom = float(np.exp(np.median(np.log(ratios))))
            expected.append((2 * b, len(both), len(both) / len(model.points[a]), max(zoom, 1 / zoom)))
        told = [(one.other, one.points, one.share, one.zoom) for one in found.get(2 * a, ())]
        assert [one[:2] for one in told] == [one[:2] for one in expected]
        assert np.allclose(np.array(told, float), np.array(expected, float))


def test_of_a_pair_in_two_models_the_one_with_more_points_counts() -> None:
    few = Model(np.array([0, 1]), np.zeros((2, 3)), [np.arange(2), np.arange(2)], [np.ones(2), np.ones(2)])
    many = Model(np.array([0, 1]), np.zeros((2, 3)), [np.arange(4), np.arange(3)], [np.ones(4), np.full(3, 2.0)])
    for models in ([few, many], [many, few]):
        found = shared_points(models)
        assert [(one.other, one.points, one.share) for one in found[0]] == [(1, 3, 0.75)]
        assert [(one.other, one.points, one.share) for one in found[1]] == [(0, 3, 1.0)]
        assert found[0][0].zoom == found[1][0].zoom == pytest.approx(2.0)


def test_matches_stand_for_points_where_there_is_no_model() -> None:
    scales = [np.array([2, 4, 8, 2], np.float32), np.array([1, 2, 4], np.float32), np.array([5], np.float32)]
    matches = [
        PairMatches(0, 1, np.array([[0, 0], [1, 1], [2, 2]])),
        PairMatches(0, 2, np.array([[3, 0]])),
    ]
    found = matched_points(scales, matches, [(100, 50), (100, 50), (50, 100)])
    assert [(one.other, one.points, one.share) for one in found[0]] == [(1, 3, 0.75), (2, 1, 0.25)]
    assert [one.zoom for one in found[0]] == pytest.approx([2.0, 2.5])
    assert [(one.other, one.points, one.share) for one in found[1]] == [(0, 3, 1.0)]


def test_matches_count_only_where_a_photo_is_in_no_model() -> None:
    points = {0: [Shared(1, 9, 1.0, 1.0)], 1: [Shared(0, 9, 1.0, 1.0)]}
    matches = {
        0: [Shared(1, 5, 1.0, 1.0), Shared(2, 4, 1.0, 1.0)],
        1: [Shared(0, 5, 1.0, 1.0)],
        2: [Shared(0, 4, 1.0, 1.0)],
    }
    joined = together(points, matches, frozenset({0, 1}))
    assert joined == {
        0: [Shared(1, 9, 1.0, 1.0), Shared(2, 4, 1.0, 1.0)],
        1: [Shared(0, 9, 1.0, 1.0)],
        2: [Shared(0, 4, 1.0, 1.0)],
    }


OTHERS = [
    Shared(1, 50, 0.5, 1.2),
    Shared(2, 80, 0.8, 1.6),
    Shared(3, 20, 0.2, 1.5),
    Shared(4, 19, 0.19, 1.0),
    Shared(5, 50, 0.5, 1.0),
]


def test_strategies_choose_as_the_papers_do() -> None:
    assert [one.other for one in most_points(OTHERS, 1)] == [2]
    assert [one.other for one in most_points(OTHERS, 3)] == [2, 1, 5]
    assert [one.other for one in nearest(OTHERS, {1: 0.1, 2: 0.3, 3: 0.9, 4: 0.2, 5: 0.9}.__getitem__, 2)] == [3, 5]
    rng = np.random.default_rng(0)
    assert [one.other for one in at_random(OTHERS, rng, share=0.2, zoom=1.5, count=0)] == [1, 5, 3]


def test_a_draw_at_random_is_even_and_repeats() -> None:
    def drawn(seed: int) -> list[int]:
        return [one.other for one in at_random(OTHERS, np.random.default_rng(seed), share=0.2, zoom=1.5, count=1)]

    counts = np.bincount([drawn(seed)[0] for seed in range(600)], minlength=6)
    assert drawn(7) == drawn(7)
    assert counts[[0, 2, 4]].tolist() == [0, 0, 0]
    assert counts[[1, 3, 5]].min() > 150
