"""Photos are read once; those that are missing or changed are left out, and too many of them are an error."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resight.errors import UsageError
from resight.folders.walking import escape_name
from resight.images import decode
from resight.training.photos import open_photos
from resight.training.tuples import Photo, Tuples, read_tuples


@pytest.fixture
def read(tuples_folder: Path) -> Tuples:
    return read_tuples(tuples_folder)


def changed(tuples: Tuples, count: int, **fields: str) -> Tuples:
    photos = dict(tuples.photos)
    for name in sorted(photos)[:count]:
        photos[name] = replace(photos[name], **fields)  # type: ignore[arg-type]
    return replace(tuples, photos=photos)


@pytest.mark.parametrize("memory", [1 << 30, 10_000])
def test_photos_are_as_they_are_decoded(read: Tuples, tuples_folder: Path, memory: int) -> None:
    photos = open_photos(read, tuples_folder, 80, memory)
    assert list(photos.names) == sorted(read.photos)
    assert isinstance(photos[0], np.memmap) == (memory == 10_000)
    for row, name in enumerate(photos.names):
        wanted = decode(read.photos[name].file, 80).pixels
        assert np.array_equal(photos[row], wanted)
        assert photos.size(row) == (wanted.shape[1], wanted.shape[0])


def test_a_changed_photo_is_left_out(read: Tuples, tuples_folder: Path) -> None:
    photos = open_photos(changed(read, 1, hash="0" * 32), tuples_folder, 80, 1 << 30)
    first = sorted(read.photos)[0]
    assert photos.left_out == [(first, "is not the photo that was mined: its content has changed")]
    assert first not in photos.names


def test_many_missing_photos_are_an_error_that_says_what_to_do(read: Tuples, tuples_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"5 of \d+ photos .* no such file; say by --photos FOLDER"):
        open_photos(changed(read, 5, file="gone.jpg"), tuples_folder, 80, 1 << 30)


def test_photos_that_have_moved_are_found_by_name(read: Tuples, tuples_folder: Path, world_folder: Path) -> None:
    moved = replace(read, photos={name: Photo("gone", one.hash, 0) for name, one in read.photos.items()})
    photos = open_photos(moved, tuples_folder, 80, 1 << 30, world_folder / "images")
    assert list(photos.names) == sorted(read.photos)


@pytest.mark.parametrize("moved", [False, True])
def test_names_with_bytes_that_are_not_utf_8_are_found(read: Tuples, tmp_path: Path, moved: bool) -> None:
    one = sorted(read.photos)[0]
    file = tmp_path / os.fsdecode(b"50% \xe9t\xe9.jpg")
    shutil.copy(read.photos[one].file, file)
    name = escape_name(file.name)
    photo = Photo("gone" if moved else name, read.photos[one].hash, 0)
    tuples = replace(read, photos={name: photo}, anchors=[], pool=[name])
    photos = open_photos(tuples, tmp_path, 80, 1 << 30, tmp_path if moved else None)
    assert dict(photos.files) == {name: file}
    file.unlink()
    with pytest.raises(UsageError, match=r"50% .*t.*\.jpg: no such file"):
        open_photos(tuples, tmp_path, 80, 1 << 30, tmp_path if moved else None)
