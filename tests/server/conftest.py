"""A small index that is served to a client in this process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from resight.index import Index
from resight.server.app import create_app
from resight.server.service import Service
from resight.server.settings import Settings
from resight.server.shelf import shelve
from server_samples import Serve

NAMES = (
    "posters/poster-02_1.jpg",
    "posters/poster-02_2.jpg",
    "posters/poster-02_occlusion_1.jpg",
    "facade-00_1.jpg",
    "facade-00_2.jpg",
    "other-000.jpg",
    "other-001.jpg",
    "other-002.jpg",
)
METADATA = 'name,title,year\nposters/poster-02_1.jpg,"A poster, printed",1925\nother-000.jpg,<b>Harbour</b>,1931\n'


def copied(world_folder: Path, folder: Path) -> Path:
    """Photos of the world in folders."""
    for name in NAMES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(world_folder / "images" / target.name, target)
    return folder


@pytest.fixture(scope="session")
def served_photos(world_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photos of `served_index`. Do not change them."""
    return copied(world_folder, tmp_path_factory.mktemp("served") / "photos")


@pytest.fixture(scope="session")
def served_index(served_photos: Path) -> Path:
    """An index by the default recipe. Do not change it."""
    path = served_photos.with_name("Old Town.resight")
    Index.create(path).add(served_photos)
    return path


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Serves indexes with some settings; what runs beside requests is left out."""

    def serve(*paths: Path, tables: tuple[Path, ...] = (), **settings: object) -> TestClient:
        chosen = Settings(cache=tmp_path / "cache", **settings)  # type: ignore[arg-type]
        app = create_app(Service(shelve(paths, tables), chosen))
        return TestClient(app, base_url="http://127.0.0.1:8480", raise_server_exceptions=False)

    return serve


@pytest.fixture(scope="session")
def client(served_index: Path, tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """A client of a service of `served_index`, with metadata, that may not write."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "metadata.csv").write_text(METADATA, encoding="utf-8")
    service = Service(shelve([served_index], [folder / "metadata.csv"]), Settings(cache=folder / "cache"))
    return TestClient(create_app(service), base_url="http://127.0.0.1:8480", raise_server_exceptions=False)
