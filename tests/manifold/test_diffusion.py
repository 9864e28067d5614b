"""Solvers of diffusion against the dense solution and golden values; what they are given, and what they tell."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from scipy.sparse import csr_array, eye_array

from resight.errors import UsageError
from resight.manifold.diffusion import (
    MOST_NODES,
    ClosedForm,
    ConjugateGradient,
    Jacobi,
    RandomWalk,
    query_affinity,
)
from resight.manifold.graph import mutual_affinity, nearest_neighbours, normalised

ALPHA = 0.99
ISOLATED = [17, 250, 499]
SOLVERS = {
    "closed form": ClosedForm,
    "conjugate gradient": lambda *given: ConjugateGradient(*given, tolerance=1e-9, iterations=1000),
    "random walk": lambda *given: RandomWalk(*given, tolerance=1e-8, iterations=5000),
    "jacobi": lambda *given: Jacobi(*given, tolerance=1e-8, iterations=5000),
}
ITERATIVE = {name: make for name, make in SOLVERS.items() if name != "closed form"}


def affinity():
    """500 nodes: five groups that share no coordinate, and so no edge, and nodes without features."""
    rng = np.random.default_rng(0)
    x = np.zeros((500, 5, 6))
    groups = rng.integers(5, size=500)
    x[np.arange(500), groups] = rng.standard_normal((500, 6))
    x[ISOLATED] = 0.0
    x = x.reshape(500, 30)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    return mutual_affinity(nearest_neighbours(x.astype(np.float32), 12), 12)


@pytest.fixture(scope="module")
def graph():
    return normalised(affinity())


@pytest.fixture(scope="module")
def y():
    rng = np.random.default_rng(1)
    return np.where(rng.random((500, 4)) < 0.02, rng.random((500, 4)), 0.0)


def solved(graph, y, alpha=ALPHA):
    dense = graph.toarray().astype(np.float64)
    return (1 - alpha) * np.linalg.solve(np.eye(len(dense)) - alpha * dense, y)


def residuals(graph, y, f, alpha=ALPHA):
    x = f / (1 - alpha)
    return np.linalg.norm(y - x + alpha * (graph.toarray().astype(np.float64) @ x), axis=0) / np.linalg.norm(y, axis=0)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("make", SOLVERS.values(), ids=SOLVERS)
def test_every_solver_gives_the_dense_solution(graph, y, make, alpha):
    expected = solved(graph, y, alpha)
    solve = make(graph, alpha)
    found = solve(y)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())
    for query in range(y.shape[1]):
        np.testing.assert_allclose(solve(y[:, query]), found[:, query], atol=1e-12)


@pytest.mark.parametrize("make", SOLVERS.values(), ids=SOLVERS)
def test_nodes_with_an_affinity_with_themselves(y, make):
    graph = normalised(csr_array(affinity() + eye_array(500, dtype=np.float32, format="csr")))
    expected = solved(graph, y, 0.8)
    np.testing.assert_allclose(make(graph, 0.8)(y), expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize("make", SOLVERS.values(), ids=SOLVERS)
def test_what_is_isolated_keeps_its_share_and_what_is_apart_gets_nothing(graph, make):
    y = np.zeros(500)
    y[ISOLATED[0]] = 2.0
    expected = np.zeros(500)
    expected[ISOLATED[0]] = 2.0 * (1 - ALPHA)
    np.testing.assert_allclose(make(graph, ALPHA)(y), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("make", SOLVERS.values(), ids=SOLVERS)
def test_nothing_diffuses_to_nothing(graph, make):
    solve = make(graph, ALPHA)
    assert not solve(np.zeros(500)).any()
    assert solve(np.zeros((500, 0))).shape == (500, 0)
    assert np.isfinite(solve(np.full(500, 1e-200))).all()


@pytest.mark.parametrize("make", SOLVERS.values(), ids=SOLVERS)
def test_a_graph_of_one_node_and_one_without_edges(make):
    np.testing.assert_allclose(make(csr_array((1, 1), dtype=np.float32), 0.9)(np.array([3.0])), [0.3])
    np.testing.assert_allclose(make(csr_array((4, 4), dtype=np.float32), 0.9)(np.ones(4)), np.full(4, 0.1))


def test_the_walk_is_the_iteration_and_rests_at_the_closed_form(graph, y):
    walk = RandomWalk(graph, ALPHA).walk(y)
    first, second, third = islice(walk, 3)
    s = graph.toarray().astype(np.float64)
    np.testing.assert_array_equal(first, y)
    np.testing.assert_allclose(second, ALPHA * s @ y + (1 - ALPHA) * y, atol=1e-12)
    np.testing.assert_allclose(third, ALPHA * s @ second + (1 - ALPHA) * y, atol=1e-12)
    f = ClosedForm(graph, ALPHA)(y)
    np.testing.assert_allclose(ALPHA * s @ f + (1 - ALPHA) * y, f, atol=1e-12)


@pytest.mark.parametrize("make", [ConjugateGradient, RandomWalk, Jacobi])
@pytest.mark.parametrize(("tolerance", "iterations"), [(1e-12, 1), (1e-12, 9), (1e-3, 5000), (1e-6, 5000)])
def test_solutions_tell_how_near_they_are(graph, y, make, tolerance, iterations):
    solution = make(graph, ALPHA, tolerance=tolerance, iterations=iterations).solve(y)
    np.testing.assert_allclose(solution.residuals, residuals(graph, y, solution.f), rtol=1e-4, atol=1e-11)
    assert solution.iterations.shape == solution.residuals.shape == (4,)
    if iterations < 10:
        assert (solution.iterations == iterations).all()
        assert (solution.residuals > tolerance).all()
    else:
        assert (solution.iterations < iterations).all()
        assert (solution.residuals <= tolerance).all()
    one = make(graph, ALPHA, tolerance=tolerance, iterations=iterations).solve(y[:, 0])
    assert one.f.shape == (500,)
    assert one.iterations.shape == one.residuals.shape == (1,)


def test_conjugate_gradient_takes_no_further_iteration_than_it_needs(graph, y):
    solution = ConjugateGradient(graph, ALPHA, tolerance=1e-6, iterations=500).solve(y[:, 0])
    before = ConjugateGradient(graph, ALPHA, tolerance=1e-6, iterations=int(solution.iterations[0]) - 1).solve(y[:, 0])
    assert before.residuals[0] > 1e-6


@pytest.mark.parametrize("make", [ClosedForm, ConjugateGradient, RandomWalk, Jacobi])
def test_what_is_no_graph_or_no_query(graph, make):
    dense = graph.toarray()
    lopsided, negative, unknown = dense.copy(), dense.copy(), dense.copy()
    lopsided[3, 4] += 0.1
    negative[3, 4] = negative[4, 3] = -0.1
    unknown[3, 4] = unknown[4, 3] = np.nan
    for wrong, message in [(lopsided, "symmetric"), (negative, "negative"), (unknown, "finite"), (dense[1:], "shape")]:
        with pytest.raises(UsageError, match=message):
            make(csr_array(wrong), ALPHA)
    with pytest.raises(UsageError, match="shape"):
        make(csr_array((0, 0), dtype=np.float32), ALPHA)
    for alpha in (1.0, -0.1, np.nan):
        with pytest.raises(UsageError, match="alpha"):
            make(graph, alpha)
    solve = make(graph, ALPHA)
    with pytest.raises(UsageError, match="500 nodes"):
        solve(np.ones(499))
    with pytest.raises(UsageError, match="finite"):
        solve(np.where(np.arange(500) == 3, np.nan, 1.0))


@pytest.mark.parametrize("make", [ConjugateGradient, RandomWalk, Jacobi])
def test_no_iterations(graph, make):
    with pytest.raises(UsageError, match="0 iterations"):
        make(graph, ALPHA, iterations=0)


@pytest.mark.parametrize("make", [ClosedForm, ConjugateGradient, RandomWalk, Jacobi])
def test_a_graph_that_is_not_normalised_is_refused(y, make):
    for scale in (1, 50):
        with pytest.raises(UsageError, match="not normalised"), np.errstate(all="ignore"):
            make(affinity() * scale, ALPHA)(y)


def test_the_closed_form_of_a_large_graph_is_refused():
    with pytest.raises(UsageError, match="conjugate gradients"):
        ClosedForm(csr_array((MOST_NODES + 1, MOST_NODES + 1), dtype=np.float32))


def test_query_affinity():
    similarities = np.array([0.5, -0.9, 0.25, 0.5, 1.0, 0.5, -0.1], np.float32)
    np.testing.assert_array_equal(query_affinity(similarities, 3), [0.125, 0, 0, 0.125, 1, 0, 0])
    np.testing.assert_array_equal(query_affinity(similarities, 2, 1.0), [0.5, 0, 0, 0, 1, 0, 0])
    everything = np.maximum(similarities, 0.0).astype(np.float64) ** 3
    for kq in (7, 100):
        np.testing.assert_array_equal(query_affinity(similarities, kq), everything)
    for kq, gamma in [(0, 3.0), (3, 0.0), (3, np.inf), (3, np.nan)]:
        with pytest.raises(UsageError, match="cannot be taken"):
            query_affinity(similarities, kq, gamma)
    with pytest.raises(UsageError, match="finite"):
        query_affinity(np.array([0.5, np.nan]), 1)


@pytest.mark.golden
def test_golden_values_of_diffusion(golden):
    values = golden("diffusion")
    alpha = float(values["alpha"])
    for case in range(values["n_cases"]):
        case_values = {name.split("_", 1)[1]: value for name, value in values.items() if name.startswith(f"case{case}")}
        x = case_values["x"]
        k = int(case_values["k"]) - 1
        graph = normalised(mutual_affinity(nearest_neighbours(x, k), k))
        inset = np.zeros((len(x), len(case_values["inset_ids"])))
        inset[case_values["inset_ids"], np.arange(len(case_values["inset_ids"]))] = 1.0
        unseen = np.stack(
            [query_affinity(x.astype(np.float64) @ q, int(case_values["kq"])) for q in case_values["queries"]], axis=1
        )
        np.testing.assert_allclose(unseen, case_values["unseen_y"].T, atol=1e-6)
        entries = case_values["graph_rows"], case_values["graph_cols"]
        exact = csr_array((case_values["normalised_values"], entries), shape=(len(x), len(x)))
        # The values are those of the system, without the factor of 1 - alpha.
        for kind, y in {"inset": inset, "unseen": case_values["unseen_y"].T}.items():
            expected = case_values[f"{kind}_exact"].T
            np.testing.assert_allclose(ClosedForm(exact, alpha)(y) / (1 - alpha), expected, atol=1e-10)
            np.testing.assert_allclose(
                ClosedForm(graph, alpha)(y) / (1 - alpha), expected, atol=1e-4 * expected.max(axis=0).max()
            )
            found = ConjugateGradient(exact, alpha, tolerance=1e-6, iterations=20).solve(y)
            np.testing.assert_allclose(found.f / (1 - alpha), case_values[f"{kind}_cg20"].T, atol=1e-10)
            np.testing.assert_array_equal(found.iterations, case_values[f"{kind}_cg20_iterations"])
            ranking = np.argsort(-ClosedForm(exact, alpha)(y), axis=0, kind="stable")[:50].T
            np.testing.assert_array_equal(ranking, case_values[f"{kind}_exact_ranking"])
