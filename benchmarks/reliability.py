"""Holds the probabilities of hits against ground truth: of the hits that are called sure, how many are right?

    cd PHOTOS && python .../benchmarks/reliability.py covers scenes products --distractors distractors

All sets are put into one index, so that each is searched among the photos of the others; `--alone` searches each among
its own photos, which are often few and of the same things. `--every N` takes each N-th photo of each set,
`--queries N` each N-th query; `--index PATH` keeps the index, or asks the one that is there. Hits that the ground truth
calls junk or does not list, and the query itself, count neither way.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from resight.datasets.dataset import DISTRACTORS, Dataset
from resight.datasets.folder import photo_root, read_folder
from resight.evaluation.reliability import Reliability, reliability
from resight.folders.walking import find_images
from resight.index.index import Index
from resight.probability.verdict import POSSIBLE, SURE

HITS = 20
"""What a search gives unless it is told otherwise."""


def judged(index: Index, data: Dataset, prefix: str, every: int, within: Sequence[str]) -> Iterator[tuple[float, bool]]:
    """Probability and truth of each hit of each query."""
    database = frozenset(data.images)
    for query in data.queries[::every]:
        for hit in index.search(data.query_path(query.image), box=query.box, k=HITS, within=within).hits:
            name = hit.name.removeprefix(prefix)
            own = hit.name.startswith(prefix)
            if own and (query.mark(name) == "junk" or name not in database):
                continue
            yield hit.probability, own and query.mark(name) == "right"


def within_reach(index: Index, data: Dataset, prefix: str, every: int) -> int:
    """Positives of all queries that are in the index, at most as many of each as hits are looked at."""
    held = frozenset(index.collection.snapshot.images.names)
    return sum(min(HITS, sum(prefix + name in held for name in q.positives)) for q in data.queries[::every])


def filled(index: Index, sets: list[Path], distractors: Path | None, every: int) -> None:
    """Indexes what is not there yet."""
    for folder in sets:
        data = read_folder(folder)
        index.add(data.root, prefix=f"{folder.name}/", only=frozenset(data.images[::every]))
    if distractors is not None:
        root = photo_root(distractors)
        names = sorted(found.name for found in find_images(root))
        index.add(root, prefix=DISTRACTORS, only=frozenset(names[::every]))


def printed(name: str, found: Reliability, reach: int) -> None:
    """A table of one set."""
    print(f"\n{name}: {found.hits} hits, calibration error {found.calibration_error:.3f}, Brier {found.brier:.3f}")
    print("  probability   hits   mean   true")
    for one in found.bins:
        print(f"  {one.low:.2f} to {one.high:.2f} {one.hits:6d}  {one.mean:.3f}  {one.true:.3f}")
    for word, least in (("sure", SURE), ("sure or possible", POSSIBLE)):
        called, right = found.called(least)
        share = f"{right / called:.3f}" if called else "-"
        print(f"  {word}: {called} hits, precision {share}, recall {right / max(reach, 1):.3f} of {reach} within reach")


def main() -> None:
    """Indexes, asks and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--distractors", type=Path)
    parser.add_argument("--recipe", default="sift-asmk-links")
    parser.add_argument("--index", type=Path)
    parser.add_argument("--alone", action="store_true", help="search each set among its own photos")
    parser.add_argument("--every", type=int, default=1, help="of the photos")
    parser.add_argument("--queries", type=int, default=1, metavar="N", help="each N-th query asks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the tables to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        if given.index is not None and given.index.exists():
            index = Index.open(given.index, read_only=True)
        else:
            index = Index.open_or_create(given.index or Path(temporary) / "x.resight", given.recipe)
            filled(index, given.sets, given.distractors, given.every)
        tables = {}
        for folder in given.sets:
            data, prefix = read_folder(folder), f"{folder.name}/"
            within = [f"{prefix}*"] if given.alone else []
            pairs = np.array(list(judged(index, data, prefix, given.queries, within)), np.float64).reshape(-1, 2)
            found = reliability(pairs[:, 0], pairs[:, 1])
            tables[folder.name] = asdict(found)
            printed(f"{index.recipe.name} on {folder.name}", found, within_reach(index, data, prefix, given.queries))
        if given.json is not None:
            given.json.write_text(json.dumps({"recipe": index.recipe.name, "sets": tables}, indent=1) + "\n")


if __name__ == "__main__":
    main()
