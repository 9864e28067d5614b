"""The k best: against sorting everything, with ties by name."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.search.selection import best, is_allowed


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(0, 45), st.randoms())
@settings(max_examples=100, deadline=None)
def test_best_equals_sorting_everything(levels, k, random):
    names = [f"{i:02d}" for i in range(len(levels))]
    random.shuffle(names)
    ids = np.arange(len(levels), dtype=np.int64)
    scores = np.array(levels, np.float32)
    found = best(ids, scores, k, lambda wanted: np.array([names[i] for i in wanted]))
    expected = sorted(range(len(levels)), key=lambda i: (-levels[i], names[i]))[:k]
    np.testing.assert_array_equal(found.ids, expected)
    np.testing.assert_array_equal(found.scores, scores[found.ids])


def test_ids_past_the_mask_are_not_allowed():
    ids = np.array([0, 1, 2, 7])
    np.testing.assert_array_equal(is_allowed(ids, np.array([True, False, True])), [True, False, True, False])
    assert not is_allowed(ids, np.zeros(0, bool)).any()
