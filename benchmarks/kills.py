"""What is left of a filled index whose writer was killed: at moments drawn over the whole length of each command.

    python benchmarks/kills.py [--kills 1000] [--seed 0] [--photos 12] [--json]

`index`, `add`, `update`, `remove` and `compact` take turns, each on a copy of an index of several segments. The length
of each is measured first, in seconds of processor, which other programs do not stretch, and the moment of SIGKILL drawn
over all of it; a command that had ended by then is drawn again. Then nothing that was committed may be missing or be
there twice, `verify` must find no problem, and the same command, run again to its end, must leave what it
leaves undisturbed: the same images and, to the last digit, the same rankings. Exit code 1 where it does not.

Commands are forked from this process, which has imported and loaded everything and has one thread.
"""

from __future__ import annotations

import os

# A fork copies one thread only, so there must be no others; read when the libraries below are loaded.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import argparse
import contextlib
import gc
import io
import json
import select
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import faiss
import numpy as np
from small_indexes import make_index, photo, recipe_of, write_photos

import resight.channels.fits
import resight.index.answering
from resight.cli.main import main as resight_command
from resight.index import merging, writer
from resight.index.index import Index
from resight.store import Store, checked, verify

BATCH = 2
"""Images of a batch, so that a few photos are many commits and merges."""
ROUNDS = 3
"""Undisturbed runs that a command's length is the median of."""
LOOK_S = 0.0005
"""Time between two looks at how much of the processor a command has used."""


@dataclass(frozen=True)
class Case:
    """A command, the index that it begins with, and what an undisturbed run of it leaves. seconds: of processor."""

    name: str
    arguments: Sequence[object]
    base: Path
    path: Path
    before: Mapping[str, str]
    after: Mapping[str, Any]
    seconds: float


def forked(work: Callable[[], object]) -> Any:
    """What `work` returns in a process of its own, by way of JSON."""
    reading, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(told, "w") as out:
            json.dump(work(), out)
        os._exit(0)
    os.close(told)
    with os.fdopen(reading) as answer:
        text = answer.read()
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("a process failed; its traceback stands above")
    return json.loads(text)


def command(arguments: Sequence[object], seconds: float | None, told: int | None = None) -> tuple[int, float]:
    """Runs one `resight` command and kills it after some seconds of processor; its exit code, or -9, and these seconds.

    told: a descriptor to which it writes the number of each generation once that counts.
    """
    child = os.fork()
    if child == 0:
        if told is not None:
            tell_generations(told)
        sys.argv = ["resight", *map(str, arguments)]
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        try:
            resight_command()
        except SystemExit as error:
            os._exit(int(error.code or 0))
        os._exit(0)
    ended = os.pidfd_open(child)
    # The processor time of another process, as Linux numbers its clocks.
    clock = (~child << 3) | 2
    while not select.select([ended], [], [], LOOK_S if seconds is not None else None)[0]:
        if time.clock_gettime(clock) >= (seconds or 0.0):
            os.kill(child, signal.SIGKILL)
            break
    os.close(ended)
    _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def tell_generations(told: int) -> None:
    """Makes every change of a store write the number of its generation when it has returned."""
    for name in ("commit", "replace_segments", "add_fitted"):
        plain = getattr(Store, name)

        def telling(self: Store, *arguments: Any, plain: Callable[..., int] = plain, **named: Any) -> int:
            generation = plain(self, *arguments, **named)
            os.write(told, f"{generation}\n".encode())
            return generation

        setattr(Store, name, telling)


def images_of(path: Path) -> dict[str, str]:
    """Hash by name of the live images. Raises AssertionError where a name is there twice."""
    images = Store.open(path, read_only=True).snapshot().images
    assert len(set(images.names)) == len(images.names), "an image is there twice"
    return dict(zip(images.names, images.hashes, strict=True))


def state(path: Path) -> dict[str, Any]:
    """What is in an index, what is wrong with it and how it answers, as plain values."""
    index = Index.open(path)
    found = {}
    for thing in range(4):
        hits = index.search(photo(thing, 1), k=10).hits
        found[str(thing)] = [[hit.name, hit.score, hit.inliers, str(hit.transform)] for hit in hits]
    return {
        "images": images_of(path),
        "problems": [f"{problem.path.name} {problem.what}" for problem in verify(path).problems],
        "found": found,
    }


def after_kill(path: Path) -> dict[str, Any]:
    """What a killed command has left."""
    problems = [f"{problem.path.name} {problem.what}" for problem in verify(path).problems]
    return {
        "problems": problems,
        "generation": Store.open(path, read_only=True).snapshot().generation,
        "images": images_of(path),
    }


