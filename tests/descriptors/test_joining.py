"""Vectors joined in one."""

from __future__ import annotations

import numpy as np
import pytest

from resight.descriptors.joining import join
from resight.errors import UsageError


def units(rng: np.random.Generator, *sizes: int) -> list[np.ndarray]:
    vectors = [rng.normal(size=size).astype(np.float32) for size in sizes]
    return [vector / np.linalg.norm(vector) for vector in vectors]


def test_concatenations_are_as_similar_as_their_parts_weighted_by_squares() -> None:
    rng = np.random.default_rng(0)
    one, other = units(rng, 4, 9), units(rng, 4, 9)
    first, second = join(one, (1.0, 0.5), "concatenate"), join(other, (1.0, 0.5), "concatenate")
    assert first.shape == (13,)
    assert float(first @ first) == pytest.approx(1.0, abs=1e-6)
    expected = (one[0] @ other[0] + 0.25 * (one[1] @ other[1])) / 1.25
    assert float(first @ second) == pytest.approx(float(expected), abs=1e-6)


def test_a_sum_is_the_weighted_one() -> None:
    one, other = units(np.random.default_rng(1), 5, 5)
    expected = 2.0 * one + other
    np.testing.assert_allclose(join([one, other], (2.0, 1.0), "sum"), expected / np.linalg.norm(expected), atol=1e-6)
    assert not join([one, -one], (1.0, 1.0), "sum").any()


def test_vectors_of_unequal_dimensions_are_not_summed() -> None:
    with pytest.raises(UsageError, match="4, 5 dimensions cannot be summed"):
        join(units(np.random.default_rng(2), 4, 5), (1.0, 1.0), "sum")
