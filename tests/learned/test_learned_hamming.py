"""Hamming embedding: orthonormal directions, medians, packed bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.learned.hamming import fit_medians, fit_projection, signatures, signatures_reference


def test_projections_are_orthonormal_and_repeatable() -> None:
    projection = fit_projection(128, 64, np.random.default_rng(0))
    assert projection.shape == (64, 128)
    assert projection.dtype == np.float32
    np.testing.assert_allclose(projection @ projection.T, np.eye(64), atol=1e-6)
    np.testing.assert_array_equal(projection, fit_projection(128, 64, np.random.default_rng(0)))
    with pytest.raises(ValueError, match="65 orthogonal directions"):
        fit_projection(64, 65, np.random.default_rng(0))


def test_projections_have_no_preferred_sign() -> None:
    rng = np.random.default_rng(0)
    first = np.array([fit_projection(3, 1, rng)[0] for _ in range(2000)])
    np.testing.assert_allclose(first.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose((first**2).mean(axis=0), 1 / 3, atol=0.03)


def data(n: int, words: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.random((n, 128), np.float32)
    return x, rng.integers(0, words, n).astype(np.int32), fit_projection(128, 64, rng)


def test_medians_are_those_of_each_word() -> None:
    x, words, projection = data(500, 7)
    medians = fit_medians(x, words, projection, 9)
    assert medians.shape == (9, 64)
    assert medians.dtype == np.float32
    projected = x @ projection.T
    for word in range(7):
        np.testing.assert_allclose(medians[word], np.median(projected[words == word], axis=0), atol=1e-6)
    for word in (7, 8):  # words without descriptors
        np.testing.assert_allclose(medians[word], np.median(projected, axis=0), atol=1e-6)
    assert not fit_medians(x[:0], words[:0], projection, 3).any()


def test_bits_are_balanced_in_each_word() -> None:
    x, words, projection = data(4000, 4)
    bits = np.unpackbits(
        signatures(x, words, projection, fit_medians(x, words, projection, 4)).view(np.uint8), axis=1
    ).mean()
    assert abs(bits - 0.5) < 0.01


@settings(max_examples=20, deadline=None)
@given(n=st.integers(0, 40), bits=st.sampled_from([64, 128]), seed=st.integers(0, 99))
def test_fast_signatures_are_the_reference(n: int, bits: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, words = rng.random((n, 128), np.float32), rng.integers(0, 5, n).astype(np.int32)
    projection = fit_projection(128, bits, rng)
    medians = rng.standard_normal((5, bits)).astype(np.float32)
    fast = signatures(x, words, projection, medians)
    assert fast.dtype == np.uint64
    assert fast.shape == (n, bits // 64)
    np.testing.assert_array_equal(fast, signatures_reference(x, words, projection, medians))


def test_bit_order_and_strictness() -> None:
    projection = np.eye(128, dtype=np.float32)
    x = np.zeros((1, 128), np.float32)
    x[0, [0, 65, 127]] = 1
    medians = np.zeros((1, 128), np.float32)
    expected = [[1, (1 << 1) | (1 << 63)]]
    for compute in (signatures, signatures_reference):
        assert compute(x, np.zeros(1, np.int32), projection, medians).tolist() == expected


def test_bits_that_do_not_fill_words() -> None:
    x, words, projection = data(3, 2)
    with pytest.raises(ValueError, match="63 bits"):
        signatures(x, words, projection[:63], np.zeros((2, 63), np.float32))


def test_signatures_do_not_depend_on_the_batch() -> None:
    x, words, projection = data(300, 3)
    # Medians on the descriptors themselves: many projections lie exactly at, or a rounding away from, the threshold.
    medians = fit_medians(x, words, projection, 3)
    whole = signatures(x, words, projection, medians)
    single = np.concatenate([signatures(x[i : i + 1], words[i : i + 1], projection, medians) for i in range(300)])
    np.testing.assert_array_equal(single, whole)
