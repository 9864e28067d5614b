"""Arrays of a file are told from those that a layout has."""

from __future__ import annotations

import numpy as np
import pytest

from resight.kernels.soundness import finite, misshapen, shared_out


def test_arrays_of_the_expected_type_and_shape_have_no_fault() -> None:
    arrays = {"vectors": np.zeros((3, 4), np.float32), "more": np.zeros(1)}
    assert misshapen(arrays, {"vectors": (np.float32, (3, 4))}) is None
    assert misshapen(arrays, {"vectors": (np.float32, (None, 4))}) is None


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 5), np.float32), np.zeros((3, 4)), np.zeros(12, np.float32), np.zeros((3, 4, 1), np.float32)],
)
def test_another_type_or_shape_is_a_fault(array: np.ndarray) -> None:
    found = misshapen({"vectors": array}, {"vectors": (np.float32, (3, 4))})
    assert found is not None
    assert found[0] == "vectors"


def test_a_missing_array_is_a_fault() -> None:
    assert misshapen({}, {"ids": (np.int64, (None,))}) == ("ids", "is missing")


@pytest.mark.parametrize(
    ("offsets", "sound"), [([0, 2, 2, 5], True), ([0, 5], True), ([1, 5], False), ([0, 4], False), ([0, 6, 5], False)]
)
def test_offsets_share_out_what_there_is(offsets: list[int], sound: bool) -> None:
    assert shared_out(np.array(offsets), 5) is sound


def test_finite_looks_at_every_row() -> None:
    numbers = np.zeros((70_000, 2), np.float16)
    assert finite(numbers)
    numbers[69_999, 1] = np.nan
    assert not finite(numbers)
