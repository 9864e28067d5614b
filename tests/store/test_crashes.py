"""Kill -9, power and space: after any of them the index is what it was before a change or after it."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from store_samples import base, batch, contents, create, id_of, merged, steps

from resight.errors import IndexLockedError, StorageError
from resight.store import Store, catalogue, verify
from resight.store.verification import examine, no_copies

HERE = Path(__file__).parent


def script(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs Python in a fresh process with this folder on its path."""
    path = os.pathsep.join([str(HERE), *sys.path])
    return subprocess.run(
        [sys.executable, *arguments], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, **options
    )


def states(path: Path) -> list[dict[str, Any]]:
    """What a reader sees before and after each change."""
    store = Store.open(path, read_only=False)
    seen = [contents(path)]
    for change in steps():
        with store.writing():
            change(store)
        seen.append(contents(path))
    return seen


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Does not wait for the disk: what is tested is a killed process, not a lost machine."""
    connect = catalogue.connect

    def unsynced_connect(path: Path, mode: str) -> sqlite3.Connection:
        connection = connect(path, mode)
        if mode != "ro":
            connection.execute("PRAGMA synchronous = OFF")
        return connection

    monkeypatch.setattr(catalogue, "connect", unsynced_connect)
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.mark.slow
@pytest.mark.usefixtures("unsynced")
def test_kill_at_every_step_leaves_the_state_before_or_after(tmp_path: Path) -> None:
    base(tmp_path / "base")
    shutil.copytree(tmp_path / "base", tmp_path / "whole")
    expected = states(tmp_path / "whole")
    out = tmp_path / "out"
    out.mkdir()
    ran = script(str(HERE / "crash_driver.py"), str(tmp_path / "base"), str(out))
    assert ran.returncode == 0, ran.stderr
    copies = [copy for copy in out.iterdir() if copy.is_dir()]
    assert len(copies) > 150
    between = 0
    for path in copies:
        which = int(path.name.split("-")[0])
        returned = path.with_name(f"{path.name}.done").stat().st_size
        between += catalogue.journal_path(path / catalogue.CATALOGUE).exists()
        seen = contents(path)
        assert seen in expected[which + returned : which + 2], f"killed at step {path.name}"
        assert verify(path).problems == [], f"killed at step {path.name}"
        store = Store.open(path, read_only=False)
        with store.writing():
            assert verify_unlocked(path) == []
            assert contents(path) == seen
            if seen != expected[which + 1]:
                steps()[which](store)
        assert contents(path) == expected[which + 1]
        shutil.rmtree(path)
    assert between > 5, "no kill fell inside a transaction"


def verify_unlocked(path: Path) -> list[str]:
    """Problems, for a test that holds the lock itself."""
    return [str(problem) for problem in examine(path, {}, no_copies).problems]


def test_a_killed_creation_leaves_no_index(tmp_path: Path) -> None:
    path = tmp_path / "x.resight"
    code = (
        "import os, signal, sys; from pathlib import Path; from resight.store import catalogue; import store_samples\n"
        "catalogue.build = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "store_samples.create(Path(sys.argv[1]))"
    )
    assert script("-c", code, str(path)).returncode == -signal.SIGKILL
    assert not path.exists()
    assert len(os.listdir(tmp_path)) == 1
    create(path)
    assert os.listdir(tmp_path) == ["x.resight"]


def failing(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, n: int, code: int) -> list[int]:
    """Makes the n-th and every later call fail with an error number; returns a list as long as the calls."""
    real = getattr(owner, name)
    calls: list[int] = []

    def call(*arguments: Any, **keywords: Any) -> Any:
        calls.append(n)
        if len(calls) >= n:
            raise OSError(code, os.strerror(code))
        return real(*arguments, **keywords)

    monkeypatch.setattr(owner, name, call)
    return calls


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize(
    ("owner", "name"), [(os, "fsync"), (os, "replace"), (Path, "rename"), (Path, "mkdir"), (Path, "open")]
)
@pytest.mark.parametrize("which", range(len(steps())))
def test_a_failing_disk_leaves_the_former_state(tmp_path: Path, owner: Any, name: str, which: int, code: int) -> None:
    store = base(tmp_path / "x.resight")
    before = contents(store.path)
    n = 1
    while True:
        with pytest.MonkeyPatch.context() as patch, store.writing():
            calls = failing(patch, owner, name, n, code)
            with contextlib.suppress(StorageError):
                steps()[which](store)
                break
        assert len(calls) >= n
        assert contents(store.path) == before
        assert not list(store.path.glob("segments/.writing-*"))
        with store.writing():
            assert verify_unlocked(store.path) == []
        n += 1
    assert contents(store.path)["generation"] == before["generation"] + 1
    with store.writing():
        assert verify_unlocked(store.path) == []


def test_a_commit_that_fails_after_it_happened_keeps_its_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = base(tmp_path / "x.resight")
    publish = catalogue.writing

    @contextlib.contextmanager
    def fails_late(folder: Path) -> Iterator[sqlite3.Connection]:
        with publish(folder) as connection:
            yield connection
        raise StorageError("the folder could not be synced")

    with store.writing(), monkeypatch.context() as patch:
        patch.setattr(catalogue, "writing", fails_late)
        with pytest.raises(StorageError):
            store.commit(batch("z.jpg"))
    assert "z.jpg" in store.snapshot().images.by_name
    assert verify(store.path).problems == []


@pytest.mark.parametrize("limit", [300, 20_000, 80_000, 150_000])
def test_a_file_that_may_not_grow_leaves_the_former_state(tmp_path: Path, limit: int) -> None:
    store = base(tmp_path / "x.resight")
    before = contents(store.path)
    code = (
        "import resource, signal, sys; from pathlib import Path; from store_samples import batch\n"
        "from resight.errors import StorageError; from resight.store import Store\n"
        "store = Store.open(Path(sys.argv[1]), read_only=False)\n"
        "with store.writing():\n"
        "    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "    try: store.commit(batch(*(f'folder/{i:060}.jpg' for i in range(1500))))\n"
        "    except StorageError as error: print(error)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    ran = script("-c", code, str(store.path))
    assert ran.returncode == 0, ran.stderr
    assert "committed before is intact" in ran.stdout
    assert contents(store.path) == before
    assert verify(store.path).problems == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(options, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs root and the right to mount")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_the_former_state(small_disk: Path) -> None:
    store = base(small_disk / "x.resight")
    outcomes = []
    for pages in range(0, 60, 3):
        before = contents(store.path)
        with store.writing():
            fill(small_disk, pages)
            try:
                store.commit(batch("full.jpg", seed=pages))
                outcomes.append("done")
            except StorageError:
                assert contents(store.path) == before
                outcomes.append("full")
        (small_disk / "ballast").unlink()
        assert verify(store.path).problems == []
        if outcomes[-1] == "done":
            with store.writing():
                store.commit(removed=[id_of(store, "full.jpg")])
                store.replace_segments(*merged(store))
    assert set(outcomes) == {"done", "full"}


def fill(disk: Path, pages: int) -> None:
    with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(4096))
    size = (disk / "ballast").stat().st_size
    os.truncate(disk / "ballast", max(0, size - pages * 4096))


def test_a_read_only_disk_can_be_searched_and_verified(small_disk: Path) -> None:
    store = base(small_disk / "x.resight")
    before = contents(store.path)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert contents(store.path) == before
    assert verify(store.path).problems == []
    with pytest.raises(StorageError, match="can be written"), store.writing():
        pass
    assert contents(store.path) == before


def interrupted_transaction(path: Path) -> None:
    """Kills a process whose transaction has reached the catalogue's file."""
    code = (
        "import os, signal, sys; from pathlib import Path; from resight.store import catalogue\n"
        "with catalogue.writing(Path(sys.argv[1])) as connection:\n"
        "    connection.execute('PRAGMA cache_size = 1')\n"
        "    connection.execute('UPDATE segments SET rows = 9')\n"
        "    connection.execute('CREATE TABLE wide AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 '\n"
        "                       'FROM n WHERE i < 300) SELECT zeroblob(4000) AS b FROM n')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert script("-c", code, str(path)).returncode == -signal.SIGKILL
    assert catalogue.journal_path(path / catalogue.CATALOGUE).stat().st_size > 0


def test_a_reader_undoes_the_transaction_of_a_killed_writer(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    before = contents(store.path)
    interrupted_transaction(store.path)
    assert contents(store.path) == before
    assert not catalogue.journal_path(store.path / catalogue.CATALOGUE).exists()
    assert verify(store.path).problems == []


def test_an_unfinished_transaction_on_a_read_only_disk_is_said(small_disk: Path) -> None:
    store = base(small_disk / "x.resight")
    interrupted_transaction(store.path)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match="undone first"):
        store.snapshot()


def test_the_second_writer_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    code = (
        "import sys; from pathlib import Path; from resight.store import Store\n"
        "with Store.open(Path(sys.argv[1]), read_only=False).writing():\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    path = os.pathsep.join(sys.path)
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(store.path)],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        named = f"process {holder.pid} on {os.uname().nodename} since"
        with pytest.raises(IndexLockedError, match=named), store.writing():
            pass
        with pytest.raises(IndexLockedError):
            verify(store.path)
        assert len(store.snapshot().images) == 4
    finally:
        holder.kill()
        holder.communicate()
    with store.writing():
        store.commit(removed=[1])


def test_the_lock_is_released_when_a_block_fails(tmp_path: Path) -> None:
    store = base(tmp_path / "x.resight")
    with pytest.raises(KeyError), store.writing():
        raise KeyError
    with store.writing():
        assert store.commit(removed=[1]) == 4
