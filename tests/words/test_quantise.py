"""Features and words to evidence: order, weights, signatures."""

from __future__ import annotations

import numpy as np
import pytest

from resight.features.local import LocalFeatures
from resight.words.asmk import aggregate_residuals, pack_signs
from resight.words.quantise import quantise_asmk, quantise_bow, quantise_hamming, soft_weights

SIZE = (640, 480)


def features(rng, m, d):
    return LocalFeatures(
        rng.random((m, 2)).astype(np.float32),
        rng.random(m).astype(np.float32),
        rng.random(m).astype(np.float32),
        rng.normal(size=(m, d)).astype(np.float32),
    )


def nearest(x, centroids, k):
    distances = ((x[:, None] - centroids) ** 2).sum(axis=2)
    words = np.argsort(distances, axis=1)[:, :k].astype(np.int32)
    return words, np.take_along_axis(distances, words, axis=1).astype(np.float32)


def test_rows_are_sorted_by_word_then_feature():
    words = np.array([[5, 1], [1, 7], [5, 2]], np.int32)
    weights = np.arange(6, dtype=np.float32).reshape(3, 2)
    found = quantise_bow(features(np.random.default_rng(0), 3, 4), words, SIZE, weights)
    np.testing.assert_array_equal(found.words, [1, 1, 2, 5, 5, 7])
    np.testing.assert_array_equal(found.features, [0, 1, 2, 0, 2, 1])
    np.testing.assert_array_equal(found.weights, [1, 2, 5, 0, 4, 3])
    assert found.size == SIZE


def test_hamming_signatures_follow_their_rows():
    words = np.array([[5, 1], [1, 7]], np.int32)
    signatures = np.arange(4, dtype=np.uint64).reshape(4, 1)
    found = quantise_hamming(features(np.random.default_rng(0), 2, 4), words, signatures, SIZE)
    np.testing.assert_array_equal(found.signatures[:, 0], [1, 2, 0, 3])


def test_soft_weights_are_the_formula_and_do_not_underflow():
    distances = np.array([[0.1, 0.2, 0.5], [1000, 1000, 2000]], np.float32)
    sigma = 0.5
    expected = np.exp(-distances[0] / (2 * sigma**2))
    found = soft_weights(distances, sigma)
    np.testing.assert_allclose(found[0], expected / expected.sum(), rtol=1e-6)
    np.testing.assert_allclose(found[1], [0.5, 0.5, 0])


@pytest.mark.parametrize(("k", "d"), [(1, 128), (5, 128), (3, 40)])
def test_asmk_signatures_equal_the_plain_form(k, d):
    rng = np.random.default_rng(k)
    local, centroids = features(rng, 60, d), rng.normal(size=(20, d)).astype(np.float32)
    words, _ = nearest(local.descriptors, centroids, k)
    found = quantise_asmk(local, words, centroids, SIZE)
    distinct, sums = aggregate_residuals(local.descriptors, words, centroids)
    np.testing.assert_array_equal(np.unique(found.words), distinct)
    np.testing.assert_array_equal(found.aggregated, pack_signs(sums))
    each = local.descriptors[found.features] - centroids[found.words]
    np.testing.assert_array_equal(found.signatures, pack_signs(each))


def test_a_residual_of_zero_has_no_bit():
    centroids = np.zeros((1, 64), np.float32)
    local = LocalFeatures(*(np.zeros(s, np.float32) for s in [(1, 2), (1,), (1,), (1, 64)]))
    found = quantise_asmk(local, np.zeros((1, 1), np.int32), centroids, SIZE)
    assert found.aggregated[0, 0] == found.signatures[0, 0] == 0


def test_no_features_are_no_words():
    empty = features(np.random.default_rng(0), 0, 8)
    found = quantise_asmk(empty, np.empty((0, 5), np.int32), np.zeros((3, 8), np.float32), SIZE)
    assert len(found) == 0
    assert found.aggregated.shape == (0, 1)
