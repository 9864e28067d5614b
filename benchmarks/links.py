"""Kept links against photos that are asked in turn: how good, how long a query takes, and what linking costs a photo.

    cd PHOTOS && python .../benchmarks/links.py covers scenes products --distractors distractors

Indexes are kept in the folder of --at, one a recipe and set. Queries of the two recipes take turns, so that what else
the machine does slows both. "ranking": from features to the ranking. Linking is timed apart, over one photo in ten.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from resight.datasets.dataset import Dataset
from resight.datasets.folder import photo_root, read_folder
from resight.evaluation.metrics import oxford_ap, positions
from resight.index.asking import ask
from resight.index.index import Index
from resight.index.queries import Query
from resight.manifold.kinds import PhotoLinks
from resight.manifold.linking import find_candidates

RECIPES = ("sift-asmk-spatial", "sift-asmk-links")


def filled(at: Path, recipe: str, dataset: Dataset, distractors: Path | None) -> Index:
    """The index of a set by a recipe."""
    index = Index.open_or_create(at, recipe)
    index.add(dataset.root, only=frozenset(dataset.images))
    if distractors is not None:
        index.add(photo_root(distractors), prefix="distractors/")
    index.update()
    return index


def asked(indexes: Sequence[Index], dataset: Dataset, every: int) -> list[dict[str, Any]]:
    """Mean AP, and median and mean milliseconds of the ranking, of each index."""
    values, seconds = ([[] for _ in indexes] for _ in range(2))
    for query in dataset.queries[::every]:
        features = ask(indexes[0].collection, Query(dataset.query_path(query.image), box=query.box)).versions[0]
        for number, index in enumerate(indexes):
            start = time.perf_counter()
            ranking = index.collection.rank(features, len(index))
            seconds[number].append(time.perf_counter() - start)
            names = [index.collection.name_of(image) for image in ranking.ids.tolist()]
            values[number].append(oxford_ap(positions(names, query.positives, query.junk), len(query.positives)))
    return [
        {
            "recipe": index.recipe.name,
            "mAP": round(float(np.mean(found)), 4),
            "ranking ms": {"median": round(1000 * float(np.median(took))), "mean": round(1000 * float(np.mean(took)))},
        }
        for index, found, took in zip(indexes, values, seconds, strict=True)
    ]


def linking(index: Index, every: int) -> Mapping[str, float]:
    """What a photo of an index costs that asks the others: milliseconds, photos verified, and links found."""
    collection, ((name, kind),) = index.collection, index.recipe.derived
    assert isinstance(kind, PhotoLinks)
    view = collection.word_view(name)
    start, clock = time.perf_counter(), time.process_time()
    found = [find_candidates(image, view, kind, {}) for image in view.images[::every].tolist()]
    return {
        "photos": len(index),
        "ms": round(1000 * (time.perf_counter() - start) / len(found), 1),
        "ms of the processor": round(1000 * (time.process_time() - clock) / len(found), 1),
        "verified": round(float(np.mean([len(one.others) for one in found])), 1),
        "links": round(float(np.mean([len(one.pairs) for one in found])), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--distractors", type=Path)
    parser.add_argument("--every", type=int, default=1, help="ask one query in so many")
    parser.add_argument("--at", type=Path, help="folder of the indexes; a temporary one without")
    given = parser.parse_args()
    with TemporaryDirectory() as temporary:
        for folder in given.sets:
            dataset = read_folder(folder)
            places = [(given.at or Path(temporary)) / f"{recipe}-{folder.name}.resight" for recipe in RECIPES]
            indexes = [
                filled(at, recipe, dataset, given.distractors) for at, recipe in zip(places, RECIPES, strict=True)
            ]
            for index in indexes:
                index.search(dataset.query_path(dataset.queries[0].image), k=1)
            found = {
                "set": folder.name,
                "asked": asked(indexes, dataset, given.every),
                "linking": linking(indexes[1], 10),
            }
            print(json.dumps(found, indent=1), flush=True)


if __name__ == "__main__":
    main()
