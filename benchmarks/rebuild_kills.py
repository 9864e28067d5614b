"""Kills a process again and again while it makes the structure of an approximate search, and asks what is left.

    python benchmarks/rebuild_kills.py PHOTOS [--kills 100] [--most 60] [--json]

An index of some photos by the recipe `fast`, searched by `ivf`, is rebuilt without end by a process that is killed at a
random moment; in every other round the process makes the structure once and writes it without end, because writing
takes a small part of the time. After each kill the index is opened: it must have a structure, find every photo by what
it keeps of it, and have every byte as it was written.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import tempfile
import time
from pathlib import Path

from resight import Index
from resight.folders.names import Name
from resight.search.approximate import kept
from resight.store.disk import TEMPORARY


def rebuild_for_ever(path: Path, ready: int, writing: bool) -> None:
    """Makes the structure anew, or only writes it anew, until it is killed; writes a byte when it begins."""
    kept.KeptApproximate.stale = lambda *_: 1  # type: ignore[method-assign]
    index = Index.open(path)
    made = kept.KeptApproximate.make
    if writing:
        arrays = made(next(iter(index._derived._structures.values())), None, None)  # type: ignore[arg-type]
        kept.KeptApproximate.make = lambda *_: arrays  # type: ignore[method-assign]
    os.write(ready, b"1")
    while True:
        index.prepare_search()


def lost(path: Path) -> list[str]:
    """Returns the faults of the index."""
    index = Index.open(path)
    images = index.collection.snapshot.images
    wrong = [] if index.info().search else ["there is no structure"]
    view = index.collection.views["main"]
    for image, name in zip(images.ids.tolist(), images.names, strict=True):
        best = view.search(view.kept_query(image), 1).ids.tolist()
        if best != [image]:
            wrong.append(f"{Name(name)} is not found")
    return [*wrong, *index.verify().problems]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "x.resight"
        only = sorted(one.name for one in given.photos.iterdir() if one.is_file())[: given.most]
        index = Index.create(path, "fast", search="ivf")
        index.add(given.photos, only=only)
        begun = time.perf_counter()
        index.prepare_search()
        each = time.perf_counter() - begun
        wrong: list[str] = []
        abandoned = 0
        for kill in range(given.kills):
            reading, ready = os.pipe()
            child = os.fork()
            if not child:
                rebuild_for_ever(path, ready, writing=kill % 2 == 1)
            os.read(reading, 1)
            time.sleep(draw.uniform(0.0, 0.2 if kill % 2 else 2 * each))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(reading)
            os.close(ready)
            abandoned += bool(list(path.glob(f"search/main/{TEMPORARY}*")))
            wrong += lost(path)
    told = {"photos": len(only), "kills": given.kills, "while it was written": abandoned, "wrong": wrong}
    print(json.dumps(told) if given.json else told)


if __name__ == "__main__":
    main()
