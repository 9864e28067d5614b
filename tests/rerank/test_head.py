"""The head of a ranking in a new order, and scores that tell it."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_equals_stay_in_their_order():
    assert reordered(GIVEN, np.ones(5, np.float32)).ids.tolist() == GIVEN.ids.tolist()


def test_no_head():
    found = reordered(GIVEN, np.empty(0, np.float32))
    np.testing.assert_array_equal(found.ids, GIVEN.ids)
    np.testing.assert_array_equal(found.scores, GIVEN.scores)
