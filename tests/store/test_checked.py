"""What was checked is remembered by version of the file, and nothing that is damaged is ever taken for checked."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from store_samples import anything, base, contents, create

from resight.errors import DamagedFileError, IndexCorruptError, IndexLockedError, UsageError
from resight.store import Store, checked, creation, repair, verify
from resight.store.checked import Checked, Version
from resight.store.leftovers import UNLOCKED, abandoned_prefix, clear_abandoned
from resight.store.lock import writer_lock
from resight.store.structures import read_structures, structure_faults, write_structure

ARRAY = "segments/00000001/words/told.npy"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = base(tmp_path / "x.resight")
    time.sleep(0.03)
    return store.path


def opened(path: Path) -> None:
    Store.open(path, read_only=True).snapshot(lambda: {"words": anything, "cnn": anything})


def test_bytes_are_read_once_for_a_version_of_a_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(path)
    sums: list[Path] = []
    plain = checked.Checked.once

    def counting(self: Checked, key: str, stated: object, versions: list[Version], check: Callable[[], None]) -> None:
        plain(self, key, stated, versions, lambda: (sums.append(Path(key)), check())[1])

    monkeypatch.setattr(checked.Checked, "once", counting)
    opened(path)
    assert sums == []
    (path / ARRAY).touch()
    opened(path)
    assert sums == [Path(ARRAY).parent]


def test_what_a_writer_wrote_is_not_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resight.store.arrays.OpenFile.check_sum", lambda *_: pytest.fail("it was read"))
    opened(path)


def test_a_cache_that_cannot_be_written_costs_a_check_and_no_error(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(checked, "cache_folder", lambda kind: blocked / kind)
    before = contents(path)
    flip(path / ARRAY)
    with pytest.raises(DamagedFileError, match="checksum"):
        opened(path)
    flip(path / ARRAY)
    assert contents(path) == before


def test_a_damaged_memory_counts_for_nothing(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checked, "cache_folder", lambda kind: tmp_path / kind)
    opened(path)
    (memory,) = (tmp_path / "checked").iterdir()
    for damage in (b"", b"[]", b"\xff" * 100, memory.read_bytes()[:-3]):
        memory.write_bytes(damage)
        opened(path)


def test_a_change_within_a_tick_of_the_clock_is_not_taken_for_checked(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a")
    version = Version.of(file.stat())
    calls: list[int] = []
    memory = Checked(tmp_path)
    memory.once("file", None, [version._replace(ctime_ns=time.time_ns())], lambda: calls.append(1))
    memory.once("file", None, [version._replace(ctime_ns=time.time_ns())], lambda: calls.append(2))
    assert calls == [1, 2]
    assert not version._replace(ctime_ns=5_000_000_000).is_settled(6_500_000_000), "whole seconds are coarse clocks"
    assert version._replace(ctime_ns=5_000_000_001).is_settled(6_500_000_000)


def test_the_oldest_memories_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checked, "cache_folder", lambda kind: tmp_path / kind)
    monkeypatch.setattr(checked, "MOST", 3)
    for number in range(5):
        memory = Checked(tmp_path / str(number))
        memory.trust("", None, [])
        memory.save()
    assert len(list((tmp_path / "checked").iterdir())) == 3


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def folder_in_place(path: Path) -> None:
    path.mkdir()


def pipe_in_place(path: Path) -> None:
    os.mkfifo(path)


def device_in_place(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop_in_place(path: Path) -> None:
    path.symlink_to(path)


def nothing_in_place(path: Path) -> None:
    """Leaves the file missing."""


REPLACED = (folder_in_place, pipe_in_place, device_in_place, loop_in_place, nothing_in_place)


@pytest.mark.parametrize("replace", REPLACED)
@pytest.mark.parametrize(
    "name",
    [
        ARRAY,
        "segments/00000001/segment.json",
        "segments/00000001/rows.arrays",
        "segments/generation-*.json",
        "catalog.sqlite",
        "recipe.toml",
        "fitted/words/codebook.npz",
    ],
)
def test_what_is_no_file_is_said_and_never_waited_for(path: Path, name: str, replace: Callable[[Path], None]) -> None:
    (file,) = path.glob(name)
    file.unlink()
    replace(file)
    # As somebody who has opened none of it yet: what is not read is not missed.
    shutil.rmtree(checked.cache_folder("checked"), ignore_errors=True)

    def read() -> None:
        store = Store.open(path, read_only=True)
        store.recipe()
        store.fitted()
        store.snapshot(lambda: {"words": anything})

    with pytest.raises(IndexCorruptError, match="verify"):
        read()
    assert verify(path).problems != []
    repaired = repair(path)
    if not repaired.remaining:
        read()


@pytest.mark.parametrize("replace", [folder_in_place, pipe_in_place, device_in_place])
def test_a_lock_that_is_no_file_is_said(path: Path, replace: Callable[[Path], None]) -> None:
    (path / "lock").unlink()
    replace(path / "lock")
    with pytest.raises(IndexCorruptError, match="delete it"):
        verify(path)
    opened(path)


def test_a_journal_that_is_no_file_is_said(path: Path) -> None:
    os.mkfifo(path / "catalog.sqlite-journal")
    with pytest.raises(IndexCorruptError, match="a pipe and not a file"):
        opened(path)


def test_swapped_files_of_one_shape_are_told_apart(path: Path) -> None:
    one, other = sorted(path.glob("segments/0*"))[:2]
    one.rename(path / "aside")
    other.rename(one)
    (path / "aside").rename(other)
    with pytest.raises(IndexCorruptError, match="verify --repair"):
        opened(path)


def test_a_layout_refuses_arrays_whose_sums_are_right(path: Path) -> None:
    time.sleep(0.03)
    shutil.rmtree(checked.cache_folder("checked"), ignore_errors=True)

    def fault(arrays: object, images: int) -> tuple[str, str]:
        return "told", f"is not for {images} images"

    with pytest.raises(DamagedFileError, match=r"told\.npy: is not for \d+ images"):
        Store.open(path, read_only=True).snapshot(lambda: {"words": fault})
    assert {problem.path.name for problem in verify(path, {"words": fault}).problems} == {"told.npy"}


def test_a_structure_counts_under_its_own_number_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "search" / "main"
    for value in (1, 2):
        write_structure(folder, "kind-", {"a": np.full(3, value)})
    one, other = sorted(folder.iterdir())
    one.rename(folder / "aside")
    other.rename(one)
    (folder / "aside").rename(other)
    assert read_structures(folder, "kind-", lambda arrays: None) == []
    assert caplog.text.count("belongs to another structure") == 2
    assert len(list(structure_faults(tmp_path / "search"))) == 2


def test_a_structure_with_a_fault_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "search" / "main"
    write_structure(folder, "kind-", {"a": np.zeros(3)})
    (whole,) = read_structures(folder, "kind-", lambda arrays: None)
    assert whole.arrays["a"].tolist() == [0, 0, 0]
    time.sleep(0.03)
    shutil.rmtree(checked.cache_folder("checked"), ignore_errors=True)
    assert read_structures(folder, "kind-", lambda arrays: ("a", "is wrong")) == []


def test_what_an_interrupted_write_left_is_a_remark(path: Path) -> None:
    (path / "search" / "words").mkdir()
    left = [path / "segments/00000099", path / "search/words/.writing-1", path / "fitted/.writing-2"]
    for folder in left:
        folder.mkdir()
    (path / "segments/.writing-link").symlink_to("/dev/zero")
    found = verify(path)
    assert found.problems == []
    assert {remark.path for remark in found.remarks} == {*left, path / "segments/.writing-link"}
    repair(path)
    assert verify(path).remarks == []


def test_who_makes_the_same_index_at_once_is_told_who_does(tmp_path: Path) -> None:
    path = tmp_path / "x.resight"
    unfinished = tmp_path / f"{abandoned_prefix(path)}1"
    unfinished.mkdir()
    said = rf"x\.resight is being .* {os.getpid()} on .* since"
    with writer_lock(unfinished), pytest.raises(IndexLockedError, match=said):
        create(path)
    assert unfinished.exists()
    create(path)
    assert os.listdir(tmp_path) == ["x.resight"]


def test_a_creation_that_is_not_locked_yet_is_not_cleared(tmp_path: Path) -> None:
    path = tmp_path / "x.resight"
    unlocked = tmp_path / f"{abandoned_prefix(path)}1{UNLOCKED}"
    unlocked.mkdir()
    clear_abandoned(path)
    assert unlocked.exists()
    os.utime(unlocked, (0, 0))
    clear_abandoned(path)
    assert not unlocked.exists()


def test_of_two_that_make_an_index_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.resight"
    fill = creation._fill

    def overtaken(*arguments: Any) -> None:
        monkeypatch.setattr(creation, "_fill", fill)
        shutil.move(create(tmp_path / "y.resight").path, path)
        fill(*arguments)

    monkeypatch.setattr(creation, "_fill", overtaken)
    with pytest.raises(UsageError, match="exists and is not empty"):
        create(path)
    assert os.listdir(tmp_path) == ["x.resight"]
    assert verify(path).problems == []
