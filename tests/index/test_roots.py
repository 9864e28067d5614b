"""Folders of an index: what became unreadable and readable again, what moved, what overlaps."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from index_samples import names, texture, write
from resight.channels import extraction
from resight.channels.extraction import read_bytes
from resight.errors import ImageError, UsageError
from resight.index.index import Index

pytestmark = pytest.mark.usefixtures("unsynced")

PHOTOS = {f"sub/{i}.png": texture(i, 80, 60) for i in range(4)}


@pytest.fixture
def index(tmp_path: Path, recipes: Path) -> Index:
    return Index.create(tmp_path / "x.resight", recipes / "asmk.toml")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read in order to be indexed."""
    seen: list[str] = []

    def counted(path: Path) -> bytes:
        seen.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(extraction, "read_bytes", counted)
    return seen


def folders(index: Index) -> list[tuple[str, str]]:
    return [(root["path"], root["prefix"]) for root in index.info().roots]


def test_a_folder_that_moved_is_recognised(index: Index, tmp_path: Path, reads: list[str]) -> None:
    old, new = write(tmp_path / "old", PHOTOS), tmp_path / "new"
    index.add(old, prefix="p")
    old.rename(new)
    write(new, {"sub/new.png": texture(9, 80, 60)})
    reads.clear()
    report = index.add(new)
    assert (report.added, report.changed, report.unchanged) == (1, 0, 4)
    assert reads == ["new.png"]
    assert report.notes == [
        f"{new} has the photos of {old}, which is gone: 4 photos are taken for moved and keep their names"
    ]
    assert folders(index) == [(str(new), "p/")]
    assert names(index.search("p/sub/1.png", box=(5, 5, 70, 50), k=1)) != []
    assert index.collection.file_of(0) == new / "sub" / "0.png"


def test_what_has_the_names_and_not_the_bytes_has_not_moved(index: Index, tmp_path: Path) -> None:
    old = write(tmp_path / "old", PHOTOS)
    index.add(old)
    shutil.copytree(old, tmp_path / "other")
    for path in (tmp_path / "other").rglob("*.png"):
        path.write_bytes(bytes(path.stat().st_size))
    shutil.rmtree(old)
    with pytest.raises(UsageError, match="this name was given to a photo of"):
        index.add(tmp_path / "other")
    assert folders(index) == [(str(old), "")]


def test_a_copy_of_a_folder_that_is_still_there_has_not_moved(index: Index, tmp_path: Path) -> None:
    old = write(tmp_path / "old", PHOTOS)
    index.add(old)
    shutil.copytree(old, tmp_path / "copy")
    report = index.add(tmp_path / "copy", prefix="copy")
    assert (report.added, report.recalled) == (4, 4)
    assert folders(index) == [(str(old), ""), (str(tmp_path / "copy"), "copy/")]


def test_one_is_told_where_folders_are_now(index: Index, tmp_path: Path, reads: list[str]) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    index.add(write(old / "a", PHOTOS), prefix="a")
    index.add(write(old / "b", {"x.png": texture(7, 80, 60)}), prefix="b")
    old.rename(new)
    reads.clear()
    assert index.move_root(old, new) == 5
    assert folders(index) == [(str(new / "a"), "a/"), (str(new / "b"), "b/")]
    report = index.update()
    assert (report.unchanged, report.held, reads) == (5, [], [])
    assert index.verify().problems == []


def test_a_folder_is_not_said_to_be_where_it_is_not(index: Index, tmp_path: Path) -> None:
    old, other = write(tmp_path / "old", PHOTOS), write(tmp_path / "other", {"sub/9.png": texture(9)})
    index.add(old)
    index.add(other, prefix="other")
    for new, reason in (
        (tmp_path / "none", "there is no such folder"),
        (write(tmp_path / "empty", {}), "has none of the 4 photos of .*old; nothing was changed"),
        (other, "has none of the 4 photos"),
    ):
        with pytest.raises(UsageError, match=reason):
            index.move_root(old, new)
    with pytest.raises(UsageError, match=r"elsewhere: not a folder of the index, whose folders are: .*old, .*other"):
        index.move_root(tmp_path / "elsewhere", other)
    more = write(tmp_path / "more", {"z.png": texture(8)})
    index.add(more)
    write(more, PHOTOS)
    with pytest.raises(UsageError, match="more: is in the index already"):
        index.move_root(old, more)


