"""Fisher vectors against numerical derivatives and against another implementation."""

from __future__ import annotations

import numpy as np
import pytest

from resight.descriptors.fisher import fisher_gradients, fisher_vector
from resight.learned.mixture import Mixture


def mixture(seed, components=4, d=5):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1.5, components)
    return Mixture(weights / weights.sum(), rng.normal(size=(components, d)), rng.uniform(0.5, 2.0, (components, d)))


def log_likelihood(x, weights, means, sigmas):
    each = [
        w * np.prod(np.exp(-0.5 * ((x - m) / s) ** 2) / np.sqrt(2 * np.pi) / s, axis=1)
        for w, m, s in zip(weights, means, sigmas, strict=True)
    ]
    return np.log(np.sum(each, axis=0)).mean()


def test_gradients_are_derivatives_of_the_likelihood():
    model = mixture(0)
    weights, means, sigmas = model.weights, model.means, np.sqrt(model.variances)
    x = np.random.default_rng(1).normal(size=(30, 5))
    found = fisher_gradients(x, model)
    step = 1e-6
    for k, j in [(0, 0), (2, 3), (3, 4)]:
        moved = means.copy()
        moved[k, j] += step
        slope = (log_likelihood(x, weights, moved, sigmas) - log_likelihood(x, weights, means, sigmas)) / step
        assert found["means"][k, j] == pytest.approx(slope * sigmas[k, j] / np.sqrt(weights[k]), abs=1e-5)
        moved = sigmas.copy()
        moved[k, j] += step
        slope = (log_likelihood(x, weights, means, moved) - log_likelihood(x, weights, means, sigmas)) / step
        assert found["sigmas"][k, j] == pytest.approx(slope * sigmas[k, j] / np.sqrt(2 * weights[k]), abs=1e-5)


def test_repeated_descriptors_change_nothing():
    model = mixture(2)
    x = np.random.default_rng(3).normal(size=(10, 5))
    twice = fisher_vector(np.concatenate([x, x]), model, gradients=("weights", "means", "sigmas"))
    once = fisher_vector(x, model, gradients=("weights", "means", "sigmas"))
    np.testing.assert_allclose(twice, once, atol=1e-6)


def test_an_empty_image_is_zeros_of_the_same_shape():
    model = mixture(4)
    for gradients in [("means",), ("weights", "means", "sigmas")]:
        full = fisher_vector(np.ones((3, 5)), model, gradients=gradients)
        empty = fisher_vector(np.empty((0, 5)), model, gradients=gradients)
        assert full.shape == empty.shape
        assert not empty.any()


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("fisher")
    for case in range(int(values["n_cases"])):
        x = values[f"case{case}_descriptors"]
        model = Mixture(*(values[f"case{case}_{name}"] for name in ("weights", "means", "variances")))
        parts = fisher_gradients(x, model)
        for name in ("weights", "means", "sigmas"):
            np.testing.assert_allclose(parts[name], values[f"case{case}_gradient_{name}"], atol=1e-12, err_msg=name)
        found = fisher_vector(x, model, gradients=("weights", "means", "sigmas"), power=float(values["alpha"]))
        expected = values[f"case{case}_skimage_improved"].copy()
        expected[-parts["sigmas"].size :] *= -1
        np.testing.assert_allclose(found, expected, atol=1e-6)
