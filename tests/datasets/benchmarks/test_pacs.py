"""PACS in miniature: every image is found in the domains that are not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from resight.datasets.benchmarks.pacs import DOMAINS, read_pacs
from resight.datasets.dataset import JudgedQuery
from resight.errors import ImageError, UsageError

NAMES = (
    "art_painting/dog/pic_001.jpg",
    "cartoon/dog/pic_001.jpg",
    "cartoon/house/pic_002.jpg",
    "photo/dog/056_0001.jpg",
    "photo/dog/056_0002.jpg",
    "photo/house/215_0001.jpg",
    "sketch/house/9001.png",
)


def fill(folder: Path, *names: str) -> Path:
    """Files of these names; they need not be photos to be listed."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def test_a_domain_is_held_out_in_turn(tmp_path: Path) -> None:
    dataset = read_pacs(fill(tmp_path, *NAMES, "splits/readme.jpg"))
    assert dataset.images == NAMES
    assert [query.id for query in dataset.queries] == [*NAMES]
    assert dataset.queries[3] == JudgedQuery(
        id="photo/dog/056_0001.jpg",
        image="photo/dog/056_0001.jpg",
        positives=frozenset({"art_painting/dog/pic_001.jpg", "cartoon/dog/pic_001.jpg"}),
        junk=frozenset({"photo/dog/056_0001.jpg", "photo/dog/056_0002.jpg", "photo/house/215_0001.jpg"}),
        group="photo",
    )
    assert dataset.queries[6].positives == {"cartoon/house/pic_002.jpg", "photo/house/215_0001.jpg"}
    assert dataset.rules.measure == "acc@1"
    assert dataset.path(NAMES[0]) == tmp_path / NAMES[0]


def test_what_is_missing_or_misplaced_is_named(tmp_path: Path) -> None:
    fill(tmp_path, *(name for name in NAMES if not name.startswith("photo/")))
    with pytest.raises(UsageError, match="photo: no such folder"):
        read_pacs(tmp_path)
    fill(tmp_path, "photo/loose.jpg")
    with pytest.raises(UsageError, match=r"photo/loose\.jpg: is not in the folder of a class"):
        read_pacs(tmp_path)


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    fill(tmp_path, *NAMES)
    (tmp_path / "photo/dog/gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    with pytest.raises(ImageError, match=r"photo/dog/gone\.jpg: is a link to nothing"):
        read_pacs(tmp_path)


def test_four_empty_folders_are_no_data_set(tmp_path: Path) -> None:
    for domain in DOMAINS:
        (tmp_path / domain).mkdir()
    with pytest.raises(UsageError, match="there is no image in art_painting, cartoon, photo, sketch"):
        read_pacs(tmp_path)
