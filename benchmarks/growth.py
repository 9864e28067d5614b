"""Growth of an index: processor time of adding and of a query, memory and bytes, against its number of photos.

    python benchmarks/growth.py PHOTOS... [--sizes 250 1000 4000] [--recipe NAME] [--queries 12] [--json]

Photos are made smaller (320 pixels); where there are too few, more are made of them: two thirds of each side, cut out
at a random place, and every second one mirrored too. One index grows by adding, from size to size. Queries are such
parts of photos that the smallest size has, and the same ones are asked at every size, after one that is not counted.
Seconds are those of the processor, of all threads, which other work on the machine hardly changes. A fresh process
opens the index and asks once, which gives its processor time and the most memory that it comes to hold. Exponents are
slopes of least squares between the logarithms of both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from resight.folders.walking import find_images
from resight.index.index import Index
from resight.recipe import DEFAULT

SIDE = 320
"""Pixels of the long side of a photo."""
KEPT = 2 / 3
"""Share of each side that a crop keeps."""
FRESH = """
import sys
from pathlib import Path
from resight.index.index import Index

Index.open(Path(sys.argv[1]), read_only=True).search(Path(sys.argv[2]))
"""


def cropped(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Returns a part of a photo at a random place."""
    width, height = (round(KEPT * side) for side in photo.size)
    left, top = (int(rng.integers(side - kept + 1)) for side, kept in zip(photo.size, (width, height), strict=True))
    return photo.crop((left, top, left + width, top + height))


def write(source: Path, target: Path, variant: int, rng: np.random.Generator) -> None:
    """Writes a photo as it is for variant 0, else a part of it; odd ones are mirrored."""
    with Image.open(source) as opened:
        photo = ImageOps.exif_transpose(opened).convert("RGB")
    if variant:
        photo = cropped(photo, rng)
        photo = ImageOps.mirror(photo) if variant % 2 else photo
    photo.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    photo.save(target, quality=90)


def fresh(index: Path, query: Path) -> dict[str, float]:
    """Processor seconds of a process that opens an index and asks once, and the most MiB that it comes to hold."""
    run = subprocess.Popen([sys.executable, "-c", FRESH, str(index), str(query)])
    _, status, used = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        raise SystemExit(f"a fresh process did not answer: {run.returncode}")
    return {"first answer, s": used.ru_utime + used.ru_stime, "memory, MiB": used.ru_maxrss / 1024}


def measured(
    sources: Sequence[Path], sizes: Sequence[int], recipe: str, count: int, place: Path
) -> list[dict[str, float]]:
    """Returns the figures of each size."""
    rng = np.random.default_rng(0)
    photos, asked = place / "photos", place / "queries"
    photos.mkdir()
    asked.mkdir()
    queries = [asked / f"{number}.jpg" for number in range(count + 1)]
    for number, query in enumerate(queries):
        write(sources[number * sizes[0] // len(queries)], query, 2, rng)
    index = Index.create(place / "growing.resight", recipe)
    rows: list[dict[str, float]] = []
    there = 0
    for size in sizes:
        for number in range(there, size):
            write(sources[number % len(sources)], photos / f"{number:06}.jpg", number // len(sources), rng)
        start = time.process_time()
        index.add(photos)
        adding = (time.process_time() - start) / (size - there)
        index.search(queries[0])
        seconds = []
        for query in queries[1:]:
            start = time.process_time()
            index.search(query)
            seconds.append(time.process_time() - start)
        rows.append(
            {
                "photos": size,
                "adding, ms a photo": 1000 * adding,
                "query, ms": 1000 * statistics.median(seconds),
                "disk, kB a photo": index.info().bytes_per_image / 1000,
            }
            | fresh(index.path, queries[0])
        )
        print({key: round(value, 2) for key, value in rows[-1].items()}, file=sys.stderr, flush=True)
        there = size
    return rows


def exponents(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the power of the number of photos with which each figure grows."""
    photos = np.log([row["photos"] for row in rows])
    return {
        key: float(np.polyfit(photos, np.log([row[key] for row in rows]), 1)[0]) for key in rows[0] if key != "photos"
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path, help="folders, of which photos are taken in turn")
    parser.add_argument("--sizes", type=int, nargs="+", default=[250, 1000, 4000])
    parser.add_argument("--recipe", default=DEFAULT)
    parser.add_argument("--queries", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    folders = [[one.path for one in find_images(folder)] for folder in given.photos]
    sources = [one for one in chain.from_iterable(zip_longest(*folders)) if one is not None]
    with tempfile.TemporaryDirectory(prefix="resight-") as temporary:
        rows = measured(sources, sorted(given.sizes), given.recipe, given.queries, Path(temporary))
    if given.json:
        print(json.dumps({"recipe": given.recipe, "exponents": exponents(rows), "rows": rows}, indent=1))
        return
    for key, power in exponents(rows).items():
        print(f"{key}: grows with the number of photos to the power of {power:.2f}")


if __name__ == "__main__":
    main()
