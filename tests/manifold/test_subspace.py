"""Subspaces that are fitted by what they keep of the exact ranking."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import ALPHA, descriptors, normalise, normalised_graph, solved
from scipy.sparse import csr_array, eye_array

from resight.errors import FitError, UsageError
from resight.manifold import subspace
from resight.manifold.eigenvectors import fit_spectrum
from resight.manifold.spectral import Spectral
from resight.manifold.subspace import fit_subspace


@pytest.fixture(scope="module")
def graph():
    """1200 nodes on 60 curves."""
    return normalised_graph(descriptors(1, 1200, groups=60))


@pytest.fixture
def filtered(monkeypatch):
    """Eigenvectors do not compete."""
    monkeypatch.setattr(subspace, "DENSE", 0)


def around(graph, node):
    """What a query has that is nearest to a node."""
    y = graph[[node]].toarray()[0]
    y[node] = y.max()
    return y


def kept(graph, spectrum, nodes, top=20):
    shared = []
    for node in nodes:
        y = around(graph, node)
        exact = np.argsort(-solved(graph, y), kind="stable")[:top]
        found = np.argsort(-Spectral(spectrum, ALPHA)(y), kind="stable")[:top]
        shared.append(len(np.intersect1d(exact, found)) / top)
    return np.mean(shared)


@pytest.mark.usefixtures("filtered")
def test_few_vectors_keep_more_than_as_many_eigenvectors(graph, monkeypatch):
    monkeypatch.setattr(subspace, "TOP", 20)
    nodes = np.random.default_rng(5).choice(1200, 40, replace=False)
    found = fit_subspace(graph, 25, ALPHA)
    eigenvectors = kept(graph, fit_spectrum(graph, 25), nodes)
    assert kept(graph, found.spectrum, nodes) > eigenvectors + 0.15
    assert kept(graph, found.spectrum, nodes) == pytest.approx(found.kept, abs=0.1)


@pytest.mark.usefixtures("filtered")
def test_vectors_are_orthonormal_and_values_are_theirs(graph):
    spectrum = fit_subspace(graph, 30, ALPHA).spectrum
    assert spectrum.vectors.shape == (1200, 30)
    assert spectrum.vectors.dtype == np.float32
    np.testing.assert_allclose(spectrum.vectors.T @ spectrum.vectors, np.eye(30), atol=1e-5)
    image = spectrum.vectors.T.astype(np.float64) @ (graph @ spectrum.vectors)
    np.testing.assert_allclose(image, np.diag(spectrum.values), atol=1e-5)
    assert (np.diff(spectrum.values) <= 0).all()


@pytest.mark.usefixtures("filtered")
def test_the_same_seed_gives_the_same(graph):
    once, again = (fit_subspace(graph, 12, ALPHA, seed=3) for _ in range(2))
    np.testing.assert_array_equal(once.spectrum.vectors, again.spectrum.vectors)
    assert once.kept == again.kept
    other = fit_subspace(graph, 12, ALPHA, seed=4)
    assert not np.array_equal(once.spectrum.values, other.spectrum.values)


def test_eigenvectors_are_taken_where_they_keep_more(graph, monkeypatch):
    monkeypatch.setattr(subspace, "LOOKS", 1)
    found = fit_subspace(graph, 300, ALPHA)
    np.testing.assert_array_equal(found.spectrum.values, fit_spectrum(graph, 300).values)
    monkeypatch.setattr(subspace, "DENSE", 0)
    assert found.kept > fit_subspace(graph, 300, ALPHA).kept


@pytest.mark.usefixtures("filtered")
def test_with_vectors_enough_they_keep_what_eigenvectors_keep(graph):
    nodes = np.random.default_rng(6).choice(1200, 40, replace=False)
    found = fit_subspace(graph, 300, ALPHA)
    assert kept(graph, found.spectrum, nodes, 100) > kept(graph, fit_spectrum(graph, 300), nodes, 100) - 0.01


@pytest.mark.parametrize("dense", [0, 2500])
def test_isolated_nodes_and_more_vectors_than_nodes(monkeypatch, dense):
    monkeypatch.setattr(subspace, "DENSE", dense)
    affinity = np.zeros((30, 30))
    affinity[:10, :10] = affinity[12:, 12:] = 1.0
    np.fill_diagonal(affinity, 0.0)
    graph = normalise(affinity)
    spectrum = fit_subspace(graph, 100, ALPHA).spectrum
    assert spectrum.rank == (30 if dense else 28)
    found = Spectral(spectrum, ALPHA)(np.eye(30)[:, [0, 11, 20]])
    np.testing.assert_allclose(found, solved(graph, np.eye(30)[:, [0, 11, 20]]), atol=1e-4)


def test_bad_input_says_so(graph):
    with pytest.raises(UsageError, match="rank 0"):
        fit_subspace(graph, 0)
    with pytest.raises(UsageError, match="alpha"):
        fit_subspace(graph, 5, 1.0)
    with pytest.raises(UsageError, match="symmetric"):
        fit_subspace(csr_array(np.triu(graph.toarray())), 5)
    with pytest.raises(FitError, match="no node"):
        fit_subspace(csr_array((5, 5), dtype=np.float64), 5)
    for wrong in (1.01 * eye_array(40), 5 * eye_array(40)):
        with pytest.raises((FitError, UsageError), match="normalise"):
            fit_subspace(csr_array(wrong), 5)
