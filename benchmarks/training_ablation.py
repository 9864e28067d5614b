"""Gain of each choice of a training, at equal budgets of images, over several seeds.

    cd PHOTOS && python .../benchmarks/training_ablation.py INDEX --sets covers products scenes \
        --distractors distractors --at FOLDER [--mapped INDEX] [--rows ROW ...] [--seeds 0 1 2] [--side 160] ...

INDEX: of the photos that are trained on, by a recipe of words such as `sift-asmk-links`; tuples are mined from it. Rows
on tuples of structure from motion mine --mapped instead, if it is given: an index of things in space. Every row trains
`rmac-lite0` from the weights of a classifier for so many images, with the choices of the first row of its group but
for those it names, and is judged by ground truth that training does not see, on pictures of 5/4 of --side. A row's
figure is the mean over seeds; its difference to the first row of the group is taken query by query, of means over
seeds, with the 95 % interval over queries; `seeds` are the means of each seed.

Each row and seed is kept in FOLDER as it is finished: the same command goes on after the last one. At the end the
figures are written to benchmarks/results/training-ablation.json, and as a table to docs/train.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from keep import commit, provenance, write_results
from kept_rows import KeptRows
from pages import replace_section, table
from trained_networks import Judged, average_precisions, judged, photos_of, rounded, vectors

from resight.arrays import Float64
from resight.evaluation.resampling import paired_test
from resight.recipe import recipe_text
from resight.training.mining.miner import mine
from resight.training.training import train

NAME = "training-ablation"
DOCS = Path(__file__).parents[1] / "docs" / "train.md"
SIDE = "340"
"""Long side of the pictures of `rmac-lite0`."""
RECIPE = """
name = "ablation"
descriptor = "small.toml"
weights = "efficientnet_lite0-imagenet"
whitening = "frozen"
parts = "each"

[photos]
decoded = 300

[frozen]
until = "blocks.5"

[optimiser]
kind = "adamw"
rate = 1e-3
decay = 0.01

[schedule]
warm_up = 5
kind = "cosine"
factor = 0.1

[lasting]
epochs = 1

[validation]
share = 0.0

