"""Nearest neighbours and the graph of the mutual ones: definitions row by row, golden values, growing, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from resight.errors import UsageError
from resight.manifold import comparison, graph
from resight.manifold.graph import (
    Neighbours,
    mutual_affinity,
    mutual_affinity_reference,
    nearest_neighbours,
    normalised,
    with_added,
    without,
)


def unit_rows(seed, n, d=16):
    x = np.random.default_rng(seed).standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def tied_rows(seed, n):
    """Few different rows, some of them zero: their inner products are exact, and nearly all are tied."""
    return (np.random.default_rng(seed).integers(-1, 2, (n, 4)) / 2).astype(np.float32)


def reference(x, k):
    """Neighbours by sorting all others of each row by similarity, then by number."""
    similarity = (x.astype(np.float64) @ x.astype(np.float64).T).astype(np.float32)
    ids, similarities = np.full((len(x), k), -1, np.int32), np.zeros((len(x), k), np.float32)
    alive = x.any(axis=1)
    for i in np.flatnonzero(alive):
        others = np.flatnonzero(alive)
        others = others[others != i]
        nearest = others[np.lexsort((others, -similarity[i, others]))][:k]
        ids[i, : len(nearest)], similarities[i, : len(nearest)] = nearest, similarity[i, nearest]
    return Neighbours(ids, similarities)


def assert_same(found, expected):
    assert found.ids.dtype == np.int32
    assert found.similarities.dtype == np.float32
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_array_equal(found.similarities, expected.similarities)


@pytest.fixture(params=[2048, 32], ids=["one tile", "many tiles"])
def tile(request, monkeypatch):
    for module in (comparison, graph):
        monkeypatch.setattr(module, "TILE", request.param)


@pytest.mark.parametrize("k", [1, 7, 60, 149, 150, 400])
def test_nearest_neighbours(tile, k):
    x = unit_rows(0, 150)
    x[[3, 77]] = 0.0
    x[[20, 90, 91]] = x[5]
    assert_same(nearest_neighbours(x, k), reference(x, k))


@pytest.mark.parametrize("k", [1, 5, 40])
def test_equally_near_ones_are_in_order_of_their_numbers(tile, k):
    x = tied_rows(1, 300)
    assert_same(nearest_neighbours(x, k), reference(x, k))


def test_copies_of_a_row_are_its_neighbours_and_it_is_not_its_own():
    x = np.repeat(unit_rows(2, 3), 40, axis=0)
    found = nearest_neighbours(x, 30)
    assert not (found.ids == np.arange(120)[:, None]).any()
    assert (found.ids // 40 == np.arange(120)[:, None] // 40).all()
    np.testing.assert_array_equal(found.ids[50], [j for j in range(40, 71) if j != 50])


def test_rows_nearer_to_each_other_than_a_product_of_matrices_can_tell(tile):
    rng = np.random.default_rng(3)
    x = unit_rows(3, 1, d=128) + rng.normal(0.0, 2e-6, (300, 128))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    found, expected = nearest_neighbours(x, 5), reference(x, 5)
    assert len(np.unique(found.similarities)) < 10
    assert_same(found, expected)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_rows(n):
    found = nearest_neighbours(unit_rows(3, n), 3)
    assert len(found) == n
    assert found.k == 3
    np.testing.assert_array_equal(found.ids, [[1, -1, -1], [0, -1, -1]] if n == 2 else np.full((n, 3), -1))
    np.testing.assert_array_equal(found.similarities[:, 1:], 0.0)
    assert mutual_affinity(found, 1).shape == (n, n)


def test_only_zero_rows():
    found = nearest_neighbours(np.zeros((5, 8), np.float32), 2)
    assert (found.ids == -1).all()
    assert (found.similarities == 0).all()


def test_progress_counts_pairs(tile):
    told = []
    nearest_neighbours(unit_rows(4, 100), 3, lambda *counts: told.append(counts))
    assert told[-1] == (4950, 4950)
    assert told == sorted(told)


def test_it_does_not_depend_on_the_number_of_threads(monkeypatch):
    x = unit_rows(5, 200)
    several = nearest_neighbours(x, 9)
    for module in (comparison, graph):
        monkeypatch.setattr(module, "cores", lambda: 1)
    assert_same(nearest_neighbours(x, 9), several)


@pytest.mark.parametrize(("old", "new"), [(150, 30), (10, 140), (0, 40), (40, 0), (1, 1)])
@pytest.mark.parametrize("rows", [unit_rows, tied_rows])
def test_rows_are_added_as_if_they_had_always_been_there(tile, rows, old, new):
    x = rows(6, old + new)
    for k in (3, 25):
        found = with_added(nearest_neighbours(x[:old], k), x[:old], x[old:])
        assert_same(found, nearest_neighbours(x, k))


def test_rows_added_one_after_the_other():
    x = tied_rows(7, 60)
    found = nearest_neighbours(x[:40], 6)
    for count in range(40, 60):
        found = with_added(found, x[:count], x[count : count + 1])
    assert_same(found, nearest_neighbours(x, 6))


@pytest.mark.parametrize("removed", [[], [0], [149], [5, 5, 20], range(0, 150, 2), range(140), range(150)])
@pytest.mark.parametrize("rows", [unit_rows, tied_rows])
def test_rows_are_removed_as_if_they_had_never_been_there(tile, rows, removed):
    x = rows(8, 150)
    gone = np.array(removed, np.int64)
    for k in (3, 25):
        found = without(nearest_neighbours(x, k), gone, x)
        assert_same(found, nearest_neighbours(np.delete(x, gone, axis=0), k))


def test_added_and_removed_again():
    x = unit_rows(9, 120)
    found = with_added(nearest_neighbours(x[:90], 8), x[:90], x[90:])
    assert_same(without(found, np.arange(90, 120), x), nearest_neighbours(x[:90], 8))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_named(wrong):
    x = unit_rows(10, 20)
    good = nearest_neighbours(x, 3)
    x[13, 2] = wrong
    with pytest.raises(UsageError, match="row 13"):
        nearest_neighbours(x, 3)
    with pytest.raises(UsageError, match="row 13"):
        with_added(good, x, x[:2])
    with pytest.raises(UsageError, match="row 12"):
        without(good, np.array([1]), x)
    without(good, np.array([13]), x)


def test_bad_input():
    x = unit_rows(11, 20)
    found = nearest_neighbours(x, 3)
    with pytest.raises(UsageError, match="0 neighbours"):
        nearest_neighbours(x, 0)
    with pytest.raises(UsageError, match="not \\(n, d\\)"):
        nearest_neighbours(x[0], 3)
    with pytest.raises(UsageError, match="do not belong"):
        with_added(found, x[:19], x)
    with pytest.raises(UsageError, match="cannot be added"):
        with_added(found, x, unit_rows(0, 4, d=8))
    with pytest.raises(UsageError, match="do not belong"):
        without(found, np.array([0]), x[:19])
    for rows in ([20], [-1]):
        with pytest.raises(UsageError, match="cannot all be removed"):
            without(found, np.array(rows), x)
    for k in (0, 4):
        with pytest.raises(UsageError, match="the lists hold 3"):
            mutual_affinity(found, k)
    for gamma in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(UsageError, match="gamma"):
            mutual_affinity(found, 3, gamma)


@pytest.mark.parametrize("gamma", [1.0, 3.0])
@pytest.mark.parametrize("k", [1, 6, 20])
def test_mutual_affinity(k, gamma):
    x = unit_rows(12, 200, d=4)
    x[[0, 50, 199]] = 0.0
    x[30:60] = x[30]
    neighbours = nearest_neighbours(x, 20)
    found, expected = mutual_affinity(neighbours, k, gamma), mutual_affinity_reference(neighbours, k, gamma)
    assert found.dtype == np.float32
    assert found.has_canonical_format
    np.testing.assert_array_equal(found.indptr, expected.indptr)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.data, expected.data)
    dense = found.toarray()
    np.testing.assert_array_equal(dense, dense.T)
    assert not dense.diagonal().any()


def test_opposite_rows_are_not_connected():
    x = np.array([[1, 0], [-1, 0]], np.float32)
    assert mutual_affinity(nearest_neighbours(x, 1), 1).nnz == 0


def test_normalised():
    x = unit_rows(13, 100, d=4)
    x[[7, 99]] = 0.0
    affinity = mutual_affinity(nearest_neighbours(x, 6), 6)
    s = normalised(affinity)
    dense = affinity.toarray().astype(np.float64)
    isolated = dense.sum(axis=1) == 0
    assert isolated[[7, 99]].all()
    scale = np.where(isolated, 0.0, 1.0 / np.sqrt(np.where(isolated, 1.0, dense.sum(axis=1))))
    assert s.dtype == np.float32
    np.testing.assert_allclose(s.toarray(), scale[:, None] * dense * scale, rtol=1e-6)
    assert not s.toarray()[isolated].any()
    assert np.abs(np.linalg.eigvalsh(s.toarray().astype(np.float64))).max() == pytest.approx(1.0, abs=1e-6)
    assert normalised(affinity.astype(np.float64)).dtype == np.float64


@pytest.mark.golden
def test_golden_values_of_the_graph(golden):
    values = golden("diffusion")
    for case in range(values["n_cases"]):
        x = values[f"case{case}_x"]
        k = int(values[f"case{case}_k"]) - 1
        affinity = mutual_affinity(nearest_neighbours(x, k), k, float(values["gamma"]))
        entries = affinity.tocoo()
        order = np.lexsort((values[f"case{case}_graph_cols"], values[f"case{case}_graph_rows"]))
        np.testing.assert_array_equal(entries.row, values[f"case{case}_graph_rows"][order])
        np.testing.assert_array_equal(entries.col, values[f"case{case}_graph_cols"][order])
        np.testing.assert_allclose(entries.data, values[f"case{case}_affinity_values"][order], atol=5e-7)
        np.testing.assert_allclose(normalised(affinity).data, values[f"case{case}_normalised_values"][order], atol=5e-7)
        isolated = np.flatnonzero(np.diff(affinity.indptr) == 0)
        np.testing.assert_array_equal(isolated, np.sort(values[f"case{case}_isolated"]))


def test_rows_with_different_similarities_of_each_other_have_one_affinity():
    ids = np.array([[1, 2], [0, 2], [0, -1]], np.int32)
    similarities = np.array([[0.75, 0.5], [0.25, 0.5], [-0.5, 0.0]], np.float32)
    neighbours = Neighbours(ids, similarities)
    affinity = mutual_affinity(neighbours, 2, 2.0).toarray()
    np.testing.assert_array_equal(affinity, [[0, 0.25, 0], [0.25, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(affinity, mutual_affinity_reference(neighbours, 2, 2.0).toarray())


def test_what_numbers_no_rows_is_refused():
    x = unit_rows(0, 20)
    neighbours = nearest_neighbours(x, 3)
    for wrong in (np.arange(20) < 5, np.array([1.7]), np.array([[1]])):
        with pytest.raises(UsageError, match="row numbers"):
            without(neighbours, wrong, x)
    assert len(without(neighbours, np.array([]), x)) == 20
    for k in (0, 10**12):
        with pytest.raises(UsageError, match="ask for 1 to"):
            nearest_neighbours(x, k)


def test_affinities_that_are_none_are_refused_and_whole_numbers_are_not_cut():
    whole = normalised(csr_array(np.array([[0, 2], [2, 0]])))
    np.testing.assert_allclose(whole.toarray(), [[0, 1], [1, 0]])
    for wrong in (-np.ones((3, 3)), np.full((3, 3), np.nan), np.ones((2, 3))):
        with pytest.raises(UsageError, match="square"):
            normalised(csr_array(wrong))
