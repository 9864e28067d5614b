"""tf-idf: by hand, and against another implementation."""

from __future__ import annotations

import numpy as np
import pytest

from resight.words.bow import bow_scores, inverse_document_frequency, term_gain


def test_idf_of_absent_and_omnipresent_words_is_zero():
    np.testing.assert_allclose(inverse_document_frequency(np.array([0, 1, 4]), 4), [0, np.log(4), 0])


def test_term_gains():
    np.testing.assert_allclose(term_gain(np.array([0, 0.5, 4]), "raw"), [0, 0.5, 4])
    np.testing.assert_allclose(term_gain(np.array([0, 0.5, 4]), "clipped"), [0, 0.5, 1])
    np.testing.assert_allclose(term_gain(np.array([0, 0.25, 4]), "sqrt"), [0, 0.5, 2])


def test_burstiness_divides_a_match_by_the_root_of_its_number():
    idf = np.array([1.0, 1.0])
    plain = bow_scores(np.array([1, 1]), np.array([[4, 1]]), idf, tf="raw", burstiness=False)
    less = bow_scores(np.array([1, 1]), np.array([[4, 1]]), idf, tf="raw", burstiness=True)
    norm = np.sqrt(17) * np.sqrt(2)
    assert plain[0] == pytest.approx(5 / norm)
    assert less[0] == pytest.approx((4 / 2 + 1) / norm)


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("bow")
    for case in range(int(values["n_cases"])):
        database, queries = values[f"case{case}_database_counts"], values[f"case{case}_query_counts"]
        frequency = (database > 0).sum(axis=0)
        np.testing.assert_array_equal(frequency, values[f"case{case}_document_frequency"])
        idf = inverse_document_frequency(frequency, len(database))
        np.testing.assert_allclose(idf, values[f"case{case}_idf"], atol=1e-12)
        for query, with_idf, without in zip(
            queries, values[f"case{case}_tfidf_scores"], values[f"case{case}_tf_scores"], strict=True
        ):
            np.testing.assert_allclose(
                bow_scores(query, database, idf, tf="raw", burstiness=False), with_idf, atol=1e-12
            )
            ones = np.ones_like(idf)
            np.testing.assert_allclose(
                bow_scores(query, database, ones, tf="raw", burstiness=False), without, atol=1e-12
            )
