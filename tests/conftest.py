"""Fixtures shared by all tests: where golden values and real photos are, and what is skipped without them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# The same examples each time, however long one takes: no test depends on chance or the clock.
settings.register_profile("resight", deadline=None, derandomize=True)
settings.load_profile("resight")

SHARED = Path(__file__).resolve().parents[2] / "shared"

# Folders of tests lie in memory where there is plenty: killed processes lose nothing there that they would not lose on
# a disk, and making and deleting a hundred thousand small files takes seconds instead of minutes.
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 6 * 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session", autouse=True)
def _checked_in_a_folder_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps what is remembered of the indexes of tests out of a person's cache."""
    from resight.store import checked

    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("checked")
        patch.setattr(checked, "cache_folder", lambda kind: folder / kind)
        yield


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


@pytest.fixture(scope="session")
def protocols() -> Path:
    """The folder of published ground-truth files, or skips."""
    folder = Path(os.environ.get("RESIGHT_PROTOCOLS", SHARED / "protocols"))
    if not folder.is_dir():
        pytest.skip(f"no ground truth at {folder}: set RESIGHT_PROTOCOLS to the folder that has it")
    return folder


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of real weights, which RESIGHT_WEIGHTS names during the test, or skips."""
    folder = Path(os.environ.get("RESIGHT_WEIGHTS", SHARED / "weights"))
    if not folder.is_dir():
        pytest.skip(f"no weights at {folder}: set RESIGHT_WEIGHTS to the folder that has them")
    monkeypatch.setenv("RESIGHT_WEIGHTS", str(folder))
    return folder


@pytest.fixture(scope="session")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small recipe of each method, METHOD.toml, and what they are fitted with."""
    from index_samples import write_recipes

    return write_recipes(tmp_path_factory.mktemp("recipes"))


@pytest.fixture(scope="session")
def world_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small rendered data set: `images/` 20 photos, `groundtruth.json`, 8 queries. Do not change it."""
    from resight.worlds.world import render_world, save_world

    world = render_world(7, objects=4, views=2, queries=2, look_alikes=0, distractors=4, size=400)
    return save_world(world, tmp_path_factory.mktemp("world") / "small")


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Does not wait for the disk, which only tests of a lost machine would have to."""
    from resight.store import catalogue

    connect = catalogue.connect

    def unsynced_connect(path: Path, mode: str) -> Any:
        connection = connect(path, mode)
        if mode != "ro":
            connection.execute("PRAGMA synchronous = OFF")
        return connection

    monkeypatch.setattr(catalogue, "connect", unsynced_connect)
    monkeypatch.setattr(os, "fsync", lambda _: None)
