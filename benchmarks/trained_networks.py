"""mAP of the products of `resight train` on sets with ground truth, each against the first of them.

    cd PHOTOS && python .../benchmarks/keep.py trained_networks --as NAME -- UNTRAINED TRAINED... \
        --sets covers scenes products --distractors distractors

A product is a folder with `recipe.toml`, `network.safetensors` and `whitening.npz`. Every photo is described once by
each, whole; queries, junk and the average precision are those of `resight evaluate SET --distractors distractors` with
that recipe. In brackets are 95 % intervals over queries, of the mean and of the difference to the first product. With
`--every` only one query and one database photo of so many is taken, and one positive of each query in any case.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resight.arrays import Float32, Float64
from resight.datasets.folder import photo_root, read_folder
from resight.evaluation.metrics import oxford_ap, positions
from resight.evaluation.resampling import bootstrap_interval, paired_test
from resight.folders.walking import find_images
from resight.learned.artefact import load
from resight.learned.whitening import from_arrays
from resight.recipe import ChannelRecipe
from resight.training.indexed import from_file, vectors_of
from resight.training.model import parts_of
from resight.training.product import RECIPE, WHITENING, channel_of
from resight.training.whitening import described


@dataclass(frozen=True)
class Question:
    """A query photo, and the photos that it should find and that do not count, by path."""

    photo: Path
    positives: frozenset[Path]
    junk: frozenset[Path]


@dataclass(frozen=True)
class Judged:
    """A set with ground truth: its queries, and the photos that they are asked of."""

    name: str
    questions: Sequence[Question]
    database: Sequence[Path]


def judged(folder: Path, distractors: Path | None, every: int) -> Judged:
    """Reads a set and its distractors, one query and one other photo of so many."""
    found = read_folder(folder)
    root = found.query_root or found.root
    queries = found.queries[::every]
    kept = {*sorted(found.images)[::every], *(min(one.positives) for one in queries)}
    questions = [
        Question(
            root / one.image, frozenset(map(found.path, one.positives & kept)), frozenset(map(found.path, one.junk))
        )
        for one in queries
    ]
    others = [] if distractors is None else [one.path for one in find_images(photo_root(distractors))]
    return Judged(folder.name, questions, [*map(found.path, sorted(kept)), *others[::every]])


def photos_of(sets: Sequence[Judged]) -> list[Path]:
    """Returns every photo of some sets once."""
    return sorted({photo for one in sets for photo in (*one.database, *(each.photo for each in one.questions))})


def vectors(product: Path, photos: Sequence[Path]) -> dict[Path, Float32]:
    """Describes photos by a product."""
    file = product / RECIPE
    channel: ChannelRecipe = channel_of(file)[1]
    parts = parts_of(channel, str(file))
    arrays = load(product / WHITENING).arrays
    whitenings = [from_arrays(arrays, f"{number}." if len(parts) > 1 else "") for number in range(len(parts))]
    side = max(int(getattr(part.features, "max_side", 0)) for part in parts)
    rows = vectors_of(channel, parts, product, [from_file(photo, side) for photo in photos])
    how = str(getattr(channel.method, "how", "concatenate"))
    return dict(zip(photos, described(parts, how, rows, whitenings), strict=True))


def average_precisions(of: Judged, by_photo: Mapping[Path, Float32]) -> Float64:
    """Returns the AP of each query."""
    database = np.stack([by_photo[photo] for photo in of.database])
    found = []
    for one in of.questions:
        order = np.argsort(-(database @ by_photo[one.photo]), kind="stable").tolist()
        ranking = [of.database[row] for row in order]
        # A query of the database itself is no find.
        junk = one.junk | ({one.photo} - one.positives)
        found.append(oxford_ap(positions(ranking, one.positives, junk), len(one.positives)))
    return np.array(found, np.float64)


def rounded(*values: float) -> list[float]:
    """Returns figures as they are shown."""
    return [round(float(value), 4) for value in values]


def main() -> None:
    """Judges and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("products", type=Path, nargs="+", help="folders that `resight train` made")
    parser.add_argument("--sets", type=Path, nargs="+", required=True)
    parser.add_argument("--distractors", type=Path)
    parser.add_argument("--every", type=int, default=1)
    given = parser.parse_args()
    sets = [judged(folder, given.distractors, given.every) for folder in given.sets]
    photos = photos_of(sets)
    report: dict[str, Any] = {"photos": len(photos)}
    first: dict[str, Float64] = {}
    for product in given.products:
        described_photos = vectors(product, photos)
        own: dict[str, Any] = {}
        for one in sets:
            aps = average_precisions(one, described_photos)
            own[one.name] = {"mAP": rounded(aps.mean()), "interval": rounded(*bootstrap_interval(aps))}
            if one.name in first:
                test = paired_test(aps, first[one.name])
                own[one.name]["more than the first"] = rounded(test.difference, *test.interval)
            first.setdefault(one.name, aps)
        report[product.name] = own
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
