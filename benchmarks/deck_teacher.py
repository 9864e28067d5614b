"""A network and the bag of words that taught it, by the size of what is looked for.

    cd PHOTOS && python .../benchmarks/deck_teacher.py INDEX --boxed covers --distractors distractors --at FOLDER \
        [--network lite0|vgg16 ...] [--side 362 --images 2400 --seeds 0 1 2 ...]

INDEX: the teacher: of the photos of --boxed and of the distractors, by words and geometry such as `sift-asmk-links`;
the student learns from the pairs that it verifies. --boxed: a folder whose groundtruth_boxed.json has a box in each
query: it is turned round, so that what the queries should find asks, and the queries are searched. Each right photo
counts by 1 / (1 + wrong photos before it), in thirds by the part of the photo that its box covers: the student is the
better one where that is large, and loses where it is small (Radenovic, Tolias & Chum, lecture, "Teacher vs. student
for small objects"). At full size: `--network vgg16`, and boxes of Oxford or INSTRE in the same form.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from trained_networks import vectors
from training_rows import Experiment, Judge, Mined, Row, Values, pooled, run

from resight.folders.walking import find_images
from resight.images import decode
from resight.index.index import Index

RECIPE = """
name = "student"
descriptor = "gem.toml"

[photos]
decoded = 400

[drawing]
views = 0.0

[frozen]
until = ""

[optimiser]
kind = "adamw"
rate = 3e-4

[lasting]
epochs = 1

[validation]
share = 0.0

[product]
whitening = "learned"
photos = 300
views = 0
"""
GROUP = "found by"
ROWS: Mapping[str, Row] = {
    "the teacher: words and geometry": Row(GROUP, {}, ""),
    "the student, as it was": Row(GROUP, {"lasting.epochs": "0"}, "verified"),
    "the student, taught": Row(GROUP, {}, "verified"),
}
TUPLES = {"verified": Mined("verified")}
THIRDS = ("small", "middling", "large")


@dataclass(frozen=True)
class Shown:
    """A photo that shows what others ask for. size: the part of it that its box covers."""

    photo: Path
    asking: Sequence[Path]
    size: float


def shown(folder: Path) -> Iterator[Shown]:
    """Yields the queries of a folder with boxes as photos that are searched."""
    document = json.loads((folder / "groundtruth_boxed.json").read_text(encoding="utf-8"))
    images = folder / "images"
    for one in document["queries"]:
        width, height = decode(images / one["image"]).size
        x0, y0, x1, y1 = one["box"]
        size = (x1 - x0) * (y1 - y0) / (width * height)
        yield Shown(images / one["image"], [images / name for name in one["positives"]], size)


def by_size(rights: Sequence[Shown], rankings: Mapping[Path, Sequence[Path]]) -> dict[str, list[float]]:
    """Returns of each third of the right photos, by size, 1 / (1 + wrong photos before it), for each that asks.

    rankings: of each photo that asks, of all photos that are searched.
    """
    bounds = np.quantile([one.size for one in rights], [1 / 3, 2 / 3])
    found: dict[str, list[float]] = {}
    for third, told in enumerate(THIRDS):
        values = []
        for one in rights:
            if int(np.searchsorted(bounds, one.size, side="left")) != third:
                continue
            for asking in one.asking:
                right = {other.photo for other in rights if asking in other.asking}
                before = rankings[asking][: rankings[asking].index(one.photo)]
                values.append(1.0 / (1 + sum(photo not in right for photo in before)))
        found[told] = values
    return found


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--boxed", type=Path, required=True, help="folder with groundtruth_boxed.json")
    parser.add_argument("--distractors", type=Path)


def by_boxes(given: argparse.Namespace) -> Judge:
    """Returns the judge by sizes of boxes."""
    rights = list(shown(given.boxed))
    others = [] if given.distractors is None else [one.path for one in find_images(given.distractors)]
    asking = sorted({photo for one in rights for photo in one.asking})
    searched = sorted({*(one.photo for one in rights), *others})

    def judge(place: Path) -> Values:
        ask = taught if (place / "recipe.toml").exists() and not (place / "catalog.sqlite").exists() else asked
        return by_size(rights, ask(place, asking, searched))

    return judge


def taught(product: Path, asking: Sequence[Path], searched: Sequence[Path]) -> dict[Path, list[Path]]:
    """Returns the rankings of a trained network."""
    by_photo = vectors(product, [*asking, *searched])
    rows = np.stack([by_photo[photo] for photo in searched])
    orders = {photo: np.argsort(-(rows @ by_photo[photo]), kind="stable") for photo in asking}
    return {photo: [searched[row] for row in order.tolist()] for photo, order in orders.items()}


def asked(path: Path, asking: Sequence[Path], searched: Sequence[Path]) -> dict[Path, list[Path]]:
    """Returns the rankings of an index; what it does not return comes last."""
    by_file = {photo.resolve(): photo for photo in searched}
    index = Index.open(path, read_only=True)
    found = {}
    for photo in asking:
        hits = [hit.file.path.resolve() for hit in index.search(photo, k=len(index)).hits if hit.file]
        ranked = [by_file[file] for file in hits if file in by_file]
        found[photo] = [*ranked, *sorted(set(searched) - set(ranked))]
    return found


EXPERIMENT = Experiment(
    "deck-teacher", Path(__file__).name, ROWS, TUPLES, RECIPE, {"gem.toml": pooled("gem")}, options=add_options
)


def main(arguments: Sequence[str] | None = None) -> Any:
    """Mines, trains, judges, keeps and writes. Returns what is written."""
    return run(EXPERIMENT, by_boxes, arguments)


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
