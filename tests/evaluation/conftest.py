"""Where the published ground truth of benchmarks is, and what is skipped without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture(scope="session")
def protocols() -> Path:
    """The folder of published ground-truth files, or skips."""
    folder = Path(os.environ.get("RESIGHT_PROTOCOLS", SHARED / "protocols"))
    if not folder.is_dir():
        pytest.skip(f"no ground truth at {folder}: set RESIGHT_PROTOCOLS to the folder that has it")
    return folder