[product]
whitening = "pca"
photos = 200
"""


@dataclass(frozen=True)
class Mined:
    """A way to mine tuples: its kind and parameters."""

    by: str
    parameters: Mapping[str, Any]


SFM = {"candidates": 20, "largest": 100}
TUPLES: Mapping[str, Mined] = {
    "verified": Mined("verified", {}),
    "sharing enough": Mined("sfm", SFM),
    "sharing any": Mined("sfm", {**SFM, "share": 1e-9, "zoom": 1000.0}),
}
PAIRS = {"loss.kind": "contrastive", "drawing.negatives": "2", "drawing.views": "0.0", "drawing.mine_every": "200"}
CONTRASTIVE = {"loss.kind": "contrastive", "drawing.negatives": "2"}


@dataclass(frozen=True)
class Row:
    """A training: the tuples that it takes, and what differs from the recipe; group: rows that are compared."""

    group: str
    changes: Mapping[str, str]
    tuples: str = "verified"


MAPPED, DRAWN = "positives and negatives", "choices of a step"
ROWS: Mapping[str, Row] = {
    "random of those that share enough points": Row(MAPPED, PAIRS, "sharing enough"),
    "nearest by the network of those that share points": Row(
        MAPPED, {**PAIRS, "drawing.positive": "nearest"}, "sharing any"
    ),
    "any hard negatives, not one a cluster": Row(MAPPED, {**PAIRS, "drawing.one_a_cluster": "false"}, "sharing enough"),
    "half of the pairs rendered": Row(DRAWN, {}),
    "untrained": Row(DRAWN, {"lasting.epochs": "0"}),
    "no views": Row(DRAWN, {"drawing.views": "0.0"}),
    "views alone": Row(DRAWN, {"drawing.views": "1.0"}),
    "untrained, whitening learned on the pairs": Row(DRAWN, {"lasting.epochs": "0", "product.whitening": "learned"}),
    "whitening learned on the pairs": Row(DRAWN, {"product.whitening": "learned"}),
    "no whitening in the loss": Row(DRAWN, {"whitening": "none"}),
    "all layers learn": Row(DRAWN, {"frozen.until": ""}),
    "frozen until blocks.8": Row(DRAWN, {"frozen.until": "blocks.8"}),
    "multi-similarity": Row(DRAWN, {"loss.kind": "multi-similarity"}),
    "smooth AP": Row(DRAWN, {"loss.kind": "smooth-ap"}),
    "contrastive": Row(DRAWN, CONTRASTIVE),
    "three quarters of the side": Row(DRAWN, {"photos.side": "0.75"}),
    "one and a half times the side": Row(DRAWN, {"photos.side": "1.5"}),
}
ASKED = tuple(ROWS)[:6]


def changes_of(row: Mapping[str, str], seed: int, side: int, images: int, anchors: int) -> dict[str, str]:
    """Returns the keys of the recipe of a row, which has as many images as the others."""
    negatives = int(row.get("drawing.negatives", "0"))
    own = anchors * 2 // (2 + negatives)
    factor = float(row.get("photos.side", "1.0"))
    return {
        "lasting.steps": str(images // (anchors * 2)),
        **row,
        "seed": str(seed),
        "drawing.anchors": str(own),
        "photos.side": str(round(side * factor / 32) * 32),
    }


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("--mapped", type=Path, help="index that structure from motion maps; INDEX unless given")
    parser.add_argument("--sets", type=Path, nargs="+", required=True)
    parser.add_argument("--distractors", type=Path)
    parser.add_argument("--at", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", nargs="+", choices=[*ROWS], default=[*ASKED], metavar="ROW")
    parser.add_argument("--side", type=int, default=160, help="of the pictures of a step, and 5/4 of it when judged")
    parser.add_argument("--images", type=int, default=2400, help="that the steps of a training see")
    parser.add_argument("--anchors", type=int, default=20, help="of a step")
    parser.add_argument("--every", type=int, default=1, help="judge by one query and one photo of so many")
    parser.add_argument("--page", type=Path, default=DOCS, help="where the table is written, between its marks")
    return parser


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Mines, trains, judges, keeps and writes. Returns what is written."""
    given = options().parse_args(arguments)
    made = provenance(NAME, sys.argv[1:] if arguments is None else arguments)
    names = [name for name in ROWS if name in {*given.rows, *firsts(given.rows)}]
    terms = {
        key: [str(one) for one in value] if isinstance(value, list) else str(value)
        for key, value in vars(given).items()
        if key not in ("at", "page", "rows", "seeds")
    }
    kept = KeptRows(given.at / "rows.jsonl", {"commit": commit(), **terms})
    index_recipe = recipe_text("rmac-lite0").replace(SIDE, str(given.side * 5 // 4))
    (given.at / "small.toml").write_text(index_recipe)
    (given.at / "ablation.toml").write_text(RECIPE)
    sets = [judged(folder, given.distractors, given.every) for folder in given.sets]
    photos = photos_of(sets)
    found: dict[str, dict[str, list[Float64]]] = {}
    for seed in given.seeds:
        for name in names:
            changes = changes_of(ROWS[name].changes, seed, given.side, given.images, given.anchors)
            product = given.at / f"{[*ROWS].index(name)}-{seed}"
            value = kept.row(
                f"{name}, seed {seed}", lambda n=name, c=changes, p=product: measured(n, c, p, given, sets, photos)
            )
            shutil.rmtree(product, ignore_errors=True)
            for which, own in value.items():
                found.setdefault(name, {}).setdefault(which, []).append(np.array(own, np.float64))
    document = {**made, "photos judged": len(photos), "rows": report(found, sets)}
    if arguments is None:
        write_results(NAME, document)
    replace_section(given.page, f"benchmarks/{Path(__file__).name}", section(document, given))
    return document


def measured(
    name: str,
    changes: Mapping[str, str],
    product: Path,
    given: argparse.Namespace,
    sets: Sequence[Judged],
    photos: Sequence[Path],
) -> dict[str, list[float]]:
    """Trains a row with one seed, or goes on with it. Returns the AP of each query of each set."""
    tuples = given.at / ROWS[name].tuples.replace(" ", "-")
    if not tuples.exists():
        how = TUPLES[ROWS[name].tuples]
        index = (given.mapped or given.index) if how.by == "sfm" else given.index
        mine(index, how.by, tuples, parameters=how.parameters)
    train(tuples, product, recipe=given.at / "ablation.toml", changes=dict(changes))
    by_photo = vectors(product, photos)
    return {one.name: rounded(*average_precisions(one, by_photo)) for one in sets}


def firsts(names: Sequence[str]) -> set[str]:
    """Returns the first row of the group of each row."""
    return {first_of(ROWS[name].group) for name in names}


def first_of(group: str) -> str:
    return next(name for name, row in ROWS.items() if row.group == group)


def report(found: Mapping[str, Mapping[str, Sequence[Float64]]], sets: Sequence[Judged]) -> dict[str, Any]:
    """Returns the figures of each row on each set."""
    rows: dict[str, Any] = {}
    for name, by_set in found.items():
        first = first_of(ROWS[name].group)
        rows[name] = {}
        for one in sets:
            aps = np.mean(by_set[one.name], axis=0)
            seeds = [own.mean() for own in by_set[one.name]]
            test = paired_test(aps, np.mean(found[first][one.name], axis=0))
            rows[name][one.name] = {"mAP": rounded(aps.mean())[0], "seeds": rounded(*seeds)}
            if name != first:
                rows[name][one.name]["more than the first"] = rounded(test.difference, *test.interval)
    return rows


def section(document: Mapping[str, Any], given: argparse.Namespace) -> Iterator[str]:
    """Yields the lines of the table."""
    sets = [one.name for one in given.sets]
    judged_by = "all queries" if given.every == 1 else f"one query and one photo of {given.every}"
    yield f"{given.images} images of {given.side} pixels a training; {document['photos judged']} photos judged by"
    yield f"{judged_by}; seeds {', '.join(map(str, given.seeds))}; commit {document['commit']}:"
    for group in dict.fromkeys(ROWS[name].group for name in document["rows"]):
        yield ""
        rows = [
            [name, *(cell(document["rows"][name][one]) for one in sets)]
            for name in document["rows"]
            if ROWS[name].group == group
        ]
        yield from table([group, *sets], rows)


def cell(figure: Mapping[str, Any]) -> str:
    """Returns the mean over seeds, their range, and the interval of the difference to the first row."""
    text = f"{figure['mAP']:.3f} ({min(figure['seeds']):.3f} to {max(figure['seeds']):.3f})"
    if "more than the first" in figure:
        difference, low, high = figure["more than the first"]
        text += f"; {difference:+.3f} [{low:+.3f}, {high:+.3f}]"
    return text


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
