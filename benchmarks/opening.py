"""What it costs to open an index: the first time, when every byte is checked, and later, when versions are compared.

    python benchmarks/opening.py [--images 10000] [--features 1000] [--segment 2048] [--rounds 5] [--json]

The index is synthetic: ASMK* postings of random words, in segments as the writer leaves them. "Later" is the same in a
new `Store`, which is what another process does. Seconds are those of the processor: bytes that are not in memory come
from the disk besides.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from resight.store import Batch, Image, Root, Store, checked
from resight.words.evidence import ImageWords
from resight.words.postings import build_postings
from resight.words.soundness import postings_fault

WORDS, BITS = 65536, 128


def image_words(features: int, rng: np.random.Generator) -> ImageWords:
    """Random words with random signatures and places."""
    words = np.sort(rng.integers(0, WORDS, features)).astype(np.int32)
    return ImageWords(
        words=words,
        features=np.arange(features, dtype=np.int32),
        xy=rng.uniform(0, 480, (features, 2)).astype(np.float32),
        scale=rng.uniform(1, 9, features).astype(np.float32),
        angle=rng.uniform(0, 6, features).astype(np.float32),
        size=(640, 480),
        aggregated=rng.integers(0, 1 << 63, (len(np.unique(words)), BITS // 64), dtype=np.uint64),
    )


def make(path: Path, images: int, features: int, segment: int) -> None:
    """Writes the index, segment by segment."""
    rng = np.random.default_rng(0)
    store = Store.create(path, "", {}, created_by="opening.py")
    with store.writing():
        for start in range(0, images, segment):
            names = range(start, min(start + segment, images))
            rows = [Image(1, f"folder/photo-{n:08d}.jpg", 10**6, 10**18 + n, f"{n:064x}", 640, 480) for n in names]
            kept = build_postings([image_words(features, rng) for _ in names], WORDS, "asmk", BITS).to_arrays()
            store.commit(Batch(rows, {"main": kept}), roots={1: Root("/photos", "")})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=1000)
    parser.add_argument("--segment", type=int, default=2048, help="Images of a segment.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    check = partial(postings_fault, kind="asmk", codebook_size=WORDS, bits=BITS)
    with tempfile.TemporaryDirectory() as temporary:
        checked.cache_folder = lambda kind: Path(temporary) / kind
        path = Path(temporary) / "x.resight"
        make(path, given.images, given.features, given.segment)
        kinds = ("first, catalogue", "first, all", "later, catalogue", "later, all")
        seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
        # The kernel is compiled, or loaded, before it is timed.
        Store.open(path, read_only=True).snapshot(lambda: {"main": check})
        for _ in range(given.rounds):
            for when in ("first", "later"):
                for what, layouts in (("catalogue", dict), ("all", lambda: {"main": check})):
                    if when == "first":
                        shutil.rmtree(Path(temporary) / "checked")
                    begun = time.process_time()
                    Store.open(path, read_only=True).snapshot(layouts)
                    seconds[f"{when}, {what}"].append(time.process_time() - begun)
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    told = {"images": given.images, "bytes": size, **{key: statistics.median(all_) for key, all_ in seconds.items()}}
    if given.json:
        print(json.dumps(told, indent=1))
    else:
        print(f"{given.images} images, {size / 1e6:.0f} MB; seconds of processor, median of {given.rounds}")
        for key, all_ in seconds.items():
            print(f"  {key:18} {statistics.median(all_):8.3f}")


if __name__ == "__main__":
    main()
