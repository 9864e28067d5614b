"""Kills itself at the n-th step of each of some changes, for n = 1, 2, ... until the change gets through.

A step is whatever changes the disk: opening for writing, syncing, renaming, creating or deleting something, and each
statement of a catalogue transaction. Run as `crash_driver.py BASE OUT`: makes the changes one after the other, the
first of them to copies of the index BASE. The copy for the n-th step of change i is OUT/i-n; OUT/i-n.done has one byte
where the change returned before the kill. It forks, because starting Python for each n would take minutes; it has one
thread and no state but the copy.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from store_samples import steps

from resight.store import Store, catalogue

EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
STATEMENTS = ("BEGIN I", "INSERT", "UPDATE", "DELETE", "COMMIT")


def arm(n: int) -> Callable[[], None]:
    """Installs the counter; the function returned starts it."""
    count = 0
    started = False

    def step() -> None:
        nonlocal count
        if started:
            count += 1
            if count == n:
                os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            step()

    def trace(statement: str) -> None:
        if statement.startswith(STATEMENTS):
            step()

    connect = catalogue.connect

    def traced(path: Path, mode: str) -> sqlite3.Connection:
        connection = connect(path, mode)
        # With hardly any cache SQLite writes to the file in the middle of the transaction, as a large one would.
        connection.execute("PRAGMA cache_size = 1")
        if mode != "ro":
            connection.execute("PRAGMA synchronous = OFF")
        connection.set_trace_callback(trace)
        return connection

    catalogue.connect = traced
    os.fsync = lambda _: step()  # a killed process loses nothing that it wrote, so waiting for the disk shows nothing
    sys.addaudithook(audit)

    def start() -> None:
        nonlocal started
        started = True

    return start


def run(path: Path, done: Path, which: int, n: int) -> None:
    ready = os.open(done, os.O_WRONLY | os.O_CREAT)
    start = arm(n)
    store = Store.open(path, read_only=False)
    start()
    with store.writing():
        steps()[which](store)
        os.write(ready, b".")


def main(base: Path, out: Path) -> None:
    for which in range(len(steps())):
        n = 0
        finished = False
        while not finished:
            n += 1
            path = out / f"{which}-{n}"
            shutil.copytree(base, path)
            child = os.fork()
            if child == 0:
                run(path, out / f"{which}-{n}.done", which, n)
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            finished = status == 0
            if not finished and os.WTERMSIG(status) != signal.SIGKILL:
                raise SystemExit(f"change {which}, step {n}: ended with status {status}")
        base = path


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
