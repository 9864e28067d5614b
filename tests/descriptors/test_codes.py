"""Neural codes and MOP-CNN from given activations."""

from __future__ import annotations

import numpy as np
import pytest

from resight.descriptors.codes import mop, neural_codes
from resight.errors import UsageError
from resight.learned.assignment import Assigner


def test_neural_codes_have_norm_one_and_zeros_stay():
    x = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    x[2] = 0
    codes = neural_codes(x)
    assert codes.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), [1, 1, 0, 1], atol=1e-6)
    np.testing.assert_allclose(codes[0] * np.linalg.norm(x[0]), x[0], rtol=1e-5)


def test_mop_is_the_image_and_a_vlad_of_each_level():
    rng = np.random.default_rng(1)
    levels = [rng.normal(size=(m, d)).astype(np.float32) for m, d in ((1, 10), (9, 4), (25, 6))]
    codebooks = [rng.normal(size=(3, d)).astype(np.float32) for d in (4, 6)]
    found = mop(levels, [Assigner(words) for words in codebooks])
    parts = [levels[0][0] / np.linalg.norm(levels[0][0])]
    for x, words in zip(levels[1:], codebooks, strict=True):
        sums = np.zeros(words.shape)
        for row in x:
            word = np.argmin(((words - row) ** 2).sum(axis=1))
            sums[word] += row - words[word]
        parts.append(sums.ravel() / np.linalg.norm(sums))
    expected = np.concatenate(parts) / np.sqrt(3)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_levels_and_codebooks_must_go_together():
    x = np.ones((1, 4), np.float32)
    with pytest.raises(UsageError, match="2 levels need 1 codebooks, not 0"):
        mop([x, x], [])
    with pytest.raises(UsageError, match="0 levels"):
        mop([], [])
    with pytest.raises(UsageError, match="one row, not 2"):
        mop([np.ones((2, 4), np.float32)], [])