def test_what_could_not_be_had_is_tried_again_until_it_can(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "photos", PHOTOS)
    monkeypatch.setattr(extraction, "read_bytes", refusing("2.png"))
    for attempt in (index.add(folder), index.add(folder), index.update()):
        assert attempt.unreadable == [("sub/2.png", "permission denied")]
    generation = index.info().generation
    index.update()
    assert index.info().generation == generation, "the same failure was written again"
    assert index.verify().problems == []
    (index.path / "catalog.sqlite").unlink()
    assert Index.check(index.path, repair=True).problems == []
    index = Index.open(index.path)
    assert index.info().unreadable == 1
    monkeypatch.undo()
    report = index.update()
    assert (report.added, report.changed, report.unchanged, report.unreadable) == (1, 0, 3, [])
    assert (index.info().images, index.info().unreadable) == (4, 0)


def refusing(name: str):  # type: ignore[no-untyped-def]
    def refused(path: Path) -> bytes:
        if path.name == name:
            raise ImageError(str(path), "permission denied", may_pass=True)
        return read_bytes(path)

    return refused


def test_bytes_that_could_not_be_read_are_tried_again_by_other_versions_alone(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[str]
) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1)})
    (folder / "bad.png").write_bytes(b"text")
    index.add(folder)
    reads.clear()
    assert index.update().unreadable[0][0] == "bad.png"
    assert reads == []
    for module in ("planning", "recall", "writer"):
        monkeypatch.setattr(f"resight.index.{module}.decoders", lambda: "pillow-99")
    for _ in range(2):
        assert index.update().unreadable[0][0] == "bad.png"
    assert reads == ["bad.png"]


@pytest.mark.parametrize(("outer", "inner"), [("", "sub"), ("sub", "")], ids=["inside", "around"])
def test_folders_that_overlap_are_told(index: Index, tmp_path: Path, outer: str, inner: str) -> None:
    folder = write(tmp_path / "photos", PHOTOS)
    assert index.add(folder / outer).notes == []
    told: list[str] = []
    report = index.add(folder / inner, prefix="again", say=told.append)
    assert report.notes == told
    assert ("lies in" if inner else "contains") in told[0]
    assert "to have them once" in told[0]
    assert index.add(folder / inner, prefix="again").notes == []


@pytest.mark.parametrize(
    "prefix", ["../../x", "/x", "a//b", "a/../b", ".", "/", "a//", "a\nb", "a\x7f", "a\udcff", "a\u2028b"]
)
def test_prefixes_that_lead_elsewhere_are_refused(index: Index, tmp_path: Path, prefix: str) -> None:
    with pytest.raises(UsageError, match="a prefix of names"):
        index.add(write(tmp_path / "photos", {}), prefix=prefix)


@pytest.mark.parametrize("prefix", ["a", "a/", "a/b c/", "ü"])
def test_a_prefix_is_a_folder(index: Index, tmp_path: Path, prefix: str) -> None:
    index.add(write(tmp_path / "photos", {"x.png": texture(1)}), prefix=prefix)
    assert list(index.collection.snapshot.images.names) == [prefix.rstrip("/") + "/x.png"]


def test_links_that_lead_out_are_followed_where_the_root_says_so(index: Index, tmp_path: Path) -> None:
    folder, elsewhere = (
        write(tmp_path / "photos", {"a.png": texture(1)}),
        write(tmp_path / "else", {"b.png": texture(2)}),
    )
    os.symlink(elsewhere, folder / "link")
    os.symlink(elsewhere / "b.png", folder / "c.png")
    report = index.add(folder)
    assert report.added == 1
    assert report.notes == [
        f"2 links lead out of {folder} and were left out ({folder / 'c.png'}, ...); --follow-links follows them"
    ]
    assert index.add(folder, follow_links=True).added == 2
    assert index.info().roots == [{"path": str(folder), "prefix": "", "follow_links": True}]
    report = index.update()
    assert (report.unchanged, report.notes, report.held) == (3, [], [])
    assert index.add(folder, follow_links=False).unchanged == 1
    assert len(index.update().held) == 2
