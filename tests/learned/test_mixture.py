"""Mixtures of Gaussians and principal components."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from scipy import stats

import resight.learned.mixture as module
from resight.errors import FitError
from resight.learned.mixture import Mixture, fit_mixture, fit_pca, posteriors


def sample(n: int = 6000, seed: int = 0) -> tuple[np.ndarray, Mixture]:
    rng = np.random.default_rng(seed)
    truth = Mixture(
        np.array([0.5, 0.3, 0.2]),
        np.array([[0.0, 0, 0], [6, 0, -4], [-5, 5, 5]]),
        np.array([[1.0, 0.25, 4], [0.5, 2, 1], [1, 1, 0.1]]),
    )
    which = rng.choice(3, n, p=truth.weights)
    x = truth.means[which] + rng.standard_normal((n, 3)) * np.sqrt(truth.variances[which])
    return x.astype(np.float32), truth


def likelihood(x: np.ndarray, mixture: Mixture) -> float:
    densities = [
        weight * stats.norm(mean, np.sqrt(variance)).pdf(x).prod(axis=1)
        for weight, mean, variance in zip(mixture.weights, mixture.means, mixture.variances, strict=True)
    ]
    return float(np.log(np.sum(densities, axis=0)).mean())


def test_posteriors_are_bayes_rule() -> None:
    x, truth = sample(200)
    joint = np.stack(
        [
            weight * stats.norm(mean, np.sqrt(variance)).pdf(x).prod(axis=1)
            for weight, mean, variance in zip(truth.weights, truth.means, truth.variances, strict=True)
        ],
        axis=1,
    )
    result = posteriors(x, truth)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, joint / joint.sum(axis=1, keepdims=True), atol=1e-12)


def test_posteriors_far_away_do_not_underflow() -> None:
    _, truth = sample(10)
    far = posteriors(np.full((2, 3), 1e4, np.float32), truth)
    np.testing.assert_allclose(far.sum(axis=1), 1)
    moved = Mixture(truth.weights, truth.means + 1e7, truth.variances)
    x = 4 * np.random.default_rng(0).standard_normal((200, 3))
    assert ((posteriors(x, truth) > 0.1).sum(axis=1) > 1).any()  # some points are between components
    np.testing.assert_allclose(posteriors(x + 1e7, moved), posteriors(x, truth), atol=1e-6)


@pytest.mark.golden
def test_posteriors_of_another_implementation(golden: Callable[[str], Mapping[str, Any]]) -> None:
    values = golden("fisher")
    cases = int(values["n_cases"])
    assert cases > 0
    for i in range(cases):
        mixture = Mixture(*(values[f"case{i}_{part}"] for part in ("weights", "means", "variances")))
        result = posteriors(values[f"case{i}_descriptors"], mixture)
        np.testing.assert_allclose(result, values[f"case{i}_posteriors"], atol=1e-12)


def test_the_mixture_that_made_the_data_is_found() -> None:
    x, truth = sample()
    fitted = fit_mixture(x, 3, seed=0)
    order = np.abs(fitted.means[:, None] - truth.means).sum(axis=-1).argmin(axis=0)
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(fitted.weights[order], truth.weights, atol=0.03)
    np.testing.assert_allclose(fitted.means[order], truth.means, atol=0.15)
    np.testing.assert_allclose(fitted.variances[order], truth.variances, rtol=0.15)
    assert fitted.weights.sum() == pytest.approx(1)


def test_likelihood_never_falls() -> None:
    x, _ = sample(1500, seed=3)
    values = [likelihood(x, fit_mixture(x, 5, seed=1, iterations=n)) for n in range(1, 12)]
    assert (np.diff(values) > -1e-9).all()
    assert values[-1] > values[0]


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = sample(1000)
    whole = fit_mixture(x, 3, 0), fit_pca(x, 2)
    monkeypatch.setattr(module, "BLOCK", 77)
    parts = fit_mixture(x, 3, 0), fit_pca(x, 2)
    for name in ("weights", "means", "variances"):
        np.testing.assert_allclose(getattr(parts[0], name), getattr(whole[0], name), rtol=1e-6)
    np.testing.assert_allclose(parts[1].components, whole[1].components, atol=1e-6)


def test_no_component_shrinks_onto_a_point() -> None:
    x, _ = sample(300)
    x[:100] = x[0]
    fitted = fit_mixture(x, 6, seed=0)
    spread = x.var(axis=0, dtype=np.float64)
    assert (fitted.variances >= 0.99 * module.VARIANCE_FLOOR * spread).all()
    assert np.isfinite(posteriors(x, fitted)).all()
    constant = fit_mixture(np.ones((40, 2), np.float32), 3, seed=0)
    assert np.isfinite(posteriors(np.ones((4, 2)), constant)).all()


def test_too_few_points() -> None:
    with pytest.raises(FitError, match="8 Gaussians need at least 16 points, there are 15"):
        fit_mixture(np.zeros((15, 2), np.float32), 8, 0)


def test_pca_is_the_svd() -> None:
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((400, 6)) * [5, 4, 3, 2, 1, 0.5] + 7).astype(np.float32)
    fitted = fit_pca(x, 3)
    _, _, vectors = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(fitted.components), np.abs(vectors[:3]), atol=1e-4)
    np.testing.assert_allclose(fitted.components @ fitted.components.T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(fitted.apply(x), (x - x.mean(axis=0)) @ fitted.components.T, atol=1e-3)
    assert (fitted.components[np.arange(3), np.abs(fitted.components).argmax(axis=1)] > 0).all()


def test_pca_refuses_what_the_data_do_not_span() -> None:
    x = np.random.default_rng(0).standard_normal((100, 2)).astype(np.float32) @ np.ones((2, 5), np.float32)
    with pytest.raises(FitError, match="100 points span 1 dimensions, 2 are asked for"):
        fit_pca(x, 2)
    with pytest.raises(FitError):
        fit_pca(x, 6)
    with pytest.raises(FitError):
        fit_pca(x[:0], 1)
