"""ASMK: its pieces by hand, and both forms against another implementation."""

from __future__ import annotations

import numpy as np
import pytest

from resight.words.asmk import (
    aggregate_residuals,
    asmk_score,
    cosine_similarity,
    distance_gain,
    pack_signs,
    selectivity,
    sign_similarity,
    word_weights,
)


def test_signs_are_packed_from_the_lowest_bit():
    row = np.zeros((1, 70), np.float32)
    row[0, [0, 3, 65]] = 1, 2, 0.5
    row[0, 1] = -1
    np.testing.assert_array_equal(pack_signs(row), [[0b1001, 0b10]])


def test_selectivity_keeps_the_threshold_itself():
    found = selectivity(np.array([-0.5, 0.0, 0.19, 0.2, 1.0]), 3.0, 0.2)
    np.testing.assert_allclose(found, [0, 0, 0, 0.008, 1])


def test_the_gain_by_distance_is_the_similarity_of_signs():
    similarity = sign_similarity(128)(np.zeros((1, 2), np.uint64), np.array([[0b111, 0]], np.uint64))
    assert similarity[0] == 1 - 6 / 128
    assert distance_gain(128, 3.0, 0.0)[3] == np.float32((1 - 6 / 128) ** 3)
    assert not distance_gain(128, 3.0, 0.25)[49:].any()
    assert distance_gain(128, 3.0, 0.25)[48] > 0


def test_an_image_has_similarity_one_with_itself():
    rng = np.random.default_rng(0)
    distinct, sums = aggregate_residuals(
        rng.normal(size=(30, 16)).astype(np.float32),
        rng.integers(0, 9, 30),
        rng.normal(size=(9, 16)).astype(np.float32),
    )
    for form, similarity in [(sums, cosine_similarity), (pack_signs(sums), sign_similarity(16))]:
        itself = distinct, form
        found = asmk_score(itself, itself, np.ones(9), similarity=similarity, alpha=3.0, threshold=0.0)
        assert found == pytest.approx(1, abs=1e-6)


def test_a_zero_residual_is_like_nothing():
    assert cosine_similarity(np.zeros((1, 4), np.float32), np.ones((1, 4), np.float32))[0] == 0


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("asmk")
    codebook = values["codebook"]

    def images(x, ids, k):
        distances = ((x[:, None] - codebook) ** 2).sum(axis=2)
        words = np.argsort(distances, axis=1)[:, :k]
        return [aggregate_residuals(x[ids == i], words[ids == i], codebook) for i in np.unique(ids)]

    database = images(values["database"], values["database_ids"], int(values["db_multiple_assignment"]))
    frequency = np.bincount(np.concatenate([words for words, _ in database]), minlength=len(codebook))
    for case in range(int(values["n_cases"])):
        given = {name: values[f"case{case}_{name}"].item() for name in ("binary", "alpha", "threshold", "use_idf")}
        queries = images(values["queries"], values["query_ids"], int(values[f"case{case}_query_multiple_assignment"]))
        weights = word_weights(frequency, len(database)) if given["use_idf"] else np.ones(len(codebook))
        form, similarity = (
            (pack_signs, sign_similarity(codebook.shape[1])) if given["binary"] else (lambda s: s, cosine_similarity)
        )
        found = [
            [
                asmk_score(
                    (q, form(qs)), (w, form(ws)), weights, similarity=similarity, alpha=given["alpha"],
                    threshold=given["threshold"],
                )
                for w, ws in database
            ]
            for q, qs in queries
        ]  # fmt: skip
        np.testing.assert_allclose(found, values[f"case{case}_scores"], atol=2e-6, err_msg=f"case {case}")
