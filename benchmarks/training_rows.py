"""Experiments of training: rows that are trained and judged one after the other, over seeds, kept and written.

An experiment names its rows; `run` is its command: it mines the tuples of a row when they are first needed, trains,
judges by what training does not see, keeps each row and seed, and at the end writes benchmarks/results/NAME.json and a
table into a page. The same command goes on where it was stopped, also within a row.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from keep import commit, provenance, write_results
from kept_rows import KeptRows
from pages import replace_section, table
from trained_networks import average_precisions, judged, photos_of, rounded, vectors

from resight.arrays import Float64
from resight.evaluation.resampling import paired_test
from resight.training.mining.miner import mine
from resight.training.training import train

ROOT = Path(__file__).parents[1]
Values = Mapping[str, Sequence[float]]
"""Of every measure one number a query."""


@dataclass(frozen=True)
class Mined:
    """A way to mine tuples: its kind, its parameters, and the option that names the index."""

    by: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    index: str = "index"


@dataclass(frozen=True)
class Row:
    """A training: the tuples that it takes, and what differs from the recipe; group: rows that are compared.

    Without tuples nothing is trained: the index itself is judged.
    """

    group: str
    changes: Mapping[str, str]
    tuples: str


@dataclass(frozen=True)
class Experiment:
    """An experiment: its rows by name, of which the first of a group is what the others are compared with.

    recipe: of training. descriptors: the index recipes that it and its rows name, by file, each of a network and a long
    side. asked: rows unless others are named. options: adds those of its own to a command.
    """

    name: str
    script: str
    rows: Mapping[str, Row]
    tuples: Mapping[str, Mined]
    recipe: str
    descriptors: Mapping[str, Callable[[str, int], str]]
    asked: Sequence[str] = ()
    page: Path = ROOT / "docs" / "train.md"
    options: Callable[[argparse.ArgumentParser], None] | None = None


Judge = Callable[[Path], Values]
"""Judges a product, or an index."""

NETWORKS = {
    "lite0": ("efficientnet_lite0", "blocks.12.expand", "efficientnet_lite0-imagenet"),
    "alexnet": ("alexnet", "conv5", "alexnet-imagenet"),
    "vgg16": ("vgg16", "conv5_3", "vgg16-imagenet-caffe"),
    "mobilenet": ("mobilenet_v2", "features.18", "mobilenet_v2-imagenet"),
}
"""Network, layer and weights by the name of an option: the small one, and those of papers."""


def pooled(pooling: str) -> Callable[[str, int], str]:
    """Returns what makes an index recipe of a pooling of one layer, whitened."""

    def text(network: str, side: int) -> str:
        architecture, layer, weights = NETWORKS[network]
        return f"""
name = "{pooling}-{network}"

[features]
kind = "maps"
network = "{architecture}"
layer = "{layer}"
max_side = {side}
checkpoint = {{ source = "{weights}" }}

