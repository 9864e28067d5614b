"""Kill -9, full and read-only disks, a second writer, Ctrl-C: nothing that was committed is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from index_samples import collection, names, rankings, texture, write
from resight.errors import IndexLockedError, StorageError
from resight.index.index import Index
from resight.store import Store, verify

HERE = Path(__file__).parent
Command = Callable[..., tuple[int, int]]


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(HERE), *sys.path])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def command() -> Iterator[Command]:
    """Runs a `resight` command that dies some seconds after a step, 0 for never; its exit code or signal, its steps."""
    driver = subprocess.Popen(
        [sys.executable, str(HERE / "fault_driver.py")],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert driver.stdin is not None
    assert driver.stdout is not None
    assert driver.stdout.readline() == "ready\n"

    def run(step: int, delay: float, *arguments: object) -> tuple[int, int]:
        assert driver.stdin is not None
        assert driver.stdout is not None
        driver.stdin.write("\t".join([str(step), str(delay), *map(str, arguments)]) + "\n")
        driver.stdin.flush()
        code, steps = map(int, driver.stdout.readline().split())
        return code, steps

    yield run
    driver.stdin.close()
    driver.wait()


@pytest.mark.parametrize("kills", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_a_killed_add_goes_on_where_it_stopped(tmp_path: Path, recipes: Path, command: Command, kills: int) -> None:
    photos = collection(6)
    folder = write(tmp_path / "photos", photos)
    base = Index.create(tmp_path / "base", recipes / "verified.toml")
    base.add(folder, only={"00-0.png", "00-1.png", "01-0.png"})
    # One of them changes, so that the add also replaces.
    photos["00-0.png"] = texture(60)
    write(folder, photos)
    os.utime(folder / "00-0.png", ns=(0, 10**18))
    whole = Path(shutil.copytree(base.path, tmp_path / "whole"))
    code, longest = command(0, 0, "add", whole, folder)
    assert code == 0
    assert longest > 10
    expected = rankings(Index.open(whole), photos)
    random = np.random.default_rng(kills)
    killed = finished = between = 0
    path = tmp_path / "x"
    while killed < kills or not finished:
        if not path.exists():
            shutil.copytree(base.path, path)
            committed: set[tuple[str, str]] = set()
        step = int(random.integers(1, longest)) if killed < kills else 0
        code, _ = command(step, random.exponential(0.01), "add", path, folder)
        assert code in (0, -signal.SIGALRM)
        problems = verify(path).problems
        assert problems == []
        images = Store.open(path, read_only=True).snapshot().images
        assert len(set(images.names)) == len(images.names)
        present = set(zip(images.names, images.hashes, strict=True))
        assert committed <= present, "a committed image was lost"
        committed = {image for image in present if image[0] != "00-0.png"}
        between += 3 < len(images) < len(photos)
        if code == 0:
            assert rankings(Index.open(path), photos) == expected
            assert verify(path).problems == []
            finished += 1
            shutil.rmtree(path)
        else:
            killed += 1
    assert between > kills / 10, "hardly any kill fell between two commits"


def test_ctrl_c_leaves_what_was_committed_and_the_next_run_goes_on(tmp_path: Path, recipes: Path) -> None:
    photos = {f"{i:02d}.png": texture(i, 800, 600) for i in range(12)}
    folder = write(tmp_path / "photos", photos)
    index = Index.create(tmp_path / "x", recipes / "verified.toml")
    code = "from resight.index import writer; writer.BATCH_IMAGES = 1; from resight.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "add", str(index.path), str(folder)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while index.info().images == 0 and time.monotonic() < deadline:
        index.refresh()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    # A machine that is slow enough has said how far it is before.
    assert message.splitlines()[-1].startswith("Interrupted.")
    assert "Traceback" not in message
    index.refresh()
    some = index.info().images
    assert 0 < some < len(photos)
    assert verify(index.path).problems == []
    assert index.add(folder).unchanged == some
    assert index.info().images == len(photos)


def test_the_second_writer_is_refused_and_readers_are_not(tmp_path: Path, recipes: Path) -> None:
    folder = write(tmp_path / "photos", collection(2))
    index = Index.create(tmp_path / "x", recipes / "verified.toml")
    index.add(folder)
    with Store.open(index.path, read_only=False).writing():
        other = Index.open(index.path)
        for change in (lambda: other.add(folder), other.update, other.compact, lambda: other.remove(["00-0.png"])):
            with pytest.raises(IndexLockedError, match=f"being written by process {os.getpid()}"):
                change()
        assert names(other.search("00-0.png", k=1)) == ["00-1.png"]
    assert index.add(folder).unchanged == 4


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB of its own."""
    path = tmp_path / "disk"
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(path)], capture_output=True)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.decode().strip()}")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk_is_said_and_the_next_run_goes_on(
    tmp_path: Path, recipes: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = {f"{i:02d}.png": texture(i) for i in range(12)}
    folder = write(tmp_path / "photos", photos)
    monkeypatch.setattr("resight.index.writer.BATCH_IMAGES", 2)
    index = Index.create(disk / "x", recipes / "verified.toml")
    index.add(folder, only={"00.png", "01.png"})
    before = rankings(index, photos)
    status = os.statvfs(disk)
    (disk / "filler").write_bytes(bytes(status.f_bavail * status.f_frsize - 70_000))
    with pytest.raises(StorageError, match=r"(space|full).*everything committed before is intact"):
        index.add(folder)
    some = index.info().images
    assert 2 <= some < len(photos)
    assert verify(index.path).problems == []
    if some == 2:
        assert rankings(index, photos) == before
    (disk / "filler").unlink()
    assert index.add(folder).unchanged == some
    whole = Index.create(tmp_path / "whole", recipes / "verified.toml")
    whole.add(folder)
    assert rankings(index, photos) == rankings(whole, photos)


def test_a_read_only_disk_can_be_searched_and_not_written(tmp_path: Path, recipes: Path, disk: Path) -> None:
    folder = write(tmp_path / "photos", collection(2))
    Index.create(disk / "x", recipes / "verified.toml").add(folder)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    index = Index.open(disk / "x")
    assert names(index.search("00-0.png", k=1)) == ["00-1.png"]
    assert index.verify().problems == []
    with pytest.raises(StorageError, match=r"Read-only file system.*needs a folder that can be written"):
        index.add(folder)
    with pytest.raises(StorageError, match="Read-only file system"):
        Index.create(disk / "y", recipes / "verified.toml")
