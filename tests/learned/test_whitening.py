"""Whitening against its definition, other implementations, and what it promises on few photos."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from resight.errors import FitError
from resight.learned.artefact import load, save
from resight.learned.kinds import Stored, WhiteningTerms
from resight.learned.passes import Terms
from resight.learned.whitening import (
    Whitening,
    fit_learned_whitening,
    fit_pca_whitening,
    from_arrays,
    to_arrays,
)
from resight.recipe import load_recipe

PAPERS = (
    "cam-vgg16",
    "cnn-astounding",
    "crow-vgg16",
    "mac-vgg16",
    "mop",
    "netvlad-vgg16",
    "neural-codes",
    "neural-codes-tuned",
    "ng-vlad",
    "razavian-regions",
    "rmac-vgg16",
    "spoc-vgg19",
)
"""Recipes with a whitening of a paper, fitted on photos."""


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def descriptors(n=300, d=12, seed=0):
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(n, d)) * np.geomspace(1, 0.05, d) + 0.3)


def covariance(x):
    centred = x - x.mean(axis=0)
    return centred.T @ centred / len(x)


def test_full_whitening_makes_the_covariance_the_identity():
    x = descriptors()
    whitening = fit_pca_whitening(x, 12, shrinkage=0.0)
    y = (x - whitening.mean) @ whitening.projection.T
    np.testing.assert_allclose(covariance(y), np.eye(12), atol=1e-4)
    found = whitening.apply(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, unit(y), atol=1e-5)
    np.testing.assert_allclose(whitening.reduced(5).apply(x), unit(y[:, :5]), atol=1e-5)
    np.testing.assert_allclose(x @ whitening.projection.T + whitening.bias, y, atol=1e-4)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_power_and_shrinkage_by_their_definition(power):
    x = descriptors()
    values, vectors = np.linalg.eigh(covariance(x))
    shrunk = 0.7 * values + 0.3 * values.mean()
    expected = vectors @ np.diag(shrunk**-power) @ vectors.T  # P' P, whatever the signs
    projection = fit_pca_whitening(x, 12, power=power, shrinkage=0.3).projection.astype(np.float64)
    np.testing.assert_allclose(projection.T @ projection, expected, rtol=1e-4, atol=1e-4)


def test_the_shrinkage_by_itself_is_that_of_as_many_rows_more_as_dimensions():
    x = descriptors(n=36)
    whitening = fit_pca_whitening(x, 12)
    np.testing.assert_array_equal(whitening.projection, fit_pca_whitening(x, 12, shrinkage=0.25).projection)


def test_complete_shrinkage_keeps_all_angles_around_the_mean():
    x = descriptors(n=8)
    found = fit_pca_whitening(x, 12, shrinkage=1.0).apply(x)
    centred = unit(x - x.mean(axis=0))
    np.testing.assert_allclose(found @ found.T, centred @ centred.T, atol=1e-5)


def test_few_rows_lower_the_dimensions_or_keep_what_they_do_not_span():
    few, others = descriptors(n=5), descriptors(n=40, seed=1)
    assert fit_pca_whitening(few, 12, shrinkage=0.0).dimensions == 4
    shrunk = fit_pca_whitening(few, 12, shrinkage=0.2)
    assert shrunk.dimensions == 12
    assert np.linalg.matrix_rank(shrunk.projection) == 12
    # In the directions that the rows do not span, angles stay.
    _, _, rows = np.linalg.svd(few - few.mean(axis=0))
    outside = (others - few.mean(axis=0)) @ rows[4:].T @ rows[4:]
    found = outside @ shrunk.projection.T
    np.testing.assert_allclose(unit(found) @ unit(found).T, unit(outside) @ unit(outside).T, atol=1e-4)


def test_full_whitening_of_few_rows_makes_all_of_them_equally_far_and_the_default_does_not():
    rng = np.random.default_rng(3)
    places = rng.normal(size=(10, 64))
    x = unit(np.repeat(places, 3, axis=0) + 0.3 * rng.normal(size=(30, 64)))
    same = np.kron(np.eye(10), np.ones((3, 3))).astype(bool) & ~np.eye(30, dtype=bool)
    other = ~same & ~np.eye(30, dtype=bool)

    def gap(whitening):
        similarity = whitening.apply(x) @ whitening.apply(x).T
        return similarity[same].mean() - similarity[other].mean()

    assert gap(fit_pca_whitening(x, 64, shrinkage=0.0)) < 0.01
    assert gap(fit_pca_whitening(x, 64, power=0.5)) > 0.7


def test_the_same_rows_give_the_same_whitening():
    x = descriptors(n=5)
    first, second = fit_pca_whitening(x, 9), fit_pca_whitening(x.copy(), 9)
    np.testing.assert_array_equal(first.projection, second.projection)


def test_matching_pairs_become_white_and_the_whole_is_turned():
    rng = np.random.default_rng(4)
    places = rng.normal(size=(200, 10)) * np.geomspace(3, 0.3, 10)
    x = np.concatenate([places, places]) + rng.normal(size=(400, 10)) * np.geomspace(0.1, 1, 10)
    queries, positives = np.arange(200), np.arange(200, 400)
    whitening = fit_learned_whitening(x, queries, positives, 10)
    projection = whitening.projection.astype(np.float64)
    difference = (x[queries] - x[positives]) @ projection.T
    np.testing.assert_allclose(difference.T @ difference / 200, np.eye(10), atol=1e-4)
    np.testing.assert_allclose(whitening.mean, x[:200].mean(axis=0), atol=1e-6)
    scattered = (x - whitening.mean) @ projection.T
    spread = scattered.T @ scattered
    np.testing.assert_allclose(spread, np.diag(np.diagonal(spread)), atol=1e-3 * spread.max())
    assert (np.diff(np.diagonal(spread)) < 0).all()
    assert fit_learned_whitening(x, queries, positives, 4).dimensions == 4


def test_pairs_that_span_too_little_are_helped_by_a_ridge():
    x = descriptors(n=20)
    whitening = fit_learned_whitening(x, np.array([0, 1]), np.array([2, 3]), 12)
    assert np.isfinite(whitening.projection).all()
    assert np.isfinite(whitening.apply(x)).all()


def test_complete_shrinkage_of_pairs_keeps_all_angles_around_the_mean_of_the_queries():
    x = descriptors(n=60)
    queries, positives = np.arange(30), np.arange(30, 60)
    whitening = fit_learned_whitening(x, queries, positives, 12, shrinkage=1.0)
    centred = unit(x - x[:30].mean(axis=0))
    white = whitening.apply(x)
    np.testing.assert_allclose(white @ white.T, centred @ centred.T, atol=1e-5)


def test_shrinkage_of_pairs_by_its_definition():
    x = descriptors(n=60)
    queries, positives = np.arange(30), np.arange(30, 60)
    whitening = fit_learned_whitening(x, queries, positives, 12, shrinkage=0.25)
    difference = (x[queries] - x[positives]).astype(np.float64)
    inner = difference.T @ difference / 30
    shrunk = 0.75 * inner + 0.25 * np.trace(inner) / 12 * np.eye(12)
    projection = whitening.projection.astype(np.float64)
    np.testing.assert_allclose(projection @ shrunk @ projection.T, np.eye(12), atol=1e-4)


def test_a_descriptor_equal_to_the_mean_becomes_zeros():
    whitening = Whitening(np.ones(3, np.float32), np.eye(3, dtype=np.float32))
    assert not whitening.apply(np.ones((1, 3), np.float32)).any()


def test_storage_in_single_bytes_hardly_changes_similarities(tmp_path):
    x = descriptors(n=2000, d=64)
    whitening = fit_pca_whitening(x, 32)
    save(tmp_path / "whitening.npz", to_arrays(whitening), {"kind": "whitening"})
    restored = from_arrays(load(tmp_path / "whitening.npz", ["mean", "projection", "scale"]).arrays)
    before, after = whitening.apply(x[:200]), restored.apply(x[:200])
    assert (before * after).sum(axis=1).min() > 1 - 1e-3
    assert np.abs(before @ before.T - after @ after.T).max() < 2e-2
    assert np.abs(restored.projection - whitening.projection).max() <= np.abs(whitening.projection).max() / 254 * 1.001
    assert (tmp_path / "whitening.npz").stat().st_size < 64 * 32 + 4 * (64 + 32) + 2000


def test_what_cannot_be_fitted_is_told():
    with pytest.raises(FitError, match="at least two"):
        fit_pca_whitening(np.ones((1, 4)), 2)
    with pytest.raises(FitError, match="all alike"):
        fit_pca_whitening(np.ones((5, 4)), 2)
    with pytest.raises(FitError, match="finite"):
        fit_pca_whitening(np.full((5, 4), np.nan), 2)
    for wrong in ({"dimensions": 0}, {"dimensions": 2, "power": -1.0}, {"dimensions": 2, "shrinkage": 1.5}):
        with pytest.raises(FitError, match="there is no whitening"):
            fit_pca_whitening(descriptors(), **wrong)
    nobody = np.empty(0, np.int64)
    with pytest.raises(FitError, match="no matching pairs"):
        fit_learned_whitening(descriptors(), nobody, nobody, 2)
    with pytest.raises(FitError, match="pairs are equal"):
        fit_learned_whitening(descriptors(), np.array([1]), np.array([1]), 2)


def test_a_whitening_of_other_dimensions_is_told():
    whitening = fit_pca_whitening(descriptors(), 6)
    with pytest.raises(FitError, match="fitted on 12 dimensions is asked to whiten descriptors of shape \\(3, 5\\)"):
        whitening.apply(np.ones((3, 5), np.float32))
    for dimensions in (0, 7):
        with pytest.raises(FitError, match="cannot be reduced"):
            whitening.reduced(dimensions)
    arrays = to_arrays(whitening)
    with pytest.raises(FitError, match="needs scale"):
        from_arrays({name: arrays[name] for name in ("mean", "projection")})
    with pytest.raises(FitError, match="do not match"):
        from_arrays({**arrays, "mean": arrays["mean"][:5]})


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("whitening")
    for case in range(int(values["n_cases"])):
        names = ("x", "test", "qidxs", "pidxs", "dims", "pca_P", "pca_m", "lw_P", "lw_m")
        x, test, queries, positives, dims, pca, pca_mean, lw, lw_mean = (values[f"case{case}_{name}"] for name in names)
        dims = int(dims)
        fits = {
            "pca": fit_pca_whitening(x, x.shape[1], shrinkage=0.0),
            "lw": fit_learned_whitening(x, queries, positives, x.shape[1]),
            "power0_25": fit_pca_whitening(x, x.shape[1], power=0.5, shrinkage=0.0),
            "power0_5": fit_pca_whitening(x, x.shape[1], power=1.0, shrinkage=0.0),
        }
        for name, whitening in fits.items():
            for size, kept in (("full", whitening), ("dims", whitening.reduced(dims))):
                found = kept.apply(test)
                np.testing.assert_allclose(found @ found.T, values[f"case{case}_{name}_sim_{size}"], atol=4e-6)
        for whitening, projection, mean in ((fits["pca"], pca, pca_mean), (fits["lw"], lw, lw_mean)):
            np.testing.assert_allclose(whitening.mean, mean, atol=1e-6)
            np.testing.assert_allclose(np.abs(whitening.projection), np.abs(projection), rtol=1e-3, atol=2e-5)
        normalised = fit_pca_whitening(unit(x), dims, shrinkage=0.0).apply(unit(test))
        np.testing.assert_allclose(normalised @ normalised.T, values[f"case{case}_crow_pipeline_sim_dims"], atol=4e-6)


@pytest.mark.golden
@pytest.mark.parametrize("recipe", ["cam-vgg16", "crow-vgg16", "mac-vgg16", "rmac-vgg16", "spoc-vgg19"])
def test_golden_values_of_the_whitening_of_recipes(recipe: str, golden) -> None:
    values = golden("whitening")
    method: Any = load_recipe(recipe).channel["main"].method
    for case in range(int(values["n_cases"])):
        x, test = values[f"case{case}_x"], values[f"case{case}_test"]
        (one,) = method.model_copy(update={"dimensions": int(values[f"case{case}_dims"])}).passes
        for searched in (False, True):
            found = from_arrays(one.fit(x, Terms(0, searched))).apply(test)
            np.testing.assert_allclose(found @ found.T, values[f"case{case}_pca_sim_dims"], atol=4e-6)


@pytest.mark.parametrize("name", PAPERS)
def test_recipes_of_papers_whiten_as_papers_do(name: str) -> None:
    method: Any = load_recipe(name).channel["main"].method
    power = 0.0 if name.startswith("neural-codes") else 1.0
    assert method.terms(searched=True) == method.terms() == WhiteningTerms(power, 0.0, "float32")


@pytest.mark.parametrize("name", ["rmac-lite0", "gem-mobilenet", "rmac-mobilenet", "regions-mobilenet"])
def test_what_ships_is_whitened_as_it_was_fitted(name: str) -> None:
    method: Any = load_recipe(name).channel["main"].method
    for part in getattr(method, "parts", (method,)):
        assert part.terms() == WhiteningTerms(1.0, None, "int8")


@pytest.mark.parametrize("stored", ["int8", "float32"])
def test_a_whitening_is_kept_exactly_or_in_a_byte_a_number(stored: Stored) -> None:
    whitening = fit_pca_whitening(descriptors(), 6, shrinkage=0.0)
    arrays = to_arrays(whitening, stored=stored)
    assert arrays["projection"].dtype == stored
    step = 0.0 if stored == "float32" else 0.5 * arrays["scale"][:, None] * (1.0 + 1e-5)
    assert (np.abs(from_arrays(arrays).projection - whitening.projection) <= step).all()


def test_few_rows_of_many_dimensions_give_what_their_covariance_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    few = np.random.default_rng(0).standard_normal((12, 80)) * np.linspace(1.0, 3.0, 80)
    quick = fit_pca_whitening(few, 11, power=0.5)
    monkeypatch.setattr("resight.learned.whitening.FEW", 1000)
    slow = fit_pca_whitening(few, 11, power=0.5)
    np.testing.assert_allclose(quick.projection, slow.projection, atol=1e-6)
    assert fit_pca_whitening(few, 30).projection.shape == (30, 80)
    assert len(fit_pca_whitening(few, 30, shrinkage=0.0).projection) == 11
