"""Gain of each choice of a training, at equal budgets of images, over several seeds.

    cd PHOTOS && python .../benchmarks/training_ablation.py INDEX --sets covers products scenes \
        --distractors distractors --at FOLDER [--mapped INDEX] [--rows ROW ...] [--seeds 0 1 2] [--side 160] ...

INDEX: of the photos that are trained on, by a recipe of words such as `sift-asmk-links`; tuples are mined from it. Rows
on tuples of structure from motion mine --mapped instead, if it is given: an index of things in space. Every row trains
`rmac-lite0` from the weights of a classifier for so many images, with the choices of the first row of its group but
for those it names, and is judged by ground truth that training does not see, on pictures of 5/4 of --side. A row's
figure is the mean over seeds; its difference to the first row of the group is taken query by query, of means over
seeds, with the 95 % interval over queries; `seeds` are the means of each seed.

Each row and seed is kept in FOLDER as it is finished: the same command goes on. At the end the figures are written to
benchmarks/results/training-ablation.json, and as a table to docs/train.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training_rows import Experiment, Mined, Row, add_sets, by_sets, run

from resight.recipe import recipe_text

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
SFM = {"candidates": 20, "largest": 100}
TUPLES: Mapping[str, Mined] = {
    "verified": Mined("verified"),
    "sharing enough": Mined("sfm", SFM, "mapped"),
    "sharing any": Mined("sfm", {**SFM, "share": 1e-9, "zoom": 1000.0}, "mapped"),
}
PAIRS = {"loss.kind": "contrastive", "drawing.negatives": "2", "drawing.views": "0.0", "drawing.mine_every": "200"}
CONTRASTIVE = {"loss.kind": "contrastive", "drawing.negatives": "2"}
MAPPED, DRAWN = "positives and negatives", "choices of a step"
ROWS: Mapping[str, Row] = {
    "random of those that share enough points": Row(MAPPED, PAIRS, "sharing enough"),
    "nearest by the network of those that share points": Row(
        MAPPED, {**PAIRS, "drawing.positive": "nearest"}, "sharing any"
    ),
    "any hard negatives, not one a cluster": Row(MAPPED, {**PAIRS, "drawing.one_a_cluster": "false"}, "sharing enough"),
    "half of the pairs rendered": Row(DRAWN, {}, "verified"),
    "untrained": Row(DRAWN, {"lasting.epochs": "0"}, "verified"),
    "no views": Row(DRAWN, {"drawing.views": "0.0"}, "verified"),
    "views alone": Row(DRAWN, {"drawing.views": "1.0"}, "verified"),
    "untrained, whitening learned on the pairs": Row(
        DRAWN, {"lasting.epochs": "0", "product.whitening": "learned"}, "verified"
    ),
    "whitening learned on the pairs": Row(DRAWN, {"product.whitening": "learned"}, "verified"),
    "no whitening in the loss": Row(DRAWN, {"whitening": "none"}, "verified"),
    "all layers learn": Row(DRAWN, {"frozen.until": ""}, "verified"),
    "frozen until blocks.8": Row(DRAWN, {"frozen.until": "blocks.8"}, "verified"),
    "multi-similarity": Row(DRAWN, {"loss.kind": "multi-similarity"}, "verified"),
    "smooth AP": Row(DRAWN, {"loss.kind": "smooth-ap"}, "verified"),
    "contrastive": Row(DRAWN, CONTRASTIVE, "verified"),
    "three quarters of the side": Row(DRAWN, {"photos.side": "0.75"}, "verified"),
    "one and a half times the side": Row(DRAWN, {"photos.side": "1.5"}, "verified"),
}


def descriptor(network: str, side: int) -> str:
    """Returns `rmac-lite0` of smaller pictures, whatever the network is called."""
    return recipe_text("rmac-lite0").replace("340", str(side))


def add_options(parser: argparse.ArgumentParser) -> None:
    add_sets(parser)
    parser.add_argument("--mapped", type=Path, help="index that structure from motion maps; INDEX unless given")


EXPERIMENT = Experiment(
    "training-ablation",
    Path(__file__).name,
    ROWS,
    TUPLES,
    RECIPE,
    {"small.toml": descriptor},
    asked=[*ROWS][:6],
    options=add_options,
)


def main(arguments: Sequence[str] | None = None) -> Any:
    """Mines, trains, judges, keeps and writes. Returns what is written."""
    return run(EXPERIMENT, by_sets, arguments)


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
