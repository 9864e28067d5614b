"""Hamming embedding: weights, geometric consistency, and the case in which it is a bag of words."""

from __future__ import annotations

import numpy as np
import pytest

from resight.words.bow import bow_scores
from resight.words.evidence import ImageWords
from resight.words.hamming import consistent_weight, hamming_score, match_weights
from resight.words.instructions import bit_distance


def image(rng, m, codebook):
    words = np.sort(rng.integers(0, codebook, m)).astype(np.int32)
    return ImageWords(
        words=words,
        features=np.arange(m, dtype=np.int32),
        xy=np.zeros((m, 2), np.float32),
        scale=np.exp2(rng.uniform(0, 4, m)).astype(np.float32),
        angle=rng.uniform(0, 6, m).astype(np.float32),
        size=(100, 100),
        signatures=rng.integers(0, 2**63, (m, 1), dtype=np.uint64),
    )


def test_weights_stop_after_the_threshold():
    found = match_weights(64, 24, 16.0)
    assert found.shape == (65,)
    assert found[0] == 1
    assert found[24] == pytest.approx(np.exp(-((24 / 16) ** 2)))
    assert not found[25:].any()
    np.testing.assert_array_equal(match_weights(64, 24, 0.0)[:25], 1)


def test_without_a_threshold_it_is_the_cosine_of_tf_idf():
    rng = np.random.default_rng(0)
    a, b, idf = image(rng, 30, 8), image(rng, 40, 8), rng.uniform(0, 2, 8)
    found = hamming_score(a, b, idf, weights=match_weights(64, 64, 0.0), wgc=False, burstiness=False)
    counts = [np.bincount(i.words, minlength=8) for i in (a, b)]
    assert found == pytest.approx(bow_scores(counts[0], counts[1][None], idf, tf="raw", burstiness=False)[0])


def test_an_image_is_most_like_itself():
    rng = np.random.default_rng(1)
    a, b, idf = image(rng, 30, 8), image(rng, 30, 8), np.ones(8)
    weights = match_weights(64, 24, 16.0)
    scores = [hamming_score(a, other, idf, weights=weights, wgc=True, burstiness=True) for other in (a, b)]
    assert scores[0] > scores[1]


def test_matches_that_agree_count_in_full_and_others_do_not():
    weights, ratios, turns = np.ones(20), np.full(20, 2.0), np.full(20, 0.3)
    assert consistent_weight(weights, ratios, turns) == 20
    spread = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    assert consistent_weight(weights, ratios, spread) <= 4
    assert consistent_weight(weights, np.exp2(np.linspace(-4, 3.5, 20)), turns) <= 4


def test_a_small_noise_around_no_change_stays_together():
    rng = np.random.default_rng(2)
    ratios, turns = np.exp2(rng.normal(0, 0.05, 50)), rng.normal(0, 0.05, 50)
    assert consistent_weight(np.ones(50), ratios, turns) == 50


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_distance_counts_bits(width):
    rng = np.random.default_rng(3)
    signatures = rng.integers(0, 2**64, (20, width), dtype=np.uint64)
    wanted = rng.integers(0, 2**64, width, dtype=np.uint64)
    for row in range(20):
        expected = sum(int(a ^ b).bit_count() for a, b in zip(signatures[row], wanted, strict=True))
        assert bit_distance(signatures, row, wanted) == expected
