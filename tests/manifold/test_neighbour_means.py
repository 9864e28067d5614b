"""Diffusion that averages, against its definition, and what it promises to things with few photos."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array, eye_array

from resight.manifold.neighbour_means import averaging
from resight.manifold.diffusion import ConjugateGradient
from resight.manifold.graph import normalised

ALPHA = 0.8


def affinity(seed, nodes=60, edges=240):
    """(n, n) random affinities, some of nodes with themselves; the last node has none."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(nodes - 1, size=(2, edges))
    half = csr_array((rng.uniform(0.05, 1, edges), (rows, columns)), shape=(nodes, nodes))
    return csr_array(half + half.T)


def solver(a):
    return averaging(ConjugateGradient(normalised(a), ALPHA, tolerance=1e-12, iterations=1000), a)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_walk_along_the_rows(seed):
    a = affinity(seed)
    sums = a.toarray().sum(axis=1)
    walk = a.toarray() / np.where(sums > 0, sums, 1)[:, None]
    y = np.random.default_rng(seed).uniform(0, 1, (60, 4))
    expected = (1 - ALPHA) * np.linalg.solve(np.eye(60) - ALPHA * walk, y)
    np.testing.assert_allclose(solver(a)(y), expected, rtol=1e-7)
    np.testing.assert_allclose(solver(a)(y[:, 0]), expected[:, 0], rtol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_no_node_is_given_more_than_the_best_was(seed):
    a = csr_array(affinity(seed) + eye_array(60))
    y = np.full(60, 0.5)
    y[np.random.default_rng(seed).choice(60, 10, replace=False)] = 0.4
    averaged = solver(a)(y)
    assert averaged.min() >= 0.4 - 1e-9
    assert averaged.max() <= 0.5 + 1e-9
    # The symmetric graph gives more to nodes with large sums.
    assert ConjugateGradient(normalised(a), ALPHA)(y).max() > 0.55


def test_a_node_without_others_keeps_what_it_was_given_before_a_hub():
    # Node 0 is alone; 1 is the hub of a star of 2 to 7, all found a little worse than node 0.
    rows = np.array([1] * 6 + list(range(2, 8)))
    columns = np.array(list(range(2, 8)) + [1] * 6)
    a = csr_array((np.ones(12), (rows, columns)), shape=(8, 8)) + eye_array(8)
    y = np.array([1.0] + [0.9] * 7)
    assert np.argmax(ConjugateGradient(normalised(a), ALPHA)(y)) == 1
    averaged = solver(csr_array(a))(y)
    np.testing.assert_allclose(averaged, y, rtol=1e-7)
