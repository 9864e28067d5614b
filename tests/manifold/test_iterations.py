"""Diffusion step by step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array

from resight.errors import UsageError
from resight.manifold.iterations import iterations


def affinities(n: int = 12, seed: int = 0) -> csr_array:
    """A symmetrically normalised graph, one of whose nodes stands alone."""
    a = np.triu(np.random.default_rng(seed).random((n, n)) * (np.random.default_rng(seed + 1).random((n, n)) < 0.4), 1)
    a[:, -1] = 0
    a = a + a.T
    degrees = a.sum(axis=1)
    scale = np.where(degrees > 0, 1 / np.sqrt(np.where(degrees > 0, degrees, 1)), 0)
    return csr_array(a * scale[:, None] * scale)


def test_each_state_follows_from_the_one_before() -> None:
    s, y = affinities(), np.eye(12)[3]
    states = iterations(s, y, 0.9, 5)
    assert states.shape == (6, 12)
    assert np.array_equal(states[0], y)
    for before, after in pairwise(states):
        for i in range(12):
            expected = 0.9 * sum(s[i, j] * before[j] for j in range(12)) + 0.1 * y[i]
            assert after[i] == pytest.approx(expected, abs=1e-14)


def test_the_states_go_to_the_closed_form() -> None:
    s, y = affinities(), np.eye(12)[3] + np.eye(12)[11]
    limit = 0.1 * np.linalg.solve(np.eye(12) - 0.9 * s.toarray(), y)
    assert iterations(s, y, 0.9, 400)[-1] == pytest.approx(limit, abs=1e-12)
    assert limit[11] == pytest.approx(0.1)


def test_several_queries_add_up() -> None:
    s, one, other = affinities(), np.eye(12)[1], np.eye(12)[7]
    together = iterations(s, one + other, 0.99, 30)
    assert together == pytest.approx(iterations(s, one, 0.99, 30) + iterations(s, other, 0.99, 30))


def test_nonsense_is_refused() -> None:
    s, y = affinities(), np.zeros(12)
    with pytest.raises(UsageError, match="value a node"):
        iterations(s, np.zeros(11), 0.9, 3)
    with pytest.raises(UsageError, match="not all values"):
        iterations(s, np.full(12, np.nan), 0.9, 3)
    for alpha in (1.0, -0.1, np.nan):
        with pytest.raises(UsageError, match="alpha"):
            iterations(s, y, alpha, 3)
    with pytest.raises(UsageError, match="-1 iterations"):
        iterations(s, y, 0.9, -1)
