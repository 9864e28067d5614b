"""Structure from motion of photos, from what an index keeps of them, against ground truth that mining does not see.

    python benchmarks/structure.py PHOTOS/scenes --at FOLDER [--recipe sift-asmk-links] [--seeds search min-hash]

Of each group: the share of its photos that is in models, and in its largest one. Of models: those whose photos are all
of one group; with junk, groups that the ground truth calls parts of one thing count as one. Of positives, by strategy:
how many are right. Of seeds: photos that searched, pairs that were looked at, and seconds.

The second and the third of `ATTEMPTS` were chosen on `sacre_coeur` and `lund` of these photos, so what these two groups
get is not held out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resight.index.collection import Collection
from resight.index.index import Index
from resight.training.mining.indexed import Photos, readable_photos, word_channel
from resight.training.mining.kinds import StructureFromMotion
from resight.training.mining.reconstruction import reconstruct
from resight.training.mining.structure import Mapped, clusters_of_models, map_photos, mined_structure

LARGE = 10
"""Photos of a group that has to be found."""


def truth_of(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The group of each photo by name; and the same where groups are one that are junk for each other."""
    truth = json.loads((folder / "groundtruth.json").read_text())
    group = {name: key for key, names in truth["groups"].items() for name in names}
    place = {key: key for key in truth["groups"]}
    for query in truth["queries"]:
        for name in query["junk"]:
            one, other = sorted((place[group[query["image"]]], place[group[name]]))
            place = {key: one if of == other else of for key, of in place.items()}
    return group, {name: place[key] for name, key in group.items()}


def purity(names: Sequence[str], mapped: Mapped, group: Mapping[str, str]) -> float:
    """The share of models whose photos are of one group."""
    pure = [len({group[names[row]] for row in model.images.tolist()}) == 1 for model in mapped.models]
    return round(float(np.mean(pure)), 3) if pure else 0.0


def found(names: Sequence[str], mapped: Mapped, group: Mapping[str, str]) -> dict[str, Any]:
    """By group of ten photos and more: photos, the share in models, and the share in the model with most of them."""
    report = {}
    for key in dict.fromkeys(group.values()):
        rows = {row for row, name in enumerate(names) if group[name] == key}
        if len(rows) < LARGE:
            continue
        most = max((len(rows & set(model.images.tolist())) for model in mapped.models), default=0)
        placed = len(rows & mapped.placed)
        report[key] = [len(rows), round(placed / len(rows), 3), round(most / len(rows), 3)]
    return report


def models_of(mapped: Mapped, photos: Photos, truth: tuple[Mapping[str, str], Mapping[str, str]]) -> dict[str, Any]:
    """The models that were mapped, and their purity."""
    group, place = truth
    names = photos.names
    clusters = clusters_of_models(len(names), mapped.models, mapped.graph)
    mixed = {
        key for key in set(clusters.tolist()) if len({place[names[r]] for r in np.flatnonzero(clusters == key)}) > 1
    }
    right = [group[names[pair.one]] == group[names[pair.other]] for pair in mapped.graph]
    alike = [place[names[pair.one]] == place[names[pair.other]] for pair in mapped.graph]
    groups = found(names, mapped, group)
    return {
        "models": [len(model) for model in mapped.models],
        "purity": purity(names, mapped, group),
        "purity, with junk": purity(names, mapped, place),
        "clusters of several things": len(mixed),
        "groups: photos, share in models, share in one": groups,
        "least share in models": min((share for _, share, _ in groups.values()), default=0.0),
        "verified pairs": len(mapped.graph),
        "verified pairs: right": round(float(np.mean(right)), 4),
        "verified pairs: right, with junk": round(float(np.mean(alike)), 4),
    }


def strategies(
    collection: Collection, channel: str, photos: Photos, mapped: Mapped, place: Mapping[str, str]
) -> dict[str, Any]:
    """By strategy of positives: anchors, positives, and the share that is right."""
    report = {}
    for name in ("random", "inliers", "nearest"):
        tuples = mined_structure(StructureFromMotion(positives=name), collection, channel, photos, mapped).tuples
        right = [place[one.name] == place[two.name] for one in tuples.anchors for two in one.positives]
        report[name] = [len(tuples.anchors), len(right), round(float(np.mean(right)), 4)]
    return report


def repeats(mapped: Mapped) -> bool:
    """True where mapping the same matches again gives the same models, bit for bit."""
    again = reconstruct([one.xy for one in mapped.words], mapped.graph, [one.size for one in mapped.words])
    return len(again) == len(mapped.models) and all(
        np.array_equal(one.images, two.images)
        and np.array_equal(one.centres, two.centres)
        and all(map(np.array_equal, one.points, two.points))
        for one, two in zip(again, mapped.models, strict=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--at", type=Path, required=True, help="folder of the index")
    parser.add_argument("--recipe", default="sift-asmk-links")
    parser.add_argument("--seeds", nargs="*", default=["search", "min-hash"], choices=["search", "min-hash"])
    given = parser.parse_args()
    truth = truth_of(given.folder)
    index = Index.open_or_create(given.at, given.recipe)
    index.add(given.folder / "images")
    photos, channel = readable_photos(index.collection), word_channel(index.collection, "")
    assert channel is not None
    view = index.collection.word_view(channel)
    report: dict[str, Any] = {"photos": len(photos.names), "recipe": given.recipe}
    for seeds in given.seeds:
        start = time.perf_counter()
        mapped = map_photos(StructureFromMotion(seeds=seeds), view, photos)
        seconds = round(time.perf_counter() - start, 1)
        cost = {"photos that searched": mapped.asked[0], "pairs looked at": mapped.asked[1], "seconds": seconds}
        report[seeds] = cost | models_of(mapped, photos, truth)
        if seeds == "search":
            report["repeats"] = repeats(mapped)
    report["positives: anchors, positives, right"] = strategies(index.collection, channel, photos, mapped, truth[1])
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
