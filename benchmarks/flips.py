"""What a search says of an index in which one byte has changed: for every layout, over every file, a byte at a time.

    python benchmarks/flips.py [--flips 10000] [--layouts bow asmk ...] [--seed 0] [--forged] [--json]

Files take turns, and each byte is drawn over the whole file and gets another random value. Then the index is opened
anew and two queries are asked, in a process that may die or hang without ending the run. The answer is the same, or an
error names `verify`, or a warning does; whatever else happens is a fault, and the exit code is 1. Where the process
died or hung, the same flip is made again, alone and in a new process, and the line says how often that ended the same
way; the stacks of a process that died stand above it.

With --forged the bytes are those of arrays and no sum is compared, as if whoever made the index had written them: the
checks of the layouts alone must keep compiled code, which then checks every index that it reads by, inside its arrays.
Other answers are no fault there.

Notes: a process died of a segmentation fault once, in `--flips 2500 --seed 5 --layouts augmented summed`, and why is
not known. The same run, made again, had no fault; nor had 25,500 openings with every value of every byte of the
catalogue's header, 2,000 changes of several bytes in arrays of which no sum was compared (augmented, summed, asmk,
hamming, bow) under kernels that check their bounds, and SIFT of the query under valgrind. Files of these layouts are
smaller than what is mapped, so that no kernel can have read a file that changed under it. What is left to suspect is
what wrote code at that time (kernels compiled, libraries replaced) or the machine; the stacks of the next one will say.
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import json
import logging
import os
import re
import select
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import faiss
import numba
import numpy as np
from small_indexes import RECIPES, make_index, photo, write_photos

from resight.errors import ResightError
from resight.index.index import Index
from resight.store import checked
from resight.store.arrays import ArrayFile

GOOD = ("same", "error", "warning", "other")
ENDED = ("crash", "hang")
BAD = ("unclear", "silent", "traceback", *ENDED)
LIMIT_S = 60.0
SHARE = {"regions": 0.3}
"""Of the flips of another layout: to open a network takes longer."""
TRIES = 3
"""How often a flip that ended a process is made again."""
QUERY = (0, 1)
"""The thing and view of the query that is not indexed."""


@dataclass(frozen=True)
class Flip:
    """One changed byte: where, and what it is combined with by exclusive or."""

    path: Path
    position: int
    mask: int


def drawn(files: Sequence[Path], count: int, rng: np.random.Generator) -> list[Flip]:
    """Flips of files in turn; empty files have no byte to flip."""
    sizes = {file: file.stat().st_size for file in files}
    full = itertools.cycle(file for file in files if sizes[file])
    return [
        Flip(file, int(rng.integers(sizes[file])), int(rng.integers(1, 256))) for file in itertools.islice(full, count)
    ]


def answers(path: Path) -> list[object]:
    """All that two searches say."""
    index = Index.open(path, read_only=True)
    results = [index.search("00-0.png", k=5, include_self=True), index.search(photo(*QUERY), k=5)]
    return [
        (hit.name, hit.score, hit.inliers, str(hit.transform), hit.box) for result in results for hit in result.hits
    ]


class Heard(logging.Handler):
    """Warnings since it was last asked."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def outcome(path: Path, expected: list[object], heard: Heard) -> str:
    """What a search of an index says, as one of `GOOD` or `BAD`."""
    heard.lines.clear()
    try:
        found = answers(path)
    except ResightError as error:
        return "error" if "verify" in str(error) else f"unclear {error}"
    except BaseException:
        return f"traceback {traceback.format_exc()}"
    if found == expected:
        return "same"
    if any("verify" in line for line in heard.lines):
        return "warning"
    return "other" if forged() else "silent"


def forge() -> None:
    """Takes bytes for what was written, and compiles all kernels with a check of every index."""
    numba.config.BOUNDSCHECK = 1
    ArrayFile.check_sum = lambda self, expected: None  # type: ignore[method-assign]


def forged() -> bool:
    """Whether `forge` was called."""
    return bool(numba.config.BOUNDSCHECK)


def flip_all(path: Path, flips: Sequence[Flip], told: int) -> None:
    """Makes and undoes the flips, one after another, and writes a line on each to the descriptor `told`."""
    faulthandler.enable()
    heard = Heard()
    logging.getLogger("resight").addHandler(heard)
    logging.getLogger("resight").propagate = False
    expected = answers(path)
    os.write(told, b"ready\n")
    for number, flip in enumerate(flips):
        if number % 2:
            # By turns a user who has never opened this index, and one who has: then less is read again.
            shutil.rmtree(checked.cache_folder("checked"), ignore_errors=True)
        sound = flip.path.read_bytes()
        data = bytearray(sound)
        data[flip.position] ^= flip.mask
        flip.path.write_bytes(data)
        line = outcome(path, expected, heard)
        flip.path.write_bytes(sound)
        os.write(told, (json.dumps(line) + "\n").encode())


