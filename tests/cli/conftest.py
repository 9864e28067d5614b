"""Runs the command in this process, on a rendered world that is indexed once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from resight.cli.main import app
from resight.index.index import Index

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_progress_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, no line says how far a command is."""
    monkeypatch.setattr("resight.cli.progress.FIRST_LINE", float("inf"))


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs `resight` with the given arguments in this process."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="resight")

    return run


@pytest.fixture(scope="session")
def photos_of_world(world_folder: Path) -> Path:
    """The folder of the world's photos."""
    return world_folder / "images"


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, photos_of_world: Path) -> Path:
    """An index of the world by the default recipe. Do not change it: `own_index` is there for that."""
    path = tmp_path_factory.mktemp("indexed") / "world.resight"
    Index.create(path).add(photos_of_world)
    return path


@pytest.fixture
def own_photos(tmp_path: Path, photos_of_world: Path) -> Path:
    """Four photos in a folder that a test may change: two of one thing, and two others."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("poster-02_1.jpg", "poster-02_2.jpg", "other-000.jpg", "facade-00_1.jpg"):
        shutil.copy2(photos_of_world / name, folder / name)
    return folder


@pytest.fixture
def own_index(tmp_path: Path, own_photos: Path) -> Path:
    """An index of `own_photos` that a test may change."""
    path = tmp_path / "own.resight"
    Index.create(path).add(own_photos)
    return path
