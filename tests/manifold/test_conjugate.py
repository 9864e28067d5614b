"""The kernel of conjugate gradients against its reference and golden values."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import ALPHA, descriptors, golden_graph, normalise, normalised_graph, queries

from resight.manifold.conjugate import INDEFINITE, conjugate_gradient, conjugate_gradient_reference


@pytest.fixture(scope="module")
def graph():
    return normalised_graph(descriptors(5, 500, groups=10))


def run(graph, y, start, tolerance, iterations):
    x = start.copy()
    return x, *conjugate_gradient(graph.indptr, graph.indices, graph.data, ALPHA, y, x, tolerance, iterations)


@pytest.mark.parametrize("iterations", [0, 1, 7, 300])
@pytest.mark.parametrize("started", [False, True])
def test_conjugate_gradient(graph, iterations, started):
    y = queries(0, 500, 1)[:, 0]
    start = np.random.default_rng(1).standard_normal(500) if started else np.zeros(500)
    x, taken, residual = run(graph, y, start, 1e-8, iterations)
    expected, expected_taken, expected_residual = conjugate_gradient_reference(graph, ALPHA, y, start, 1e-8, iterations)
    np.testing.assert_allclose(x, expected, atol=1e-7 * np.abs(expected).max())
    assert abs(taken - expected_taken) <= 1
    assert residual == pytest.approx(expected_residual, rel=0.2 if iterations == 300 else 1e-6)


@pytest.mark.golden
def test_golden_values_of_conjugate_gradient(golden):
    values = golden("diffusion")
    for case in range(values["n_cases"]):
        graph = golden_graph(values, case)
        n = graph.shape[0]
        for query, y in enumerate(values[f"case{case}_unseen_y"]):
            x, taken, _ = run(graph, y, np.zeros(n), 1e-6, 20)
            np.testing.assert_allclose(x, values[f"case{case}_unseen_cg20"][query], atol=1e-9)
            assert taken == values[f"case{case}_unseen_cg20_iterations"][query]


def test_an_indefinite_system_is_told():
    graph = normalise(np.array([[0.0, 1.0], [1.0, 0.0]])) * 2.0
    assert run(graph, np.ones(2), np.zeros(2), 1e-6, 20)[1] == INDEFINITE
