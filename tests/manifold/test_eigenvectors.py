"""Eigenvectors of graphs by filtering, against all of the dense graph's."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from graphs import descriptors, normalise, normalised_graph, solved
from scipy.sparse import csr_array

from resight.errors import FitError, UsageError
from resight.manifold import eigenvectors
from resight.manifold.eigenvectors import fit_spectrum
from resight.manifold.filtering import amplified, amplified_reference, spread
from resight.manifold.spectral import Spectral


@pytest.fixture(scope="module")
def graph():
    return normalised_graph(descriptors(0, 400, groups=20))


@pytest.fixture
def always_sparse(monkeypatch):
    """Small graphs are treated like large ones."""
    monkeypatch.setattr(eigenvectors, "DENSE", 0)


@pytest.mark.parametrize("degree", [1, 2, 9])
def test_filter(graph, degree):
    block = np.random.default_rng(0).standard_normal((400, 45)).astype(np.float32)
    light = graph.astype(np.float32)
    found = amplified(light, block.copy(), 0.4, degree)
    expected = amplified_reference(graph, block.astype(np.float64), 0.4, degree)
    np.testing.assert_allclose(found, expected, atol=2e-6 * np.abs(expected).max())
    np.testing.assert_allclose(spread(light, block), graph @ block, atol=1e-5)


@pytest.mark.usefixtures("always_sparse")
@pytest.mark.parametrize("rank", [1, 40, 200])
def test_filtering_finds_the_largest_eigenvalues_by_sign(graph, rank):
    values = np.linalg.eigvalsh(graph.toarray())[::-1]
    found = fit_spectrum(graph, rank)
    np.testing.assert_allclose(found.values, values[:rank], atol=1e-6)
    u = found.vectors.astype(np.float64)
    np.testing.assert_allclose(u.T @ u, np.eye(rank), atol=1e-5)
    assert np.linalg.norm(graph @ u - u * found.values, axis=0).max() < 2e-4


@pytest.mark.usefixtures("always_sparse")
def test_a_multiple_eigenvalue_is_found_as_often_as_it_is_there():
    # Eight components: a method that follows a single vector finds one of them.
    blocks = [normalised_graph(descriptors(i, 60, groups=1)).toarray() for i in range(8)]
    graph = np.zeros((480, 480))
    for i, block in enumerate(blocks):
        graph[60 * i : 60 * i + 60, 60 * i : 60 * i + 60] = block
    expected = np.linalg.eigvalsh(graph)[::-1][:20]
    assert (expected > 1 - 1e-9).sum() >= 8
    np.testing.assert_allclose(fit_spectrum(csr_array(graph), 20).values, expected, atol=1e-6)


@pytest.mark.usefixtures("always_sparse")
def test_the_same_seed_gives_the_same_spectrum(graph):
    one, other = fit_spectrum(graph, 30, seed=3), fit_spectrum(graph, 30, seed=3)
    np.testing.assert_array_equal(one.vectors, other.vectors)
    np.testing.assert_array_equal(one.values, other.values)


@pytest.mark.usefixtures("always_sparse")
def test_isolated_nodes_are_harmless():
    affinity = normalised_graph(descriptors(4, 200, groups=4)).toarray()
    affinity[[3, 50]] = 0.0
    affinity[:, [3, 50]] = 0.0
    graph = normalise(affinity)
    spectrum = fit_spectrum(graph, 30)
    assert not spectrum.vectors[[3, 50]].any()
    f = Spectral(spectrum)(np.eye(200)[3])
    np.testing.assert_allclose(f, solved(graph, np.eye(200)[3]), atol=1e-8)


@pytest.mark.usefixtures("always_sparse")
def test_a_rank_above_the_connected_nodes_is_lowered_and_said(caplog):
    affinity = np.zeros((40, 40))
    affinity[:10, :10] = 1.0 - np.eye(10)
    with caplog.at_level(logging.WARNING, "resight"):
        spectrum = fit_spectrum(normalise(affinity), 30)
    assert spectrum.rank == 10
    assert "only 10 nodes" in caplog.text
    np.testing.assert_allclose(spectrum.values, [1.0] + [-1 / 9] * 9, atol=1e-6)


def test_a_rank_above_the_nodes_is_lowered_and_said(graph, caplog):
    with caplog.at_level(logging.WARNING, "resight"):
        assert fit_spectrum(graph, 401).rank == 400
    assert "no 401 eigenvalues" in caplog.text


@pytest.mark.usefixtures("always_sparse")
def test_what_did_not_converge_is_left_out_and_said(graph, caplog, monkeypatch):
    monkeypatch.setattr(eigenvectors, "ROUNDS", 2)
    with caplog.at_level(logging.WARNING, "resight"):
        found = fit_spectrum(graph, 100)
    assert 0 < found.rank < 100
    assert f"{found.rank} of 100 eigenvectors converged" in caplog.text
    np.testing.assert_allclose(found.values, np.linalg.eigvalsh(graph.toarray())[::-1][: found.rank], atol=1e-5)


@pytest.mark.usefixtures("always_sparse")
def test_where_nothing_converged_nothing_is_made_up(graph, monkeypatch):
    monkeypatch.setattr(eigenvectors, "ROUNDS", 1)
    monkeypatch.setattr(eigenvectors, "TOLERANCE", 1e-12)
    with pytest.raises(FitError, match="no eigenvector"):
        fit_spectrum(graph, 20)


@pytest.mark.usefixtures("always_sparse")
def test_a_graph_without_edges_has_no_spectrum():
    with pytest.raises(FitError, match="no node of the graph has a neighbour"):
        fit_spectrum(csr_array((5, 5)), 2)


def bad(graph, change):
    s = graph.copy()
    change(s)
    return s


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: bad(s, lambda t: t.data.__setitem__(0, np.nan)), "finite"),
        (lambda s: bad(s, lambda t: t.data.__imul__(-1)), "negative"),
        (lambda s: bad(s, lambda t: t.data.__setitem__(0, 0.9)), "symmetric"),
        (lambda s: s[:5], "square"),
        (lambda s: csr_array((0, 0)), "square"),
    ],
)
def test_what_no_graph_is_says_so(graph, make, message):
    with pytest.raises(UsageError, match=message):
        fit_spectrum(make(graph), 3)


def test_a_graph_that_is_not_normalised_says_so(graph):
    with pytest.raises(FitError, match="normalise"):
        fit_spectrum(graph * 3.0, 3)
    with pytest.raises(UsageError, match="rank 0"):
        fit_spectrum(graph, 0)
