"""Fast spectral ranking."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import ALPHA, descriptors, golden_graph, normalised_graph, queries, solved

from resight.errors import UsageError
from resight.manifold import eigenvectors
from resight.manifold.eigenvectors import fit_spectrum
from resight.manifold.spectral import Spectral, Spectrum, low_rank, transfer


@pytest.fixture(scope="module")
def graph():
    return normalised_graph(descriptors(0, 400, groups=20))


@pytest.fixture
def always_sparse(monkeypatch):
    """Small graphs are treated like large ones."""
    monkeypatch.setattr(eigenvectors, "DENSE", 0)


def rounding(spectrum, y, gains, rest):
    """Bound on the error of U diag(gains) U'y + rest y where U, gains and sums of r products are rounded to float32.

    To first order a sum of r products is off by r roundings of the sum of their magnitudes, each product by those of
    U, twice, of the gains and of U'y; the rest by two of its own, and the sum of both by one.
    """
    half_unit = np.finfo(np.float32).eps / 2
    magnitude = np.abs(spectrum.vectors.astype(np.float64))
    products = magnitude @ (np.abs(gains)[:, None] * (magnitude.T @ np.abs(y)))
    return half_unit * ((spectrum.rank + 5) * products + 3 * rest * np.abs(y))


def off_by_rounding(found, expected, spectrum, y, *, residual):
    """Tells whether rounding explains every error."""
    gains = transfer(spectrum.values, ALPHA) - (1 - ALPHA if residual else 0.0)
    bound = rounding(spectrum, y, gains, (1 - ALPHA) * residual)
    # Where all is exactly zero, eigenvectors of float64 are not, to its own rounding.
    return (np.abs(found - expected) <= bound + 1e-12 * np.abs(expected).max()).all()


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("diffusion")
    for case in range(values["n_cases"]):
        graph, y = golden_graph(values, case), values[f"case{case}_unseen_y"].T
        for rank in values[f"case{case}_fsr_ranks"].tolist():
            spectrum = fit_spectrum(graph, rank)
            assert spectrum.vectors.dtype == np.float32
            for name, found, residual in (
                (f"fsr_r{rank}", low_rank(spectrum, y, ALPHA), False),
                (f"fsr_r{rank}_residual", Spectral(spectrum, ALPHA)(y), True),
            ):
                assert off_by_rounding(found, values[f"case{case}_{name}"].T, spectrum, y, residual=residual)


@pytest.mark.golden
@pytest.mark.usefixtures("always_sparse")
def test_golden_values_by_filtering(golden):
    values = golden("diffusion")
    for case in range(values["n_cases"]):
        graph, y = golden_graph(values, case), values[f"case{case}_unseen_y"].T
        rank = int(values[f"case{case}_fsr_ranks"][0])
        found = Spectral(fit_spectrum(graph, rank), ALPHA)(y)
        expected = values[f"case{case}_fsr_r{rank}_residual"].T
        np.testing.assert_allclose(found, expected, atol=1e-3 * expected.max())


@pytest.mark.golden
def test_golden_values_at_full_rank_are_the_closed_form(golden):
    values = golden("diffusion")
    for case in range(values["n_cases"]):
        graph, y = golden_graph(values, case), values[f"case{case}_unseen_y"].T
        spectrum = fit_spectrum(graph, graph.shape[0])
        expected = (1 - ALPHA) * values[f"case{case}_unseen_exact"].T
        assert off_by_rounding(Spectral(spectrum, ALPHA)(y), expected, spectrum, y, residual=True)


def test_both_ways_agree(graph, monkeypatch):
    y = queries(1, 400, 6)
    dense = Spectral(fit_spectrum(graph, 60))(y)
    monkeypatch.setattr(eigenvectors, "DENSE", 0)
    sparse = Spectral(fit_spectrum(graph, 60))(y)
    np.testing.assert_allclose(sparse, dense, atol=2e-3 * dense.max())


def test_more_rank_is_nearer_to_the_exact_solution(graph):
    y = queries(1, 400, 20)
    exact = solved(graph, y)
    errors = [np.linalg.norm(Spectral(fit_spectrum(graph, rank))(y) - exact) for rank in (20, 100, 250, 400)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-5 * np.linalg.norm(exact)
    truncated = np.linalg.norm(low_rank(fit_spectrum(graph, 100), y) - exact)
    assert errors[1] < truncated


def test_one_query_is_a_column_of_many(graph):
    diffuse, y = Spectral(fit_spectrum(graph, 50)), queries(2, 400, 3)
    together = diffuse(y)
    assert together.shape == (400, 3)
    for query in range(3):
        np.testing.assert_allclose(diffuse(y[:, query]), together[:, query], atol=1e-7)


def test_search_by_inner_product_gives_the_scores_of_all_but_the_nodes_of_the_query(graph):
    diffuse, y = Spectral(fit_spectrum(graph, 80), ALPHA), queries(3, 400, 4)
    found = diffuse.embedding() @ diffuse.embed(y).T + (1 - ALPHA) * y
    np.testing.assert_allclose(found, diffuse(y), atol=1e-6)
    assert diffuse.embed(y).shape == (4, 80)
    np.testing.assert_allclose(diffuse.embed(y[:, 1]), diffuse.embed(y)[1], atol=1e-7)


def test_negative_eigenvalues_have_no_embedding(graph):
    spectrum = fit_spectrum(graph, 400)
    assert spectrum.values[-1] < -0.1
    embedding = Spectral(spectrum).embedding()
    assert np.isfinite(embedding).all()
    assert not embedding[:, spectrum.values < 0].any()


def test_bad_queries_say_so(graph):
    diffuse = Spectral(fit_spectrum(graph, 5))
    for call in (diffuse, diffuse.embed):
        with pytest.raises(UsageError, match="finite"):
            call(np.full(400, np.nan))
        with pytest.raises(UsageError, match="400 nodes"):
            call(np.zeros(699))
    with pytest.raises(UsageError, match="alpha is 1"):
        Spectral(Spectrum(np.zeros((3, 1), np.float32), np.ones(1)), 1.0)


def test_nothing_asked_is_nothing_found(graph):
    assert not Spectral(fit_spectrum(graph, 5))(np.zeros(400)).any()
