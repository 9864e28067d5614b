"""Photos whose bytes the index knows are not decoded again, and the index is what it would be if they were."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

import index_samples
from index_samples import collection, rankings, texture, write
from resight.channels import extraction
from resight.channels.extraction import decode_bytes
from resight.index.index import AddReport, Index

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were decoded."""
    seen: list[str] = []

    def counted(data, name, side):  # type: ignore[no-untyped-def]
        seen.append(Path(name).name)
        return decode_bytes(data, name, side)

    monkeypatch.setattr(extraction, "decode_bytes", counted)
    return seen


@pytest.fixture
def index(tmp_path: Path, recipes: Path) -> Index:
    return Index.create(tmp_path / "x.resight", recipes / "asmk.toml")


def counts(report: AddReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.removed, report.recalled


def test_a_photo_under_another_name_or_time_is_not_decoded(index: Index, tmp_path: Path, decoded: list[str]) -> None:
    folder = write(tmp_path / "photos", {name: texture(i) for i, name in enumerate(("a.png", "b.png", "c.png"))})
    index.add(folder)
    decoded.clear()
    (folder / "a.png").rename(folder / "renamed.png")
    os.utime(folder / "b.png", ns=(5, 5))
    shutil.copy(folder / "c.png", folder / "copy.png")
    write(folder, {"new.png": texture(9)})
    assert counts(index.update()) == (3, 1, 1, 3)
    assert decoded == ["new.png"]


def test_a_photo_of_another_folder_is_not_decoded(index: Index, tmp_path: Path, decoded: list[str]) -> None:
    index.add(write(tmp_path / "photos", {"a.png": texture(1)}))
    shutil.copytree(tmp_path / "photos", tmp_path / "backup")
    decoded.clear()
    assert counts(index.add(tmp_path / "backup", prefix="backup")) == (1, 0, 0, 1)
    assert decoded == []


def test_a_photo_that_was_removed_and_is_restored_is_not_decoded(
    index: Index, tmp_path: Path, decoded: list[str]
) -> None:
    folder = write(tmp_path / "photos", {f"{i}.png": texture(i) for i in range(4)})
    index.add(folder)
    (folder / "1.png").rename(tmp_path / "away.png")
    assert index.update().removed == 1
    (tmp_path / "away.png").rename(folder / "restored.png")
    decoded.clear()
    assert counts(index.update()) == (1, 0, 0, 1)
    assert decoded == []


def test_a_photo_whose_evidence_is_damaged_is_decoded(index: Index, tmp_path: Path, decoded: list[str]) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1)})
    index.add(folder)
    shutil.copy(folder / "a.png", folder / "copy.png")
    array = next((index.path / "segments").rglob("words.npy"))
    array.write_bytes(array.read_bytes()[:-1])
    decoded.clear()
    assert counts(Index.open(index.path).add(folder)) == (1, 0, 0, 0)
    assert decoded == ["copy.png"]


def test_what_is_said_of_a_photo_stays_with_its_bytes(index: Index, tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {})
    Image.fromarray(texture(1)).save(folder / "whole.jpg", quality=90)
    whole = (folder / "whole.jpg").read_bytes()
    (folder / "part.jpg").write_bytes(whole[: len(whole) * 4 // 5])
    Image.new("RGB", (60, 50), "white").save(folder / "white.png")
    first = index.add(folder)
    for name in ("part.jpg", "white.png"):
        (folder / name).rename(folder / f"renamed-{name}")
    second = index.update()
    assert second.recalled == 2
    assert second.without_evidence == ["renamed-white.png"]
    assert [remark for _, remark in second.remarks] == [remark for _, remark in first.remarks] != []


def test_bytes_that_could_not_be_decoded_are_no_evidence(index: Index, tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"a.png": texture(1)})
    (folder / "bad.png").write_bytes(b"text")
    (folder / "bad copy.png").write_bytes(b"text")
    index.add(folder)
    (folder / "bad.png").rename(folder / "worse.png")
    report = index.update()
    assert (report.recalled, sorted(name for name, _ in report.unreadable)) == (0, ["bad copy.png", "worse.png"])


@pytest.mark.parametrize("method", index_samples.METHODS)
def test_an_index_of_known_bytes_answers_as_one_that_is_made_anew(tmp_path: Path, recipes: Path, method: str) -> None:
    photos = collection(5)
    folder = write(tmp_path / "photos", photos)
    index = Index.create(tmp_path / "x.resight", recipes / f"{method}.toml")
    index.add(folder)
    for number, name in enumerate(photos):
        (folder / name).rename(folder / f"{9 - number}-renamed.png")
    shutil.copy(folder / "9-renamed.png", folder / "copy.png")
    report = index.update()
    assert (report.removed, report.recalled) == (10, 11)
    anew = Index.create(tmp_path / "anew.resight", recipes / f"{method}.toml")
    assert anew.add(folder).recalled == 0
    assert rankings(index, photos) == rankings(anew, photos)
    index.compact()
    anew.compact()
    (mine,), (its,) = index.collection.rows("main"), anew.collection.rows("main")
    for name, array in its.arrays.items():
        assert array.tobytes() == mine.arrays[name].tobytes(), name


def test_a_photo_that_was_read_in_part_is_read_again_when_others_decode(
    index: Index, tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "photos", {"whole.png": texture(2)})
    for seed, name in ((1, "part.jpg"), (3, "gone.jpg")):
        Image.fromarray(texture(seed)).save(folder / name, quality=90)
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) * 4 // 5])
    assert len(index.add(folder).remarks) == 2
    (folder / "gone.jpg").rename(tmp_path / "gone.jpg")
    assert index.update().removed == 1
    decoded.clear()
    assert (counts(index.update()), decoded) == ((0, 0, 0, 0), [])
    for module in ("planning", "recall", "writer"):
        monkeypatch.setattr(f"resight.index.{module}.decoders", lambda: "pillow-99")
    # Its own evidence is not recalled, nor under another name, nor that of one that was removed meanwhile.
    shutil.copy(folder / "part.jpg", folder / "copy.jpg")
    (tmp_path / "gone.jpg").rename(folder / "gone.jpg")
    assert counts(index.update()) == (2, 1, 0, 0)
    assert sorted(decoded) == ["copy.jpg", "gone.jpg", "part.jpg"]
    decoded.clear()
    (folder / "copy.jpg").rename(folder / "again.jpg")
    assert (counts(index.update()), decoded) == ((1, 0, 1, 1), [])
