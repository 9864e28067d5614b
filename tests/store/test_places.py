"""Where the folders of an index are when it, or they, have moved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from store_samples import create

from resight.store import Batch, Image, Root, Store

pytestmark = pytest.mark.usefixtures("unsynced")


def indexed(place: Path, folder: Path, path: str = "x.resight") -> Store:
    """An index in `place` of the one photo of 5 bytes in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.jpg").write_bytes(b"photo")
    place.mkdir(parents=True, exist_ok=True)
    store = create(place / path)
    with store.writing():
        store.commit(Batch([Image(1, "p/a.jpg", 5, 5, "00", 1, 1)], {}), roots={1: Root(str(folder), "p/")})
    return store


def where(path: Path) -> str:
    return Store.open(path, read_only=True).snapshot().roots[1].path


def test_an_index_and_its_photos_move_together(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    indexed(disk, disk / "photos")
    disk.rename(tmp_path / "elsewhere")
    assert where(tmp_path / "elsewhere" / "x.resight") == str(tmp_path / "elsewhere" / "photos")


def test_an_index_that_lies_in_the_folder_of_its_photos_moves_with_it(tmp_path: Path) -> None:
    indexed(tmp_path / "photos", tmp_path / "photos")
    (tmp_path / "photos").rename(tmp_path / "moved")
    assert where(tmp_path / "moved" / "x.resight") == str(tmp_path / "moved")


def test_an_index_that_moves_alone_keeps_its_folder(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    indexed(disk, disk / "photos")
    (disk / "x.resight").rename(tmp_path / "x.resight")
    assert where(tmp_path / "x.resight") == str(disk / "photos")


def test_photos_that_lie_elsewhere_have_one_path(tmp_path: Path) -> None:
    store = indexed(tmp_path / "indexes", tmp_path / "photos")
    assert store.snapshot().roots[1] == Root(str(tmp_path / "photos"), "p/")


def test_of_two_places_the_one_with_the_known_photos_counts(tmp_path: Path) -> None:
    disk, backup = tmp_path / "disk", tmp_path / "backup"
    indexed(disk, disk / "photos")
    shutil.copytree(disk, backup)
    assert where(backup / "x.resight") == str(backup / "photos")
    (backup / "photos" / "a.jpg").write_bytes(b"something else of the same name")
    assert where(backup / "x.resight") == str(disk / "photos")
    shutil.rmtree(disk)
    assert where(backup / "x.resight") == str(backup / "photos")
    shutil.rmtree(backup / "photos")
    assert where(backup / "x.resight") == str(disk / "photos")


def test_the_next_change_of_a_root_keeps_the_place_that_it_has_now(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    indexed(disk, disk / "photos")
    disk.rename(tmp_path / "elsewhere")
    store = Store.open(tmp_path / "elsewhere" / "x.resight", read_only=False)
    with store.writing():
        store.commit(roots=store.snapshot().roots)
    store.path.rename(tmp_path / "x.resight")
    assert where(tmp_path / "x.resight") == str(tmp_path / "elsewhere" / "photos")
