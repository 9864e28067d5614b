"""Approximate neighbours: near the exact ones on clusters, lists of the same kind, a recall that is true."""

from __future__ import annotations

import numpy as np
import pytest

from resight.errors import UsageError
from resight.manifold import approximate
from resight.manifold.approximate import approximate_neighbours
from resight.manifold.graph import mutual_affinity, nearest_neighbours


def clustered(seed, n, d=24):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, d))[rng.integers(40, size=n)] + 0.4 * rng.standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def cells(monkeypatch):
    """Uses cells where there are few rows, too."""
    monkeypatch.setattr(approximate, "EXACT", 100)


@pytest.fixture(scope="module")
def x():
    x = clustered(0, 4000)
    x[[5, 1700]] = 0.0
    x[2000:2080] = x[2000]
    return x


def test_most_neighbours_are_the_nearest(cells, x):
    found, recall = approximate_neighbours(x, 10)
    exact = nearest_neighbours(x, 10)
    last = exact.similarities[:, -1:]
    held = ((found.similarities >= last) & (found.ids >= 0)).sum() / (exact.ids >= 0).sum()
    assert held > 0.9
    assert recall == pytest.approx(held, abs=0.05)
    assert mutual_affinity(found, 10).nnz > 0.85 * mutual_affinity(exact, 10).nnz


def test_lists_are_of_the_kind_of_exact_ones(cells, x):
    found, _ = approximate_neighbours(x, 10)
    assert found.ids.dtype == np.int32
    assert found.similarities.dtype == np.float32
    assert not (found.ids == np.arange(len(x))[:, None]).any()
    assert (found.ids[[5, 1700]] == -1).all()
    assert not np.isin(found.ids, [5, 1700]).any()
    for row in (0, 77, 2000, 2040, 3999):
        ids = found.ids[row]
        assert len(set(ids.tolist())) == 10
        exact = (x[ids].astype(np.float64) @ x[row].astype(np.float64)).astype(np.float32)
        np.testing.assert_allclose(found.similarities[row], exact, rtol=1e-7)
        order = np.lexsort((ids, -found.similarities[row]))
        np.testing.assert_array_equal(order, np.arange(10))


def test_all_cells_hold_all_neighbours(cells, x):
    found, recall = approximate_neighbours(x, 10, probes=1000)
    exact = nearest_neighbours(x, 10)
    assert recall == 1.0
    np.testing.assert_array_equal(found.similarities, exact.similarities)
    # Which of eighty copies come last in a list is left open.
    others = ~np.isin(exact.ids, np.arange(2000, 2080)).any(axis=1)
    assert others.sum() > 3500
    np.testing.assert_array_equal(found.ids[others], exact.ids[others])


def test_fewer_cells_find_fewer(cells, x):
    few, many = approximate_neighbours(x, 40, probes=1)[1], approximate_neighbours(x, 40, probes=20)[1]
    assert few < many


def test_more_neighbours_than_the_cells_hold(cells):
    x = clustered(1, 300)
    found, _ = approximate_neighbours(x, 290, probes=1)
    assert (found.ids == -1).any()
    assert not found.similarities[found.ids == -1].any()
    held = found.ids >= 0
    assert (held[:, :-1] >= held[:, 1:]).all()


def test_the_same_again(cells, x):
    one, other = approximate_neighbours(x, 10, seed=3), approximate_neighbours(x, 10, seed=3)
    np.testing.assert_array_equal(one[0].ids, other[0].ids)
    assert one[1] == other[1]


def test_progress(cells, x, monkeypatch):
    monkeypatch.setattr(approximate, "BLOCK", 1000)
    told = []
    approximate_neighbours(x, 3, progress=lambda *counts: told.append(counts))
    assert told == [(1000, 3998), (2000, 3998), (3000, 3998), (3998, 3998)]


@pytest.mark.parametrize("n", [0, 1, 500])
def test_few_rows_are_compared_exactly(n):
    x = clustered(2, n)
    found, recall = approximate_neighbours(x, 5)
    np.testing.assert_array_equal(found.ids, nearest_neighbours(x, 5).ids)
    assert recall == 1.0


def test_only_zero_rows(cells):
    found, recall = approximate_neighbours(np.zeros((300, 8), np.float32), 2)
    assert (found.ids == -1).all()
    assert recall == 1.0


def test_bad_input(cells, x):
    for k, probes in [(0, 1), (1, 0)]:
        with pytest.raises(UsageError, match="at least 1"):
            approximate_neighbours(x, k, probes=probes)
    wrong = x.copy()
    wrong[321, 3] = np.nan
    with pytest.raises(UsageError, match="row 321"):
        approximate_neighbours(wrong, 3)
