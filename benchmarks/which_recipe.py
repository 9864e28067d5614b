"""Prints the table "Which recipe?" of the README: mAP, milliseconds a query, kilobytes a photo, seconds of indexing.

python benchmarks/which_recipe.py covers scenes products --distractors distractors

Each recipe is judged by the command's own evaluation. Queries are timed in turns over all recipes, in one process,
after each has answered once; times compare within a run alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import resight
from resight.datasets.dataset import Dataset
from resight.datasets.folder import read_folder

RECIPES = ("sift-asmk-links", "sift-asmk", "rmac-mobilenet", "rmac-mobilenet-diffusion", "sift-cnn-fused")
TIMED = 10
"""Queries that are timed, of each set."""


def every(dataset: Dataset, step: int) -> Dataset:
    """Returns the data set with each `step`-th query."""
    kept = {query.id for query in dataset.queries[::step]}
    settings = {name: tuple(one for one in queries if one.id in kept) for name, queries in dataset.settings.items()}
    return replace(dataset, settings=settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sets", nargs="+", type=Path, help="folders with images/ and groundtruth.json")
    parser.add_argument("--distractors", type=Path)
    parser.add_argument("--recipes", nargs="+", default=RECIPES)
    parser.add_argument("--every", type=int, default=1, help="asks one query in so many")
    parser.add_argument("--keep", type=Path, help="folder that keeps the indexes for another run")
    given = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {recipe: {} for recipe in given.recipes}
    with tempfile.TemporaryDirectory(prefix="resight-") as temporary:
        place = given.keep or Path(temporary)
        for folder in given.sets:
            data = every(read_folder(folder), given.every)
            for recipe in given.recipes:
                at = place / f"{folder.name}-{recipe}.resight"
                found = resight.evaluate(recipe, data, distractors=given.distractors, at=at)
                kilobytes, seconds = (found.costs.bytes_per_image or 0) / 1000, found.costs.index_seconds
                rows[recipe][folder.name] = {
                    "mAP": round(found.mean()["AP"], 4),
                    "interval": [round(bound, 4) for bound in found.interval()],
                    "kB a photo": round(kilobytes, 1),
                    "s to index": None if seconds is None else round(seconds),
                }
            places = {recipe: place / f"{folder.name}-{recipe}.resight" for recipe in given.recipes}
            for recipe, seconds in timed(data, places).items():
                rows[recipe][folder.name]["ms a query"] = round(1000 * seconds)
    print(json.dumps(rows, indent=1))


def timed(data: Dataset, places: dict[str, Path]) -> dict[str, float]:
    """Returns the median seconds of a query of each recipe, asked in turns."""
    indexes = {recipe: resight.Index.open(path, read_only=True) for recipe, path in places.items()}
    queries = data.queries[:: max(1, len(data.queries) // TIMED)][:TIMED]
    spent: dict[str, list[float]] = {recipe: [] for recipe in indexes}
    for number, query in enumerate((queries[0], *queries)):
        for recipe, index in indexes.items():
            start = time.perf_counter()
            index.search(data.query_path(query.image), box=query.box, k=20)
            if number:
                spent[recipe].append(time.perf_counter() - start)
    return {recipe: statistics.median(own) for recipe, own in spent.items()}


if __name__ == "__main__":
    main()
