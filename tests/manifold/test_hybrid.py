"""Hybrid diffusion against the dense solution."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import ALPHA, descriptors, golden_graph, normalise, normalised_graph, queries, solved

from resight.errors import UsageError
from resight.manifold.eigenvectors import fit_spectrum
from resight.manifold.hybrid import Hybrid
from resight.manifold.spectral import Spectrum


@pytest.fixture(scope="module")
def graph():
    return normalised_graph(descriptors(5, 500, groups=10))


@pytest.mark.golden
def test_golden_values_of_the_exact_solution(golden):
    values = golden("diffusion")
    for case in range(values["n_cases"]):
        graph, y = golden_graph(values, case), values[f"case{case}_unseen_y"].T
        found = Hybrid(graph, fit_spectrum(graph, 60), ALPHA, iterations=200, tolerance=1e-9)(y)
        expected = (1 - ALPHA) * values[f"case{case}_unseen_exact"].T
        np.testing.assert_allclose(found, expected, atol=1e-8 * expected.max())


@pytest.mark.parametrize("rank", [5, 50, 200])
def test_converged_it_is_the_dense_solution(graph, rank):
    y = queries(1, 500, 8)
    found = Hybrid(graph, fit_spectrum(graph, rank), iterations=200, tolerance=1e-7)(y)
    expected = solved(graph, y)
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())


def test_more_eigenvectors_need_fewer_iterations(graph):
    y = queries(1, 500, 8)
    _, plain = solve(graph, none(500), y)
    taken = [solve(graph, fit_spectrum(graph, rank), y)[1].mean() for rank in (30, 100, 250)]
    assert plain.mean() > taken[0] > taken[1] > taken[2]
    assert plain.mean() > 3 * taken[1]


def none(nodes):
    return Spectrum(np.zeros((nodes, 1), np.float32), np.zeros(1))


def solve(graph, spectrum, y):
    return Hybrid(graph, spectrum, iterations=500).solve(y)


def test_few_iterations_are_nearer_than_as_many_without_eigenvectors(graph):
    y, spectrum = queries(2, 500, 8), fit_spectrum(graph, 60)
    expected = solved(graph, y)
    errors = [
        np.linalg.norm(Hybrid(graph, given, iterations=iterations)(y) - expected)
        for given, iterations in ((spectrum, 8), (spectrum, 4), (spectrum, 0), (none(500), 8))
    ]
    assert errors == sorted(errors)


def test_eigenvectors_that_are_wrong_cost_iterations_and_nothing_else(graph):
    rng, y = np.random.default_rng(3), queries(2, 500, 3)
    wrong, _ = np.linalg.qr(rng.standard_normal((500, 20)))
    spectrum = Spectrum(wrong.astype(np.float32), np.linspace(1, 0.8, 20))
    found = Hybrid(graph, spectrum, iterations=500, tolerance=1e-9)(y)
    np.testing.assert_allclose(found, solved(graph, y), atol=1e-9)


def test_one_query_is_a_column_of_many_and_nothing_is_nothing(graph):
    diffuse, y = Hybrid(graph, fit_spectrum(graph, 30)), queries(2, 500, 3)
    y[:, 1] = 0.0
    found = diffuse(y)
    assert not found[:, 1].any()
    np.testing.assert_array_equal(diffuse(y[:, 2]), found[:, 2])


def test_isolated_nodes_and_components_are_solved():
    affinity = np.zeros((30, 30))
    affinity[:10, :10] = affinity[12:, 12:] = 1.0
    np.fill_diagonal(affinity, 0.0)
    graph, y = normalise(affinity), np.eye(30)[:, [0, 11, 20]]
    found = Hybrid(graph, fit_spectrum(graph, 2), iterations=50)(y)
    np.testing.assert_allclose(found, solved(graph, y), atol=1e-6)
    assert not found[12:, 0].any()


def test_bad_input_says_so(graph):
    spectrum = fit_spectrum(graph, 5)
    diffuse = Hybrid(graph, spectrum)
    with pytest.raises(UsageError, match="finite"):
        diffuse(np.full(500, np.inf))
    with pytest.raises(UsageError, match="500 nodes"):
        diffuse(np.zeros(20))
    with pytest.raises(UsageError, match="fit it on this graph"):
        Hybrid(graph, none(499))
    with pytest.raises(UsageError, match="iterations"):
        Hybrid(graph, spectrum, iterations=-1)
    with pytest.raises(UsageError, match="alpha"):
        Hybrid(graph, spectrum, 1.5)
    with pytest.raises(UsageError, match="eigenvalue above 1"):
        Hybrid(graph * 2.0, spectrum, iterations=100)(np.ones(500))