[descriptor]
kind = "{pooling}"
whitening = "pca"
fit = "collection"
"""

    return text


def run(experiment: Experiment, judging: Callable[[argparse.Namespace], Judge], arguments: Sequence[str] | None) -> Any:
    """Mines, trains, judges, keeps and writes. Returns what is written.

    judging: opens what products are judged by. arguments: of a call, whose figures no file of results is written of.
    """
    given = options(experiment).parse_args(arguments)
    made = provenance(experiment.name, sys.argv[1:] if arguments is None else arguments)
    firsts = {first_of(experiment, experiment.rows[name].group) for name in given.rows}
    names = [name for name in experiment.rows if name in {*given.rows, *firsts}]
    terms = {
        key: [str(one) for one in value] if isinstance(value, list) else str(value)
        for key, value in vars(given).items()
        if key not in ("at", "page", "rows", "seeds")
    }
    kept = KeptRows(given.at / "rows.jsonl", {"commit": commit(), **terms})
    for file, text in experiment.descriptors.items():
        (given.at / file).write_text(text(given.network, given.side * 5 // 4))
    (given.at / "training.toml").write_text(experiment.recipe)
    opened: list[Judge] = []

    def measured(name: str, seed: int, product: Path) -> Values:
        row = experiment.rows[name]
        if not opened:
            opened.append(judging(given))
        if not row.tuples:
            return {measure: rounded(*values) for measure, values in opened[0](given.index).items()}
        tuples = given.at / row.tuples.replace(" ", "-")
        if not tuples.exists():
            how = experiment.tuples[row.tuples]
            mine(getattr(given, how.index) or given.index, how.by, tuples, parameters=how.parameters)
        changes = changes_of(row.changes, seed, given.side, given.images, given.anchors)
        train(tuples, product, recipe=given.at / "training.toml", changes=changes)
        return {measure: rounded(*values) for measure, values in opened[0](product).items()}

    found: dict[str, list[dict[str, Float64]]] = {}
    for seed in given.seeds:
        for name in names:
            product = given.at / f"{[*experiment.rows].index(name)}-{seed}"
            value = kept.row(f"{name}, seed {seed}", lambda n=name, s=seed, p=product: measured(n, s, p))
            shutil.rmtree(product, ignore_errors=True)
            found.setdefault(name, []).append({key: np.array(own, np.float64) for key, own in value.items()})
    document = {**made, "rows": report(experiment, found)}
    if arguments is None:
        write_results(experiment.name, document)
    replace_section(given.page, f"benchmarks/{experiment.script}", section(experiment, document, given))
    return document


def options(experiment: Experiment) -> argparse.ArgumentParser:
    """Returns the options that all experiments have, and those of this one."""
    rows = experiment.rows
    parser = argparse.ArgumentParser(description=experiment.name)
    parser.add_argument("index", type=Path, help="of the photos that are trained on")
    parser.add_argument("--at", type=Path, required=True, help="folder of the rows that are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", nargs="+", choices=[*rows], default=[*(experiment.asked or rows)], metavar="ROW")
    parser.add_argument("--side", type=int, default=160, help="of the pictures of a step, and 5/4 of it when judged")
    parser.add_argument("--images", type=int, default=2400, help="that the steps of a training, or of an epoch, see")
    parser.add_argument("--anchors", type=int, default=20, help="of a step")
    parser.add_argument("--network", choices=[*NETWORKS], default="lite0")
    parser.add_argument("--page", type=Path, default=experiment.page, help="where the table is written")
    if experiment.options is not None:
        experiment.options(parser)
    return parser


def add_sets(parser: argparse.ArgumentParser) -> None:
    """Adds options of sets with ground truth that products are judged by."""
    parser.add_argument("--sets", type=Path, nargs="+", required=True)
    parser.add_argument("--distractors", type=Path)
    parser.add_argument("--every", type=int, default=1, help="judge by one query and one photo of so many")


def by_sets(given: argparse.Namespace) -> Judge:
    """Returns the judge by sets with ground truth: the AP of each query of each set."""
    sets = [judged(folder, given.distractors, given.every) for folder in given.sets]
    photos = photos_of(sets)

    def judge(product: Path) -> Values:
        by_photo = vectors(product, photos)
        return {one.name: average_precisions(one, by_photo).tolist() for one in sets}

    return judge


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


def first_of(experiment: Experiment, group: str) -> str:
    return next(name for name, row in experiment.rows.items() if row.group == group)


def report(experiment: Experiment, found: Mapping[str, Sequence[Mapping[str, Float64]]]) -> dict[str, Any]:
    """Returns the figures of each row by each measure."""
    rows: dict[str, Any] = {}
    for name, seeds in found.items():
        first = first_of(experiment, experiment.rows[name].group)
        rows[name] = {}
        for measure in seeds[0]:
            each = np.mean([one[measure] for one in seeds], axis=0)
            figure: dict[str, Any] = {
                "mean": rounded(each.mean())[0],
                "seeds": rounded(*(one[measure].mean() for one in seeds)),
                "queries": len(each),
            }
            if name != first:
                test = paired_test(each, np.mean([one[measure] for one in found[first]], axis=0))
                figure["more than the first"] = rounded(test.difference, *test.interval)
            rows[name][measure] = figure
    return rows


def section(experiment: Experiment, document: Mapping[str, Any], given: argparse.Namespace) -> Iterator[str]:
    """Yields the lines of the table."""
    rows = document["rows"]
    every = getattr(given, "every", 1)
    judged_by = f"; judged by one query and one photo of {every}" if every > 1 else ""
    yield f"{given.images} images of {given.side} pixels{judged_by}; seeds {', '.join(map(str, given.seeds))}; commit"
    yield f"{document['commit']} (`benchmarks/results/{experiment.name}.json`):"
    for group in dict.fromkeys(experiment.rows[name].group for name in rows):
        own = [name for name in rows if experiment.rows[name].group == group]
        measures = [*rows[own[0]]]
        yield ""
        yield from table([group, *measures], [[name, *(cell(rows[name][one]) for one in measures)] for name in own])


def cell(figure: Mapping[str, Any]) -> str:
    """Returns the mean over seeds, their range, and the interval of the difference to the first row."""
    text = f"{figure['mean']:.3f} ({min(figure['seeds']):.3f} to {max(figure['seeds']):.3f})"
    if "more than the first" in figure:
        difference, low, high = figure["more than the first"]
        text += f"; {difference:+.3f} [{low:+.3f}, {high:+.3f}]"
    return text
