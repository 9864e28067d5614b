"""Errors go from process to process as they are."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from resight.errors import DamagedFileError, ImageError, ResightError, UsageError


@pytest.mark.parametrize(
    "error",
    [UsageError("k is -1"), ImageError("a.jpg", "no such file", may_pass=True), DamagedFileError(Path("a"), "cut off")],
)
def test_another_process_gets_the_same_error(error: ResightError) -> None:
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is type(error)
    assert (str(there), vars(there)) == (str(error), vars(error))