def cases(place: Path, photos: int) -> list[Case]:
    """All commands, each on a filled index, with what they leave."""
    recipe = place / "recipe.toml"
    recipe.write_text(recipe_of("asmk"))
    folder = write_photos(place / "photos", photos)
    path = place / "x.resight"
    names = sorted(file.name for file in folder.iterdir())
    base = place / "base.resight"
    command(["index", folder, "-o", base, "--recipe", recipe], None)
    # A base is copied to one path, at which every command works, and the photos stay where they are.
    write_photos(folder, photos // 2, first=photos)
    for name in names[:3]:
        shutil.copyfile(folder / names[-1], folder / name)
    (folder / names[4]).unlink()
    given = {
        "index": ["index", folder, "-o", path, "--recipe", recipe],
        "add": ["add", path, folder],
        "update": ["update", path],
        "remove": ["remove", path, *names[5:8]],
        "compact": ["compact", path],
    }
    crowded = place / "crowded.resight"
    shutil.copytree(base, crowded)
    command(["add", crowded, folder], None)
    command(["remove", crowded, names[6], names[9]], None)
    made = []
    for name, arguments in given.items():
        start = crowded if name == "compact" else base
        lengths = []
        for _ in range(ROUNDS):
            shutil.rmtree(path, ignore_errors=True)
            shutil.copytree(start, path)
            code, seconds = command(arguments, None)
            if code:
                raise RuntimeError(f"{name} ended with {code}")
            lengths.append(seconds)
        before = forked(lambda start=start: images_of(start))
        made.append(Case(name, arguments, start, path, before, forked(lambda: state(path)), statistics.median(lengths)))
    return made


def faults(case: Case, seconds: float) -> tuple[str, list[str]]:
    """Kills a command after some seconds: where it was then ("before", "between", "after"), and what is wrong.

    "ended" where it was no more, so that nothing was tried.
    """
    shutil.rmtree(case.path, ignore_errors=True)
    shutil.copytree(case.base, case.path)
    reading, told = os.pipe()
    code, _ = command(case.arguments, seconds, told)
    os.close(told)
    with os.fdopen(reading) as generations:
        acknowledged = [int(line) for line in generations]
    if code != -signal.SIGKILL:
        return "ended", [f"ended with {code}"] if code else []
    left = forked(lambda: after_kill(case.path))
    found = [f"verify: {problem}" for problem in left["problems"]]
    images, before, after = left["images"].items(), case.before.items(), case.after["images"].items()
    if lost := (before & after) - images:
        found.append(f"lost: {sorted(lost)[:3]}")
    if foreign := images - (before | after):
        found.append(f"from nowhere: {sorted(foreign)[:3]}")
    if acknowledged and not acknowledged[-1] <= left["generation"] <= acknowledged[-1] + 1:
        found.append(f"generation {left['generation']} after {acknowledged[-1]} was acknowledged")
    where = "between"
    if left["images"] == case.before and not acknowledged:
        where = "before"
    elif left["images"] == case.after["images"]:
        where = "after"
    removed = case.name == "remove" and where == "after"
    if not removed and (code := command(case.arguments, None)[0]):
        found.append(f"the second run ended with {code}")
    again = forked(lambda: state(case.path))
    found += [f"{key} differ after the second run" for key, value in case.after.items() if again[key] != value]
    return where, found


def warm(place: Path) -> None:
    """Loads everything that the commands and searches load, in this process."""
    photos = write_photos(place / "photos", 2)
    make_index(place / "x.resight", "asmk", photos).search(photo(0, 1))
    plain = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = io.StringIO()
    for arguments in (["add", str(place / "x.resight"), str(photos)], ["verify", str(place / "x.resight")]):
        sys.argv = ["resight", *arguments]
        with contextlib.suppress(SystemExit):
            resight_command()
    sys.stdout, sys.stderr = plain


def wait_for_threads() -> None:
    """Waits until no thread is left but this one, as those of a pool end a moment after they were waited for."""
    # An index is part of a ring of references, and its pools of threads end with it.
    gc.collect()
    deadline = time.monotonic() + 30
    while len(os.listdir("/proc/self/task")) > 1:
        assert time.monotonic() < deadline, "a fork would copy only one of the threads"
        time.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photos", type=int, default=12, help="Things in the filled index; each has two photos.")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    assert resight.index.answering
    assert resight.channels.fits
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    writer.BATCH_IMAGES = merging.TIER_WIDTH = BATCH
    # A killed process loses nothing that it wrote; waiting for the disk is for a machine that loses power.
    os.fsync = lambda _: None
    rng = np.random.default_rng(given.seed)
    told: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        checked.cache_folder = lambda kind: Path(temporary) / kind
        warm(Path(temporary) / "warm")
        wait_for_threads()
        all_cases = cases(Path(temporary), given.photos)
        told = {case.name: Counter() for case in all_cases}
        # Whoever interrupts a long run is told how far it came.
        with contextlib.suppress(KeyboardInterrupt):
            for kill in range(given.kills):
                case, where = all_cases[kill % len(all_cases)], "ended"
                while where == "ended":
                    seconds = float(rng.uniform(0, case.seconds))
                    where, found = faults(case, seconds)
                    told[case.name].update({where: 1, "faults": bool(found)})
                    for line in found:
                        print(f"{case.name} killed after {seconds:.3f} s: {line}", file=sys.stderr, flush=True)
                told[case.name].update({"kills": 1})
        lengths = {case.name: case.seconds for case in all_cases}
    columns = ("kills", "before", "between", "after", "ended", "faults")
    if given.json:
        print(json.dumps({name: {"seconds": lengths[name], **counts} for name, counts in told.items()}, indent=1))
    else:
        print(f"{'command':10}{'seconds':>9}" + "".join(f"{column:>9}" for column in columns))
        for name, counts in told.items():
            print(f"{name:10}{lengths[name]:9.3f}" + "".join(f"{counts[column]:9}" for column in columns))
    if any(counts["faults"] for counts in told.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
