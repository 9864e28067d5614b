"""Fixtures for tests of features: an environment that has no weights."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No folder of weights, and an empty cache, whose folder this is."""
    monkeypatch.delenv("RESIGHT_WEIGHTS", raising=False)
    monkeypatch.setenv("RESIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
