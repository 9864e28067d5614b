"""The head of a ranking in a new order, and scores that tell it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resight.rerank.head import reordered
from resight.search.ranking import Ranking

GIVEN = Ranking(np.array([4, 2, 9, 7, 5]), np.array([0.9, 0.8, 0.6, 0.5, 0.1], np.float32))


@pytest.mark.parametrize("scores", [[0.2, 0.7, 0.3], [5.0, 6.0, 5.5], [-3.0, -1.0, -2.0], [0.5, 0.7, 0.6]])
def test_the_head_is_ordered_and_the_rest_stays_behind(scores):
    found = reordered(GIVEN, np.array(scores, np.float32))
    assert found.ids.tolist() == [2, 9, 4, 7, 5]
    assert found.scores.dtype == np.float32
    assert (np.diff(found.scores) < 0).all()
    np.testing.assert_array_equal(found.scores[:3], np.sort(np.float32(scores))[::-1])
    assert found.scores[3] - found.scores[4] == pytest.approx(0.4)


@given(st.data())
def test_scores_never_rise_and_the_rest_is_below_the_head(data):
    floats = st.floats(data.draw(st.sampled_from([-1e6, -1.0, 0.0])), data.draw(st.sampled_from([1.0, 1e6])), width=32)
    scores = np.sort(np.array(data.draw(st.lists(floats, min_size=2, max_size=8)), np.float32))[::-1]
    head = data.draw(st.lists(floats, min_size=1, max_size=len(scores) - 1))
    found = reordered(Ranking(np.arange(len(scores)), scores), np.array(head, np.float32)).scores
    assert found.dtype == np.float32
    assert (np.diff(found) <= 0).all()
    assert found[len(head)] < found[len(head) - 1]


def test_equals_stay_in_their_order():
    assert reordered(GIVEN, np.ones(5, np.float32)).ids.tolist() == GIVEN.ids.tolist()


def test_no_head():
    found = reordered(GIVEN, np.empty(0, np.float32))
    np.testing.assert_array_equal(found.ids, GIVEN.ids)
    np.testing.assert_array_equal(found.scores, GIVEN.scores)
