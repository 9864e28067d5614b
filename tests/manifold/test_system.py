"""The system of diffusion, with its nodes in an order of its own and without."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import ALPHA, descriptors, normalised_graph, queries, solved

from resight.errors import UsageError
from resight.manifold import system
from resight.manifold.system import LinearSystem, compact


@pytest.fixture(scope="module")
def graph():
    return normalised_graph(descriptors(5, 500, groups=10))


def test_neighbours_are_near_in_the_order_of_a_compact_graph(graph):
    ordered, order = compact(graph)
    np.testing.assert_array_equal(np.sort(order), np.arange(500))
    np.testing.assert_array_equal(ordered.toarray(), graph.toarray()[np.ix_(order, order)])
    assert ordered.has_sorted_indices

    def span(s):
        rows, columns = s.nonzero()
        return np.abs(rows - columns).mean()

    assert span(ordered) < 0.3 * span(graph)


@pytest.mark.parametrize("large", [0, 10**9])
def test_a_solution_is_in_the_order_it_was_asked_in(graph, monkeypatch, large):
    monkeypatch.setattr(system, "LARGE", large)
    y = queries(0, 500, 1)[:, 0]
    start = np.random.default_rng(1).standard_normal(500)
    given = start.copy()
    x, taken, residual = LinearSystem(graph, ALPHA).solve(y, start, 1e-10, 1000)
    np.testing.assert_allclose((1 - ALPHA) * x, solved(graph, y), atol=1e-9)
    np.testing.assert_array_equal(start, given)
    assert 0 < taken < 1000
    assert residual <= 1e-10
    nearer, fewer, _ = LinearSystem(graph, ALPHA).solve(y, x, 1e-10, 1000)
    assert fewer == 0
    np.testing.assert_array_equal(nearer, x)


@pytest.mark.parametrize("large", [0, 10**9])
def test_a_graph_that_is_not_normalised(graph, monkeypatch, large):
    monkeypatch.setattr(system, "LARGE", large)
    with pytest.raises(UsageError, match="not normalised"):
        LinearSystem(3 * graph, ALPHA).solve(queries(0, 500, 1)[:, 0], np.zeros(500), 1e-6, 20)


def test_for_a_single_query_nodes_stay_in_their_order(graph, monkeypatch):
    monkeypatch.setattr(system, "LARGE", 0)
    y = queries(0, 500, 1)[:, 0]
    ordered = LinearSystem(graph, ALPHA).solve(y, np.zeros(500), 1e-10, 1000)[0]
    monkeypatch.setattr(system, "compact", lambda graph: pytest.fail("it takes longer than the query"))
    once = LinearSystem(graph, ALPHA, once=True).solve(y, np.zeros(500), 1e-10, 1000)[0]
    np.testing.assert_allclose(once, ordered, atol=1e-7)
