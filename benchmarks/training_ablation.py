"""Gain of each choice of a training, at equal budgets of images, over several seeds.

    cd PHOTOS && python .../benchmarks/keep.py training_ablation -- PAIRS --sets covers products scenes \
        --distractors distractors --seeds 0 1 2 --at FOLDER

PAIRS: tuples of `resight mine`. Every row trains `rmac-lite0` from the weights of a classifier for so many images, with
the choices of the first row but for those it names, and is judged by ground truth that training does not see, on
pictures of `--side`. A row's figure is the mean over seeds; its difference to the first row is taken query by query,
of means over seeds, with the 95 % interval over queries; `seeds` are the means of each seed. Products stay in
the folder of --at, so that rows can be added.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from trained_networks import Judged, average_precisions, judged, photos_of, rounded, vectors

from resight.arrays import Float64
from resight.evaluation.resampling import paired_test
from resight.recipe import recipe_text
from resight.training.training import train

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
ROWS: Mapping[str, Mapping[str, str]] = {
    "InfoNCE, half views, frozen until blocks.5": {},
    "untrained": {"lasting.epochs": "0"},
    "untrained, whitening learned on the pairs": {"lasting.epochs": "0", "product.whitening": "learned"},
    "whitening learned on the pairs": {"product.whitening": "learned"},
    "no whitening in the loss": {"whitening": "none"},
    "no views": {"drawing.views": "0.0"},
    "views alone": {"drawing.views": "1.0"},
    "all layers learn": {"frozen.until": ""},
    "frozen until blocks.8": {"frozen.until": "blocks.8"},
    "multi-similarity": {"loss.kind": "multi-similarity"},
    "smooth AP": {"loss.kind": "smooth-ap"},
    "contrastive, one negative a cluster": {"loss.kind": "contrastive", "drawing.negatives": "2"},
    "contrastive, any negatives": {
        "loss.kind": "contrastive",
        "drawing.negatives": "2",
        "drawing.one_a_cluster": "false",
    },
    "three quarters of the side": {"photos.side": "0.75"},
    "one and a half times the side": {"photos.side": "1.5"},
}


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


def main() -> None:
    """Trains, judges and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tuples", type=Path)
    parser.add_argument("--sets", type=Path, nargs="+", required=True)
    parser.add_argument("--distractors", type=Path)
    parser.add_argument("--at", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", nargs="+", choices=[*ROWS], default=[*ROWS], metavar="ROW")
    parser.add_argument("--side", type=int, default=128, help="of the pictures of a step, and 5/4 of it when judged")
    parser.add_argument("--images", type=int, default=1600, help="that a training sees")
    parser.add_argument("--anchors", type=int, default=20, help="of a step")
    parser.add_argument("--every", type=int, default=1, help="judge by one query and one photo of so many")
    given = parser.parse_args()
    given.at.mkdir(parents=True, exist_ok=True)
    index_recipe = recipe_text("rmac-lite0").replace(SIDE, str(given.side * 5 // 4))
    (given.at / "small.toml").write_text(index_recipe)
    (given.at / "ablation.toml").write_text(RECIPE)
    sets = [judged(folder, given.distractors, given.every) for folder in given.sets]
    photos = photos_of(sets)
    first = next(iter(ROWS))
    found: dict[str, dict[str, list[Float64]]] = {}
    for seed in given.seeds:
        for name in dict.fromkeys([first, *given.rows]):
            changes = changes_of(ROWS[name], seed, given.side, given.images, given.anchors)
            product = given.at / f"{[*ROWS].index(name)}-{seed}"
            if not (product / "recipe.toml").exists():
                train(given.tuples, product, recipe=given.at / "ablation.toml", changes=changes)
            by_photo = vectors(product, photos)
            aps = {one.name: average_precisions(one, by_photo) for one in sets}
            for which, own in aps.items():
                found.setdefault(name, {}).setdefault(which, []).append(own)
            means = ", ".join(f"{which} {own.mean():.3f}" for which, own in aps.items())
            print(f"seed {seed}, {name}: {means}", file=sys.stderr, flush=True)
    print(json.dumps({"photos": len(photos), "rows": report(found, first, sets)}, indent=1))


def report(found: Mapping[str, Mapping[str, Sequence[Float64]]], first: str, sets: Sequence[Judged]) -> dict[str, Any]:
    """Returns the figures of each row on each set."""
    rows: dict[str, Any] = {}
    for name, by_set in found.items():
        rows[name] = {}
        for one in sets:
            aps = np.mean(by_set[one.name], axis=0)
            seeds = [own.mean() for own in by_set[one.name]]
            test = paired_test(aps, np.mean(found[first][one.name], axis=0))
            rows[name][one.name] = {"mAP": rounded(aps.mean())[0], "seeds": rounded(*seeds)}
            if name != first:
                rows[name][one.name]["more than the first"] = rounded(test.difference, *test.interval)
    return rows


if __name__ == "__main__":
    main()
