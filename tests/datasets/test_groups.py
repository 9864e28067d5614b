"""A folder per group: who asks for whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from resight.datasets.dataset import JudgedQuery
from resight.datasets.groups import read_groups
from resight.errors import ImageError, UsageError


def fill(folder: Path, *names: str) -> Path:
    """Files of these names; they need not be photos to be listed."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def test_every_photo_asks_for_the_others_of_its_folder(tmp_path: Path) -> None:
    fill(tmp_path / "set", "cup/1.jpg", "cup/2.jpg", "cup/old/3.jpg", "can/1.jpg", "can/2.PNG", "can/notes.txt")
    dataset = read_groups(tmp_path / "set")
    assert dataset.name == "set"
    assert dataset.root == tmp_path / "set"
    assert dataset.images == ("can/1.jpg", "can/2.PNG", "cup/1.jpg", "cup/2.jpg", "cup/old/3.jpg")
    assert {query.id: set(query.positives) for query in dataset.queries} == {
        "can/1.jpg": {"can/2.PNG"},
        "can/2.PNG": {"can/1.jpg"},
        "cup/1.jpg": {"cup/2.jpg", "cup/old/3.jpg"},
        "cup/2.jpg": {"cup/1.jpg", "cup/old/3.jpg"},
        "cup/old/3.jpg": {"cup/1.jpg", "cup/2.jpg"},
    }
    assert dataset.queries[0] == JudgedQuery(
        "can/1.jpg", "can/1.jpg", frozenset({"can/2.PNG"}), frozenset({"can/1.jpg"}), group="can"
    )


def test_a_photo_that_has_nothing_to_find_is_searched_and_does_not_ask(tmp_path: Path) -> None:
    dataset = read_groups(fill(tmp_path, "cup/1.jpg", "cup/2.jpg", "jar/1.jpg", "other.jpg"))
    assert dataset.images == ("cup/1.jpg", "cup/2.jpg", "jar/1.jpg", "other.jpg")
    assert [query.id for query in dataset.queries] == ["cup/1.jpg", "cup/2.jpg"]


def test_without_groups_there_is_nothing_to_ask(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        read_groups(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no folder in it has two photos or more"):
        read_groups(fill(tmp_path, "1.jpg", "2.jpg", "cup/1.jpg"))


def test_one_group_alone_cannot_be_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="all photos are in one group, images"):
        read_groups(fill(tmp_path, "images/1.jpg", "images/2.jpg"))


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    fill(tmp_path, "cup/1.jpg", "cup/2.jpg", "can/1.jpg")
    (tmp_path / "can/2.jpg").symlink_to(tmp_path / "gone.jpg")
    with pytest.raises(ImageError, match=r"can/2\.jpg: is a link to nothing"):
        read_groups(tmp_path)
