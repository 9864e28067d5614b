"""What a fit of visual words keeps."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from resight.learned.artefact import dequantise
from resight.learned.assignment import FILTER_LIMIT, Assigner
from resight.learned.codebook import POINTS_PER_WORD, fit_codebook
from resight.learned.passes import Terms
from resight.learned.words import fit_words
from resight.words.kinds import Asmk, Bow, Hamming
from resight.words.methods.hamming import HAMMING_BITS, fit_signatures

SAMPLE = np.random.default_rng(0).random((400, HAMMING_BITS)).astype(np.float32)


@pytest.mark.slow
def test_a_large_codebook_keeps_its_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    size = FILTER_LIMIT + 1
    rng = np.random.default_rng(0)
    monkeypatch.setattr("resight.learned.codebook.fit_codebook", lambda x, size, rng, progress: x[:size])
    sample = rng.random((size * POINTS_PER_WORD, 4), np.float32)
    arrays = dequantise(fit_words(sample, size, rng, Terms(0)))
    assigner = Assigner(arrays["centroids"], arrays["graph"])
    words, _ = assigner.assign(arrays["centroids"][::997])
    assert (words[:, 0] == np.arange(0, size, 997)).mean() > 0.98


def test_centroids_are_those_of_the_seed_to_a_byte() -> None:
    (codebook,) = Bow(size=8).passes
    arrays = codebook.fit(SAMPLE, Terms(seed=3))
    assert arrays["centroids"].dtype == np.uint8
    exact = fit_codebook(SAMPLE, 8, 3)
    np.testing.assert_allclose(dequantise(arrays)["centroids"], exact, atol=np.ptp(exact) / 500)
    (same,) = Asmk(size=8).passes
    np.testing.assert_array_equal(same.fit(SAMPLE, Terms(seed=3))["centroids"], arrays["centroids"])


def test_signatures_are_fitted_on_the_words_as_they_are_kept() -> None:
    (both,) = Hamming(size=8).passes
    arrays = dequantise(both.fit(SAMPLE, Terms(0)))
    words = Assigner(arrays["centroids"]).assign(SAMPLE)[0][:, 0]
    projected = SAMPLE @ arrays["projection"].T
    for word in range(8):
        own = np.median(projected[words == word], axis=0)
        np.testing.assert_allclose(arrays["medians"][word], own, atol=np.ptp(arrays["medians"]) / 100)
    alone = fit_signatures(SAMPLE, arrays["centroids"], np.random.default_rng(0))
    assert alone["medians"].shape == (8, HAMMING_BITS)


def test_few_descriptors_are_words_enough_for_fewer(caplog: pytest.LogCaptureFixture) -> None:
    (codebook,) = Bow(size=1000).passes
    with caplog.at_level(logging.WARNING, "resight"):
        arrays = codebook.fit(SAMPLE, Terms(0))
    size = len(arrays["centroids"])
    assert caplog.messages == [f"400 descriptors are enough for {size} words, not for 1000: fitting {size}"]