def run(path: Path, flips: Sequence[Flip]) -> Iterator[str]:
    """The outcome of each flip; where a process dies or hangs another one goes on behind the flip that it was at."""
    whole = path.with_name(f"{path.name}.whole")
    shutil.copytree(path, whole)
    done = 0
    while done < len(flips):
        for line in _lines(path, flips[done:]):
            done += 1
            yield f"{line}{_again(path, whole, flips[done - 1], line)}" if line.startswith(ENDED) else line


def _again(path: Path, whole: Path, flip: Flip, line: str) -> str:
    """Says how often a flip that ended a process does so again; the index is whole afterwards."""
    ends = 0
    for _ in range(TRIES):
        shutil.rmtree(path)
        shutil.copytree(whole, path)
        ends += list(_lines(path, [flip])) == [line]
    shutil.rmtree(path)
    shutil.copytree(whole, path)
    return f", and again {ends} of {TRIES} times"


def _lines(path: Path, flips: Sequence[Flip]) -> Iterator[str]:
    reading, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        flip_all(path, flips, told)
        os._exit(0)
    os.close(told)
    with os.fdopen(os.dup(reading), "rb", buffering=0) as ready:
        if ready.readline() != b"ready\n":
            raise RuntimeError(f"{path}: cannot be searched as it is")
    waiting, done = b"", 0
    while select.select([reading], [], [], LIMIT_S)[0]:
        data = os.read(reading, 1 << 16)
        if not data:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if done < len(flips):
                yield f"crash {signal.Signals(-status).name if status < 0 else status}"
            os.close(reading)
            return
        *lines, waiting = (waiting + data).split(b"\n")
        for line in lines:
            done += 1
            yield json.loads(line)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)
    yield "hang"


def kind_of(path: Path, index: Path) -> str:
    """A file's kind: its path without numbers and channels."""
    parts = path.relative_to(index).parts
    name = re.sub(r"\d{8}", "*", parts[-1])
    return f"{parts[0]}/{name}" if len(parts) > 1 else name


def measured(layout: str, count: int, rng: np.random.Generator, place: Path) -> dict[str, Counter[str]]:
    """Outcomes by kind of file; faults are told on standard error."""
    photos = write_photos(place / "photos", 4, 3)
    path = place / f"{layout}.resight"
    if (child := os.fork()) == 0:
        make_index(path, layout, photos)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError(f"{layout}: the index could not be made")
    files = sorted(file for file in path.rglob("*.npy" if forged() else "*") if file.is_file())
    flips = drawn(files, count, rng)
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for flip, line in zip(flips, run(path, flips), strict=True):
        what = re.split("[ ,]", line)[0]
        table[kind_of(flip.path, path)][what] += 1
        if what in BAD:
            print(f"{layout} {flip.path.name} at {flip.position} ^ {flip.mask}: {line}", file=sys.stderr, flush=True)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--layouts", nargs="+", choices=[*RECIPES, "regions"], default=[*RECIPES, "regions"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--forged", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.forged:
        forge()
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(given.seed)
    shares = {layout: SHARE.get(layout, 1.0) for layout in given.layouts}
    total: dict[str, Counter[str]] = defaultdict(Counter)
    with tempfile.TemporaryDirectory() as temporary:
        checked.cache_folder = lambda kind: Path(temporary) / kind
        for layout, share in shares.items():
            place = Path(temporary) / layout
            place.mkdir()
            count = round(given.flips * share / sum(shares.values()))
            for kind, outcomes in measured(layout, count, rng, place).items():
                total[kind] += outcomes
    told = {kind: {what: total[kind][what] for what in (*GOOD, *BAD)} for kind in sorted(total)}
    if given.json:
        print(json.dumps(told, indent=1))
    else:
        print(f"{'file':34}" + "".join(f"{what:>10}" for what in (*GOOD, *BAD)))
        for kind, outcomes in [*told.items(), ("all", dict(sum(total.values(), Counter())))]:
            print(f"{kind:34}" + "".join(f"{outcomes.get(what, 0):10}" for what in (*GOOD, *BAD)))
    if any(outcomes[what] for outcomes in told.values() for what in BAD):
        sys.exit(1)


if __name__ == "__main__":
    main()
