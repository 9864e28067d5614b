"""A file is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resight.files import write_whole


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    for data in (b"old and long", b"new"):
        write_whole(tmp_path / "a.txt", data)
    assert (tmp_path / "a.txt").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "a.txt", b"old")

    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a.txt", b"new")
    assert (tmp_path / "a.txt").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("a.txt")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.txt").read_bytes() == b"new"


@pytest.mark.parametrize("place", ["folder", "pipe"])
def test_what_is_no_file_is_never_replaced(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    os.mkdir(path) if place == "folder" else os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file"):
        write_whole(path, b"new")
    assert os.listdir(tmp_path) == [place]
