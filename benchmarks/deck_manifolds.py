"""Mining on manifolds against labels: Recall@k by classes that no training has seen.

    cd PHOTOS && python .../benchmarks/deck_manifolds.py INDEX --classes FOLDER --at FOLDER \
        [--network lite0|mobilenet ...] [--side 224 --images 2400 --seeds 0 1 2 ...]

INDEX: by a recipe of vectors, of photos in a folder for each class (`resight index FOLDER --recipe rmac-lite0`).
--classes: another such folder, of other classes, whose photos ask for each other: Recall@k is the part of them that
have one of their own class among the k nearest (Iscen, Tolias, Avrithis & Chum, CVPR 2018, section 5.2, where
CUB200-2011 and Cars196 are parted so). Rows: the network as it was; trained on tuples of manifolds, which see no
label; on rendered views of the same photos, which need nothing; and on the labels of the folders, which they are
measured against.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from trained_networks import vectors
from training_rows import Experiment, Judge, Mined, Row, Values, pooled, run

from resight.arrays import Float32, Int64
from resight.folders.walking import find_images

RECIPE = """
name = "manifolds"
descriptor = "gem.toml"

[loss]
kind = "triplet"
margin = 0.5

[photos]
decoded = 256

[drawing]
views = 0.0
render_all = false
negatives = 1

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
whitening = "pca"
photos = 300
views = 0
"""
# Of classes as large as the paper's; a hundred of the nearest as negatives, as there for fine-grained classes.
MANIFOLD = {"graph": 30, "nearest": 50, "negatives": 100, "anchors": "all"}
TUPLES = {
    "manifold": Mined("manifold", MANIFOLD),
    "labels": Mined("classes", {"depth": 1}),
}
GROUP = "trained on"
ROWS: Mapping[str, Row] = {
    "nothing: as it was": Row(GROUP, {"lasting.epochs": "0"}, "manifold"),
    "manifolds, without labels": Row(GROUP, {}, "manifold"),
    "rendered views of each photo, without labels": Row(GROUP, {"drawing.views": "1.0"}, "manifold"),
    "labels": Row(GROUP, {}, "labels"),
}
DEPTHS = (1, 2, 4, 8)


def recalls(descriptors: Float32, labels: Int64) -> dict[str, list[float]]:
    """Returns of each photo (n,) whether one of its class is among the k nearest others, for each depth.

    descriptors: (n, D) L2-normalised.
    """
    similarity = descriptors @ descriptors.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, : max(DEPTHS)]
    right = labels[nearest] == labels[:, None]
    return {f"Recall@{depth}": right[:, :depth].any(axis=1).astype(float).tolist() for depth in DEPTHS}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--classes", type=Path, required=True, help="photos that ask, in a folder for each class")


def by_classes(given: argparse.Namespace) -> Judge:
    """Returns the judge by classes that are folders."""
    found = sorted(find_images(given.classes), key=lambda one: one.name)
    names = [one.name.partition("/")[0] for one in found]
    if len(set(names)) < 2:
        raise SystemExit(f"{given.classes}: it has {len(set(names))} class: put photos of several into a folder each")
    labels = np.unique(names, return_inverse=True)[1].astype(np.int64)

    def judge(product: Path) -> Values:
        by_photo = vectors(product, [one.path for one in found])
        return recalls(np.stack([by_photo[one.path] for one in found]), labels)

    return judge


EXPERIMENT = Experiment(
    "deck-manifolds", Path(__file__).name, ROWS, TUPLES, RECIPE, {"gem.toml": pooled("gem")}, options=add_options
)


def main(arguments: Sequence[str] | None = None) -> Any:
    """Mines, trains, judges, keeps and writes. Returns what is written."""
    return run(EXPERIMENT, by_classes, arguments)


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
