"""VLAD against its definition in a loop and against another implementation."""

from __future__ import annotations

import numpy as np
import pytest

from resight.descriptors.vlad import residual_sums, vlad


def in_a_loop(x, words, centroids):
    sums = np.zeros(centroids.shape)
    for row, word in zip(x, words, strict=True):
        sums[word] += row - centroids[word]
    return sums


def test_residual_sums_equal_the_loop():
    rng = np.random.default_rng(0)
    x, words, centroids = rng.normal(size=(50, 8)), rng.integers(0, 6, 50), rng.normal(size=(7, 8))
    np.testing.assert_allclose(residual_sums(x, words, centroids), in_a_loop(x, words, centroids), atol=1e-12)


def test_the_order_of_descriptors_does_not_matter():
    rng = np.random.default_rng(1)
    x, words, centroids = rng.normal(size=(50, 8)), rng.integers(0, 6, 50), rng.normal(size=(6, 8))
    order = rng.permutation(50)
    np.testing.assert_allclose(vlad(x[order], words[order], centroids), vlad(x, words, centroids), atol=1e-6)


@pytest.mark.parametrize("normalisation", ["power", "intra", "power-intra", "l2"])
def test_the_norm_is_one_and_an_empty_image_is_zeros(normalisation):
    rng = np.random.default_rng(2)
    x, words, centroids = rng.normal(size=(50, 8)), rng.integers(0, 6, 50), rng.normal(size=(6, 8))
    assert np.linalg.norm(vlad(x, words, centroids, normalisation=normalisation)) == pytest.approx(1, abs=1e-6)
    empty = vlad(x[:0], words[:0], centroids, normalisation=normalisation)
    assert empty.dtype == np.float32
    assert empty.shape == (48,)
    assert not empty.any()


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("vlad")
    forms = {
        "exact_l2": "l2",
        "exact_power0_5_l2": "power",
        "pyvisim_intra": "intra",
        "pyvisim_power0_5_intra": "power-intra",
    }
    for case in range(int(values["n_cases"])):
        given = {name: values[f"case{case}_{name}"] for name in ("codebook", "descriptors", "image_ids", "words")}
        for row, image in enumerate(np.unique(given["image_ids"])):
            chosen = given["image_ids"] == image
            x, words = given["descriptors"][chosen], given["words"][chosen]
            sums = residual_sums(x, words, given["codebook"])
            np.testing.assert_allclose(sums, values[f"case{case}_residual_sums"][row], atol=1e-6)
            for name, normalisation in forms.items():
                found = vlad(x, words, given["codebook"], normalisation=normalisation)
                np.testing.assert_allclose(found, values[f"case{case}_{name}"][row], atol=2e-6)
