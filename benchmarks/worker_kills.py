"""Indexes photos by workers of Ray that are killed meanwhile, and compares the index with that of one process.

python benchmarks/keep.py worker_kills -- PHOTOS [--photos 200 --kills 20 --recipes sift-asmk fast]

Starts Ray on this machine alone. While photos are indexed, one of the workers is killed (SIGKILL) again and again, in
new indexes until so many were. Of each index the segments' arrays are compared byte for byte, after `compact`, with
those that one process makes, and so are names and sizes. Prints JSON: kills, indexes, and what differed. Ray listens
on every address of the machine: run this where nobody else can reach it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import tempfile
import threading
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
from blcf_sets import evenly

import resight
from resight.folders.walking import find_images


def workers() -> list[int]:
    """Returns ids of the processes of Ray that run a task or wait for one."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            title = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if title.startswith(b"ray::") and b"_work" in title:
            found.append(int(entry.name))
    return found


def contents(path: Path) -> dict[str, str]:
    """Returns what an index holds: a hash of each array of its segments, and of names, hashes and sizes."""
    index = resight.Index.open(path)
    images = index.collection.snapshot.images
    rows = [[*images.names], [*images.hashes], images.widths.tolist(), images.heights.tolist()]
    found = {"rows": sha256(json.dumps(rows).encode()).hexdigest()}
    for channel in index.recipe.channel:
        for segment in index.collection.snapshot.segments:
            arrays = segment.arrays(channel, lambda *_: None)
            for name, array in sorted(arrays.items()):
                data = np.ascontiguousarray(array)
                key = f"{channel}/{segment.rows}/{name}"
                found[key] = sha256(f"{data.dtype}{data.shape}".encode() + data.tobytes()).hexdigest()
    return found


def killer(stop: threading.Event, killed: list[int], most: int, seed: int) -> None:
    """Kills a worker that works every second or so, until it is to stop."""
    draw = random.Random(seed)
    while not stop.wait(0.3 + draw.random()) and len(killed) < most:
        if there := workers():
            victim = draw.choice(sorted(there))
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed.append(victim)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("--photos", dest="most", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--recipes", nargs="+", default=["sift-asmk", "fast"])
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    import ray

    ray.init(address="local", include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="resight-") as temporary:
        work = Path(temporary)
        (work / "photos").mkdir()
        for one in evenly([found.path for found in find_images(given.photos)], given.most):
            (work / "photos" / "-".join(one.relative_to(given.photos).parts)).symlink_to(one.resolve())
        for recipe in given.recipes:
            alone = resight.Index.create(work / f"{recipe}.resight", recipe)
            begun = time.perf_counter()
            alone.add(work / "photos", follow_links=True)
            seconds = time.perf_counter() - begun
            alone.compact()
            expected = contents(alone.path)
            killed: list[int] = []
            differing: list[str] = []
            indexes, spent = 0, []
            while len(killed) < given.kills or not indexes:
                path = work / f"{recipe}-{indexes}.resight"
                index = resight.Index.create(path, recipe)
                stop = threading.Event()
                thread = threading.Thread(target=killer, args=(stop, killed, given.kills, given.seed + indexes))
                thread.start()
                begun = time.perf_counter()
                try:
                    index.add(work / "photos", follow_links=True, workers="ray")
                finally:
                    stop.set()
                    thread.join()
                spent.append(round(time.perf_counter() - begun, 1))
                index.compact()
                found = contents(path)
                differing += sorted(
                    key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)
                )
                indexes += 1
            result[recipe] = {
                "photos": given.most,
                "kills": len(killed),
                "indexes": indexes,
                "arrays compared": len(expected) * indexes,
                "arrays that differ": differing,
                "seconds of one process": round(seconds, 1),
                "seconds by workers, with kills": spent,
            }
    ray.shutdown()
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
