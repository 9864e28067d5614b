"""Runs `resight` commands that are killed in the middle.

For each line `STEP DELAY ARGUMENT...` (separated by tabs) on standard input it runs the command in a child, which dies
DELAY seconds after it has asked the disk to keep something for the STEP-th time (after that many `fsync`, or not at
all), and answers with the number of the signal that ended the child, or with its exit code, and how many steps there
were. Steps, and no clock, decide where a kill falls: a slow machine spreads the kills as a fast one does. It forks,
because starting Python for each of hundreds of commands would take minutes; what it forks has one thread and has
opened nothing. Batches are small, so that a few photos are many commits.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from pathlib import Path

import cv2
import faiss

import index_samples
import resight.channels.fits
import resight.index.answering
from resight.channels.opening import open_channel
from resight.cli.main import main
from resight.features.kinds import Sift
from resight.features.sift import detect
from resight.features.sift_extractor import SiftExtractor
from resight.index import merging, writer
from resight.learned.passes import Terms
from resight.store import catalogue
from resight.words.kinds import Asmk

BATCH = 2


def warm() -> None:
    """Loads all compiled code, in this thread."""
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    assert resight.index.answering
    assert resight.channels.fits
    features = detect(index_samples.texture(0), Sift())
    method = Asmk(size=2)
    channel = open_channel(method, SiftExtractor(Sift()), method.passes[0].fit(features.descriptors, Terms(0)))
    channel.pack([channel.encode(features, (200, 150))])


def unsync() -> None:
    """Has SQLite not wait for the disk: a killed process loses nothing that it wrote."""
    connect = catalogue.connect

    def unsynced(path: Path, mode: str) -> sqlite3.Connection:
        connection = connect(path, mode)
        if mode != "ro":
            connection.execute("PRAGMA synchronous = OFF")
        return connection

    catalogue.connect = unsynced


def die_after(step: int, delay: float, steps: int) -> None:
    """Counts calls of `fsync`, which wait for no disk now, in the pipe `steps`; the `step`-th sets the alarm."""
    count = 0

    def counted(_: int) -> None:
        nonlocal count
        count += 1
        os.write(steps, b".")
        if count == step:
            # Nothing handles this signal, so it ends the process at once and anywhere, as SIGKILL does.
            signal.setitimer(signal.ITIMER_REAL, max(delay, 1e-6))

    os.fsync = counted


def run(step: int, delay: float, arguments: list[str]) -> tuple[int, int]:
    """Runs one command; the signal that ended it as a negative number, or its exit code, and its steps."""
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would copy only one of the threads"
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        die_after(step, delay, write)
        sys.argv = ["resight", *arguments]
        sys.stdout = sys.stderr
        try:
            main()
        except SystemExit as error:
            os._exit(int(error.code or 0))
        os._exit(0)
    os.close(write)
    steps = 0
    while some := os.read(read, 65536):
        steps += len(some)
    os.close(read)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), steps


if __name__ == "__main__":
    writer.BATCH_IMAGES = BATCH
    merging.TIER_WIDTH = BATCH
    warm()
    unsync()
    print("ready", flush=True)
    for line in sys.stdin:
        step, after, *given = line.rstrip("\n").split("\t")
        print(*run(int(step), float(after), given), flush=True)
