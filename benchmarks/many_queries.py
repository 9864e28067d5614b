"""Compares queries asked one by one (`search`) with the same asked at once (`search_many`), in turns, in one process.

python benchmarks/many_queries.py covers --recipes rmac-mobilenet sift-asmk-spatial

Each ranks all photos, as an evaluation does. Besides the times it tells by how much scores differ, and of how many
queries another photo is first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import resight
from resight.datasets.folder import read_folder
from resight.index.results import Result

ROUND = 32
"""Queries that are asked in one way before they are asked in the other."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder with images/ and groundtruth.json")
    parser.add_argument("--recipes", nargs="+", default=["rmac-mobilenet", "sift-asmk-spatial"])
    given = parser.parse_args()
    data = read_folder(given.folder)
    queries = [resight.Query(data.query_path(one.image), box=one.box) for one in data.queries]
    rows = {}
    for recipe in given.recipes:
        with tempfile.TemporaryDirectory(prefix="resight-") as temporary:
            index = resight.Index.create(Path(temporary) / "x.resight", recipe)
            index.add(data.root, only=frozenset(data.images))
            rows[recipe] = compared(index, queries)
    print(json.dumps(rows, indent=1))


def compared(index: resight.Index, queries: list[resight.Query]) -> dict[str, Any]:
    """Returns seconds of both ways, their ratio in each round, and the differences of the results."""
    ways: dict[str, Callable[[list[resight.Query]], list[Result]]] = {
        "one by one": lambda some: [index.search(one, k=len(index), include_self=True) for one in some],
        "at once": lambda some: list(index.search_many(some, k=len(index), include_self=True)),
    }
    for ask in ways.values():
        ask(queries[:2])
    spent: dict[str, list[float]] = {way: [] for way in ways}
    found: dict[str, list[Result]] = {way: [] for way in ways}
    for start in range(0, len(queries), ROUND):
        # Each way comes first in every other round.
        for way in list(ways) if start // ROUND % 2 else reversed(list(ways)):
            began = time.perf_counter()
            found[way] += ways[way](queries[start : start + ROUND])
            spent[way].append(time.perf_counter() - began)
    alone, many = found.values()
    ratios = [one / other for one, other in zip(*spent.values(), strict=True)]
    scores = [
        ({hit.name: hit.score for hit in a}, {hit.name: hit.score for hit in b})
        for a, b in zip(alone, many, strict=True)
    ]
    return {
        "queries": len(queries),
        "ms a query": {way: round(1000 * sum(own) / len(queries), 1) for way, own in spent.items()},
        "times as fast": {
            "in all": round(sum(spent["one by one"]) / sum(spent["at once"]), 2),
            "median of rounds": round(statistics.median(ratios), 2),
            "rounds": [round(ratio, 2) for ratio in ratios],
        },
        "largest difference of scores": max(abs(a[name] - b.get(name, 0.0)) for a, b in scores for name in a),
        "queries with another first hit": sum(
            a.hits[0].name != b.hits[0].name for a, b in zip(alone, many, strict=True) if a.hits
        ),
        "queries with another order": sum(
            [hit.name for hit in a] != [hit.name for hit in b] for a, b in zip(alone, many, strict=True)
        ),
    }


if __name__ == "__main__":
    main()
