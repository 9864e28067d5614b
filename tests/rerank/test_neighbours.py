"""The smallest entries of rows against a stable sort."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.rerank.neighbours import smallest


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 5), m=st.integers(1, 30), levels=st.integers(1, 40))
def test_it_is_a_stable_sort(seed, n, m, levels):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, levels, (n, m)).astype(np.float64)
    k = int(rng.integers(0, m + 1))
    np.testing.assert_array_equal(smallest(values, k), np.argsort(values, axis=1, kind="stable")[:, :k])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinity_is_taken_last(dtype):
    assert smallest(np.array([[np.inf, 2, np.inf, 1]], dtype), 4).tolist() == [[3, 1, 0, 2]]
