"""Fixtures shared by all tests: where golden values and real photos are, and what is skipped without them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Mapping[str, Any]]:
    """Loads one file of values that other implementations computed, or skips."""
    folder = Path(os.environ.get("RESIGHT_GOLDEN", SHARED / "golden"))

    def load(name: str) -> Mapping[str, Any]:
        path = folder / f"{name}.npz"
        if not path.is_file():
            pytest.skip(f"no golden values at {path}: set RESIGHT_GOLDEN to the folder that has them")
        with np.load(path, allow_pickle=False) as values:
            return dict(values)

    return load


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of real photo sets with ground truth, or skips."""
    folder = Path(os.environ.get("RESIGHT_PHOTOS", SHARED / "photos"))
    if not folder.is_dir():
        pytest.skip(f"no photos at {folder}: set RESIGHT_PHOTOS to the folder that has them")
    return folder
