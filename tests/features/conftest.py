"""Fixtures for tests of features: where real weights are, and an environment that has none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of real weights, which RESIGHT_WEIGHTS names during the test, or skips."""
    folder = Path(os.environ.get("RESIGHT_WEIGHTS", SHARED / "weights"))
    if not folder.is_dir():
        pytest.skip(f"no weights at {folder}: set RESIGHT_WEIGHTS to the folder that has them")
    monkeypatch.setenv("RESIGHT_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No folder of weights, and an empty cache, whose folder this is."""
    monkeypatch.delenv("RESIGHT_WEIGHTS", raising=False)
    monkeypatch.setenv("RESIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
