"""Matching regions with regions against a loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.descriptors import cross_matching
from resight.descriptors.cross_matching import (
    BLOCK,
    NOTHING,
    best_similarities,
    best_similarities_reference,
    cross_distance,
    cross_match,
    distance_match,
    image_match,
    image_sum_match,
    sum_similarities,
    symmetric_match,
)
from resight.errors import UsageError


def random_regions(rng: np.random.Generator, counts, d=8):
    rows = rng.normal(size=(sum(counts), d)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=30), st.integers(1, 5), st.integers(1, 9), st.integers(0, 10**6))
def test_best_similarities_equal_the_loop_in_any_blocks(counts, r, block, seed):
    rng = np.random.default_rng(seed)
    rows, offsets = random_regions(rng, counts)
    query = random_regions(rng, [r])[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_matching, "BLOCK", block)
        found = best_similarities(query, rows, offsets)
    np.testing.assert_allclose(found, best_similarities_reference(query, rows, offsets), atol=1e-6)


def test_scores_are_means_over_the_regions_of_the_query():
    rng = np.random.default_rng(1)
    rows, offsets = random_regions(rng, [3, 1, 0, 4])
    query = random_regions(rng, [5])[0]
    for image in range(4):
        own = rows[offsets[image] : offsets[image + 1]]
        if len(own):
            similarity = np.mean([max(float(q @ region) for region in own) for q in query])
            distance = np.mean([min(np.linalg.norm(q - region) for region in own) for q in query])
        else:
            similarity, distance = -1.0, 2.0
        assert cross_match(query, rows, offsets)[image] == pytest.approx(similarity, abs=1e-6)
        assert cross_distance(query, rows, offsets)[image] == pytest.approx(distance, abs=1e-6)


def test_distances_are_scores_of_the_same_order_and_of_the_range_of_similarities():
    rows, offsets = random_regions(np.random.default_rng(10), [5, 1, 0, 4, 3, 6])
    query = np.concatenate([rows[6:10], random_regions(np.random.default_rng(11), [3])[0]])
    distances, scores = cross_distance(query, rows, offsets), distance_match(query, rows, offsets)
    assert np.argsort(-scores).tolist() == np.argsort(distances).tolist()
    assert scores[2] == NOTHING
    assert ((scores >= NOTHING) & (scores <= 1)).all()
    one = distance_match(query[:1], rows, offsets)
    np.testing.assert_allclose(one, cross_match(query[:1], rows, offsets), atol=1e-6)
    assert distance_match(rows[6:10], rows, offsets)[3] == pytest.approx(1.0, abs=1e-6)
    # Of two images that match a query as well on average, the one that matches one region exactly is nearer.
    query, rows = np.eye(3, dtype=np.float32)[:2], np.array([[1, 0, 0], [0.5, 0.5, 0.5**0.5]], np.float32)
    assert np.diff(cross_match(query, rows, np.array([0, 1, 2])))[0] == pytest.approx(0.0, abs=1e-6)
    assert np.diff(distance_match(query, rows, np.array([0, 1, 2])))[0] < -0.1


def test_an_image_finds_itself_first_and_order_inside_an_image_does_not_matter():
    rng = np.random.default_rng(2)
    rows, offsets = random_regions(rng, [4] * 10)
    scores = cross_match(rows[8:12], rows, offsets)
    assert scores.argmax() == 2
    assert scores[2] == pytest.approx(1.0, abs=1e-6)
    turned = rows.reshape(10, 4, -1)[:, ::-1].reshape(40, -1)
    np.testing.assert_allclose(cross_match(rows[8:12], turned, offsets), scores, atol=1e-6)


def test_shapes_that_do_not_go_together_are_told():
    rows, offsets = random_regions(np.random.default_rng(3), [2, 2])
    for query in (rows[:0], rows[:, :5], rows[0]):
        with pytest.raises(UsageError, match="cannot be compared"):
            distance_match(query, rows, offsets)
    for wrong in ([0, 2], [0, 3, 2, 4], [1, 4], []):
        with pytest.raises(UsageError, match="do not share out 4 regions"):
            cross_match(rows, rows, np.array(wrong, np.int64))


def test_symmetric_matching_asks_the_regions_of_both():
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(3 * BLOCK // 2, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    query = rows[:7] + np.float32(0.1)
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    offsets = np.array([0, 5, 5, BLOCK - 3, BLOCK + 9, len(rows)])
    found = symmetric_match(query, rows, offsets)
    for image in (0, 2, 3, 4):
        similarity = query @ rows[offsets[image] : offsets[image + 1]].T
        expected = (similarity.max(axis=1).mean() + similarity.max(axis=0).mean()) / 2
        assert found[image] == pytest.approx(expected, abs=1e-5)
    assert found[1] == NOTHING
    swapped = symmetric_match(rows[:5], query, np.array([0, len(query)]))
    assert swapped[0] == pytest.approx(found[0], abs=1e-6)


@pytest.mark.parametrize("block", [1, 3, BLOCK])
def test_image_matching_asks_the_regions_of_the_image(block, monkeypatch):
    monkeypatch.setattr(cross_matching, "BLOCK", block)
    rows, offsets = random_regions(np.random.default_rng(6), [4, 0, 7, 1])
    query = random_regions(np.random.default_rng(7), [5])[0]
    found, both = image_match(query, rows, offsets), image_sum_match(query, rows, offsets)
    sums = sum_similarities(query, rows, offsets)
    for image in (0, 2, 3):
        own = rows[offsets[image] : offsets[image + 1]]
        best = np.mean([max(float(region @ q) for q in query) for region in own])
        one, other = own.sum(axis=0), query.sum(axis=0)
        cosine = float(one @ other) / (np.linalg.norm(one) * np.linalg.norm(other))
        assert found[image] == pytest.approx(best, abs=1e-6)
        assert sums[image] == pytest.approx(cosine, abs=1e-6)
        assert both[image] == pytest.approx((best + 0.3 * cosine) / 1.3, abs=1e-6)
    assert found[1] == both[1] == NOTHING
    assert sums[1] == 0.0


def test_clutter_of_the_query_costs_an_image_nothing():
    rows, offsets = random_regions(np.random.default_rng(8), [4] * 6)
    clutter = random_regions(np.random.default_rng(9), [20])[0]
    query = np.concatenate([rows[8:12], clutter])
    assert image_match(query, rows, offsets)[2] == pytest.approx(1.0, abs=1e-6)
    assert cross_match(query, rows, offsets)[2] < 0.9


def test_opposite_regions_sum_to_nothing():
    query = np.array([[1.0, 0.0]], np.float32)
    rows = np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)
    assert sum_similarities(query, rows, np.array([0, 2])).tolist() == [0.0]
    assert len(sum_similarities(query, rows[:0], np.array([0]))) == 0
