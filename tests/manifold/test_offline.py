"""Rows of diffusion that are solved offline."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import ALPHA, descriptors, golden_graph, normalise, normalised_graph, queries, solved

from resight.errors import UsageError
from resight.manifold import offline
from resight.manifold.offline import Offline, diffusion_row_reference, diffusion_rows

N = 300


@pytest.fixture(scope="module")
def x():
    return descriptors(6, N)


@pytest.fixture(scope="module")
def graph(x):
    return normalised_graph(x)


@pytest.fixture(scope="module")
def nearest(x):
    return np.argsort(-(x @ x.T), axis=1, kind="stable")


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("diffusion")
    for case in range(values["n_cases"]):
        graph = golden_graph(values, case)
        items, ids = values[f"case{case}_offline_rows"], values[f"case{case}_offline_ids"]
        found = diffusion_rows(graph, items, ids, ALPHA).toarray()
        expected = np.zeros_like(found)
        np.put_along_axis(expected, ids, (1 - ALPHA) * values[f"case{case}_offline_values"], axis=1)
        tolerance = 1e-4 if values[f"case{case}_kind"] == "banana" else 1e-6
        assert (np.abs(found - expected).max(axis=1) <= tolerance * expected.max(axis=1)).all()


def test_rows_are_the_exact_ones_of_their_part_of_the_graph(graph, nearest):
    items = np.array([5, 0, 299, 5])
    found = diffusion_rows(graph, items, nearest[items, :40]).toarray()
    for row, item in zip(found, items, strict=True):
        expected = diffusion_row_reference(graph, item, nearest[item, :40], ALPHA)
        np.testing.assert_allclose(row, expected, atol=1e-4 * expected.max())
        assert not row[np.setdiff1d(np.arange(N), nearest[item, :40])].any()


def test_rows_of_the_whole_graph_add_up_to_the_closed_form(graph, nearest):
    y = queries(1, N, 4)
    found = Offline(diffusion_rows(graph, np.arange(N), nearest))(y)
    expected = solved(graph, y)
    np.testing.assert_allclose(found, expected, atol=1e-2 * expected.max())
    np.testing.assert_allclose(Offline(diffusion_rows(graph, np.arange(N), nearest))(y[:, 2]), found[:, 2], atol=1e-7)


def test_an_item_that_is_not_first_among_its_nearest_is_still_its_own(graph, nearest):
    own = diffusion_rows(graph, np.array([7]), nearest[[7], :30])
    assert nearest[7, 0] == 7
    moved = np.concatenate([nearest[7, 1:4], [7], nearest[7, 4:30]])[None]
    np.testing.assert_allclose(diffusion_rows(graph, np.array([7]), moved).toarray(), own.toarray(), atol=1e-7)
    absent = np.append(nearest[7, 1:30], nearest[7, 30])[None]
    np.testing.assert_allclose(diffusion_rows(graph, np.array([7]), absent).toarray(), own.toarray(), atol=1e-7)


def test_lists_may_repeat_a_node_and_end_early(graph, nearest):
    expected = diffusion_rows(graph, np.array([7]), nearest[[7], :20]).toarray()
    padded = np.concatenate([nearest[7, :20], nearest[7, 3:9], np.full(500, -1)])[None]
    np.testing.assert_allclose(diffusion_rows(graph, np.array([7]), padded).toarray(), expected, atol=1e-7)
    alone = diffusion_rows(graph, np.array([7]), np.full((1, 5), -1)).toarray()
    np.testing.assert_allclose(alone, (1 - ALPHA) * np.eye(N)[[7]], atol=1e-8)


def test_what_is_not_connected_is_not_stored():
    affinity = np.zeros((9, 9))
    affinity[:4, :4] = affinity[4:8, 4:8] = 1.0
    np.fill_diagonal(affinity, 0.0)
    rows = diffusion_rows(normalise(affinity), np.arange(9), np.tile(np.arange(9), (9, 1)))
    assert np.diff(rows.indptr).tolist() == [4] * 8 + [1]
    np.testing.assert_allclose(rows.toarray(), solved(normalise(affinity), np.eye(9)), atol=1e-6)
    assert rows.has_sorted_indices
    assert rows.dtype == np.float32


def test_progress_and_blocks(graph, nearest, monkeypatch):
    monkeypatch.setattr(offline, "CHUNK", 40)
    told = []
    items = np.arange(100)
    whole = diffusion_rows(graph, items, nearest[:100, :50], progress=lambda done, total: told.append((done, total)))
    assert told == [(40, 100), (80, 100), (100, 100)]
    parts = [diffusion_rows(graph, items[at], nearest[items[at], :50]) for at in (slice(0, 33), slice(33, 100))]
    np.testing.assert_array_equal(np.concatenate([part.toarray() for part in parts]), whole.toarray())


def test_nothing_to_solve(graph):
    assert diffusion_rows(graph, np.empty(0, np.int64), np.empty((0, 10), np.int64)).shape == (0, N)


def test_bad_input_says_so(graph, nearest):
    with pytest.raises(UsageError, match="go together"):
        diffusion_rows(graph, np.arange(3), nearest[:4])
    with pytest.raises(UsageError, match="items 0 to 300"):
        diffusion_rows(graph, np.array([0, 300]), nearest[:2])
    with pytest.raises(UsageError, match="nearest -2"):
        diffusion_rows(graph, np.array([0]), np.array([[0, -2]]))
    with pytest.raises(UsageError, match="alpha"):
        diffusion_rows(graph, np.array([0]), nearest[:1], 1.0)
    with pytest.raises(UsageError, match="eigenvalue above 1"):
        diffusion_rows(graph * 3.0, np.array([0]), nearest[:1])
    with pytest.raises(UsageError, match="all nodes"):
        Offline(diffusion_rows(graph, np.array([0]), nearest[:1]))
    diffuse = Offline(diffusion_rows(graph, np.arange(N), nearest[:, :5]))
    with pytest.raises(UsageError, match="finite"):
        diffuse(np.full(N, np.nan))
    with pytest.raises(UsageError, match="300 nodes"):
        diffuse(np.zeros(5))
