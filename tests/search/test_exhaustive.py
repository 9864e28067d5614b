"""Exhaustive comparison, against a loop over all pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from resight.search.exhaustive import ExhaustiveSearch, ThingBlock, ThingRows
from resight.search.ranking import Verification

VALUES = [5, 9, 1, 7, 7, 3, 8, 2]


def compare(query, value):
    """Numbers match unless they differ by more than 5; nearer is better."""
    distance = abs(query - value)
    points = np.full((1, 2), value, np.float32)
    return None if distance > 5 else Verification(np.eye(3), points, points, 10.0 - distance)


def block(values, ids):
    return ThingBlock(values.__getitem__, np.array(ids, np.int64), np.ones(len(ids), bool))


BLOCKS = [block(VALUES[:3], [10, 11, 12]), block(VALUES[3:], [20, 21, 22, 23, 24])]


@pytest.fixture
def search():
    return ExhaustiveSearch(ThingRows(BLOCKS, compare))


def naive(query, values_by_id, k):
    scores = {i: 10 - abs(query - v) for i, v in values_by_id.items() if abs(query - v) <= 5}
    best = sorted(scores, key=lambda i: (-scores[i], i))[:k]
    return best, [scores[i] for i in best]


EVERY = dict(zip([10, 11, 12, 20, 21, 22, 23, 24], VALUES, strict=True))


@pytest.mark.parametrize("query", [0, 5, 7, 100])
@pytest.mark.parametrize("k", [1, 3, 50])
def test_equals_a_loop_over_all_pairs(search, query, k):
    found = search.search(query, k)
    ids, scores = naive(query, EVERY, k)
    assert found.ids.tolist() == ids
    assert found.scores.tolist() == scores


def test_evidence_is_that_of_the_hits_and_no_other(search):
    found = search.search(7, 3)
    assert list(found.verified) == found.ids.tolist()
    for image, why in found.verified.items():
        assert why.image_xy[0, 0] == EVERY[image]


def test_equal_scores_come_in_the_order_of_names():
    backwards = ExhaustiveSearch(ThingRows(BLOCKS, compare), lambda ids: -ids)
    assert backwards.search(7, 1).ids.tolist() == [21]
    assert ExhaustiveSearch(ThingRows(BLOCKS, compare)).search(7, 1).ids.tolist() == [20]


def test_only_allowed_images_are_compared():
    asked = []

    def watched(query, value):
        asked.append(value)
        return compare(query, value)

    allowed = np.zeros(21, bool)
    allowed[[11, 20]] = True
    search = ExhaustiveSearch(ThingRows(BLOCKS, watched))
    assert search.search(8, 9, allowed).ids.tolist() == [11, 20]
    assert sorted(asked) == [7, 9]


def test_removed_images_are_not_compared():
    blocks = [replace(one, alive=~np.isin(one.ids, [11, 20])) for one in BLOCKS]
    left = {image: value for image, value in EVERY.items() if image not in (11, 20)}
    assert ExhaustiveSearch(ThingRows(blocks, compare)).search(6, 50).ids.tolist() == naive(6, left, 50)[0]


def test_threads_change_nothing():
    blocks = [block(VALUES, list(EVERY))]
    one, four = (ExhaustiveSearch(ThingRows(blocks, compare, threads)).search(6, 50) for threads in (1, 4))
    np.testing.assert_array_equal(one.ids, four.ids)
    assert list(one.verified) == list(four.verified)


def test_nothing_compared_is_no_hits(search):
    assert len(search.search(100, 5)) == 0
    assert len(ExhaustiveSearch(ThingRows([], compare)).search(7, 5)) == 0
    assert len(search.search(7, 0)) == 0
