"""Where a person's remakable files are, also for a person without a home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resight.cache import cache_folder


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable says anything, and the home is /home/me."""
    for name in ("RESIGHT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")


@pytest.mark.parametrize(
    ("named", "folder"),
    [
        ({}, "/home/me/.cache/resight/weights"),
        ({"XDG_CACHE_HOME": "/var/cache"}, "/var/cache/resight/weights"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/me/.cache/resight/weights"),
        ({"XDG_CACHE_HOME": "/var/cache", "RESIGHT_CACHE": "/srv/resight"}, "/srv/resight/weights"),
    ],
)
def test_variables_name_the_folder(monkeypatch: pytest.MonkeyPatch, named: dict[str, str], folder: str) -> None:
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    assert cache_folder("weights") == Path(folder)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="this system has other homes")
def test_without_a_home_it_is_among_the_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # what it does for a user without an entry
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cache_folder("kernels") == tmp_path / f"resight-{os.getuid()}" / "kernels"
