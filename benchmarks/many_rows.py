"""What it costs to open an index of very many photos, find one by its name and one by its bytes, and add ten.

    python benchmarks/many_rows.py [--images 1000000] [--segment 8192] [--against CHECKOUT ...] [--rounds 5] [--json]

The index is synthetic and has rows alone: no channel keeps anything of a photo. "First" is a person's first opening of
it, when every byte is checked; "later" are those of other processes, each its own. Each CHECKOUT is a working tree of
another version, which makes the index in its own format and is asked the same in turn with this one, so that the ratios
are of one run. Seconds are those of the clock, medians of the rounds; MB are those that the process grew by.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
KINDS = ("make", "open, first", "open, later", "by name", "by hash", "open, name and hash", "add 10", "MB")

# Each runs in a process of its own, under this version or another one.
COMMON = """
import hashlib, json, os, resource, sys, time
from pathlib import Path
from resight.store import Batch, Image, Root, Store
path, count, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
def row(n):
    key = hashlib.sha256(str(n).encode()).hexdigest()
    return Image(1, f"{n // 997:05d} holidays/IMG_{n:08d}.jpg", 10**6 + n, 10**18 + n, key, 640, 480)
def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
"""
MAKE = """
store = Store.create(path, "", {}, created_by="many_rows.py")
begun = time.perf_counter()
with store.writing():
    for start in range(0, count, size):
        rows = [row(n) for n in range(start, min(start + size, count))]
        store.commit(Batch(rows, {}), roots={1: Root("/photos", "")})
print(json.dumps({"make": time.perf_counter() - begun}))
"""
OPEN = """
before, wanted = memory(), row(count // 2)
begun = time.perf_counter()
images = Store.open(path, read_only=True).snapshot().images
assert len(images) == count
opened = time.perf_counter()
place = images.by_name.get(wanted.name)
named = time.perf_counter()
if hasattr(images, "with_hash"):
    (same,) = images.with_hash(wanted.hash)
else:
    same = images.hashes.index(wanted.hash)
ended = time.perf_counter()
assert images.names[place] == wanted.name and same == place
told = {"open, first" if sys.argv[4] == "first" else "open, later": opened - begun}
if sys.argv[4] != "first":
    told |= {"by name": named - opened, "by hash": ended - named, "open, name and hash": ended - begun}
    told |= {"MB": memory() - before}
print(json.dumps(told))
"""
ADD = """
first = int(sys.argv[4])
store = Store.open(path, read_only=False)
with store.writing():
    store.snapshot()
    rows = [row(n)._replace(name=f"new/{n}.jpg") for n in range(first, first + 10)]
    begun = time.perf_counter()
    store.commit(Batch(rows, {}))
    ended = time.perf_counter()
    images = store.snapshot().images
    store.commit(removed=[int(images.ids[images.by_name[one.name]]) for one in rows])
print(json.dumps({"add 10": ended - begun}))
"""


def run(checkout: Path, code: str, cache: Path, *arguments: object) -> dict[str, float]:
    """Runs code under a version and returns what it measured."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "RESIGHT_CACHE": str(cache)}
    command = [sys.executable, "-c", COMMON + code, *map(str, arguments)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{checkout}: {ran.stderr}")
    told: dict[str, float] = json.loads(ran.stdout)
    return told


def measure(checkouts: Sequence[Path], images: int, segment: int, rounds: int) -> list[dict[str, float]]:
    """Medians by kind for each version."""
    found: list[dict[str, list[float]]] = [{kind: [] for kind in KINDS} for _ in checkouts]

    def keep(number: int, told: dict[str, float]) -> None:
        for kind, value in told.items():
            found[number][kind].append(value)

    with tempfile.TemporaryDirectory() as temporary:
        cache = Path(temporary) / "cache"
        paths = [Path(temporary) / f"{number}.resight" for number in range(len(checkouts))]
        pairs = [*enumerate(zip(checkouts, paths, strict=True))]
        for number, (checkout, path) in pairs:
            keep(number, run(checkout, MAKE, cache, path, images, segment))
            # Another person's memory of what was checked: none yet.
            keep(number, run(checkout, OPEN, Path(temporary) / "other", path, images, segment, "first"))
        for _ in range(rounds):
            for number, (checkout, path) in pairs:
                keep(number, run(checkout, OPEN, cache, path, images, segment, "later"))
        for one in range(rounds):
            for number, (checkout, path) in pairs:
                keep(number, run(checkout, ADD, cache, path, images, segment, images + 10 * one))
    return [{kind: statistics.median(values) for kind, values in one.items()} for one in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--segment", type=int, default=8192, help="Images of a segment.")
    parser.add_argument("--against", type=Path, nargs="*", default=[], help="Working trees of other versions.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    checkouts = [HERE, *(path.resolve() for path in given.against)]
    here, *others = measure(checkouts, given.images, given.segment, given.rounds)
    if given.json:
        named = dict(zip(map(str, given.against), others, strict=True))
        print(json.dumps({"images": given.images, "here": here, "against": named}, indent=1))
        return
    print(f"{given.images:,} images in segments of {given.segment}; median of {given.rounds}")
    print(f"  {'':20}{'here':>10}" + "".join(f"{path.name[-14:]:>16}{'ratio':>8}" for path in given.against))
    for kind in KINDS:
        ratios = "".join(f"{one[kind]:16.4f}{one[kind] / here[kind]:8.1f}" for one in others)
        print(f"  {kind:20}{here[kind]:10.4f}{ratios}")


if __name__ == "__main__":
    main()
