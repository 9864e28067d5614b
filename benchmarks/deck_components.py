"""Contributions of the choices of training: which positives, which negatives, learned whitening; MAC and GeM.

    cd PHOTOS && python .../benchmarks/deck_components.py INDEX --sets scenes products --distractors distractors \
        --at FOLDER [--network lite0|alexnet|vgg16|mobilenet] [--side 362 --images 2400 --seeds 0 1 2 ...]

Each row adds one choice of Radenovic, Tolias & Chum (ECCV 2016, figure 6; TPAMI 2019, section 5.2), from the network
as it was to random positives among enough shared points with one negative a model and a whitening learned on the
pairs. INDEX: of photos that structure from motion maps, by a recipe of words. At full size: `--network alexnet`, the
photos of the paper, and `--sets` of Oxford and Paris as folders with ground truth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training_rows import Experiment, Mined, Row, add_sets, by_sets, pooled, run

RECIPE = """
name = "components"
descriptor = "mac.toml"

[loss]
kind = "contrastive"
margin = 0.7

[photos]
decoded = 400

[drawing]
views = 0.0
render_all = false
negatives = 2
mine_every = 200

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
TUPLES = {
    "sharing any": Mined("sfm", {"share": 1e-9, "zoom": 1000.0}),
    "sharing most": Mined("sfm", {"positives": "inliers"}),
    "sharing enough": Mined("sfm"),
}


def rows_of(pooling: str) -> dict[str, Row]:
    def row(tuples: str, **changes: str) -> Row:
        given = {key.replace("__", "."): value for key, value in changes.items()}
        return Row(pooling, {"descriptor": f"{pooling.lower()}.toml", **given}, tuples)

    return {
        f"{pooling}: as it was": row("sharing enough", lasting__epochs="0"),
        f"{pooling}: nearest by network, any negatives": row(
            "sharing any", drawing__positive="nearest", drawing__one_a_cluster="false"
        ),
        f"{pooling}: nearest by network, one negative a model": row("sharing any", drawing__positive="nearest"),
        f"{pooling}: most shared points, one negative a model": row("sharing most", drawing__positive="first"),
        f"{pooling}: random of enough shared points, one negative a model": row("sharing enough"),
        f"{pooling}: the same, whitening learned": row("sharing enough", product__whitening="learned"),
    }


ROWS: Mapping[str, Row] = {**rows_of("MAC"), **rows_of("GeM")}
EXPERIMENT = Experiment(
    "deck-components",
    Path(__file__).name,
    ROWS,
    TUPLES,
    RECIPE,
    {"mac.toml": pooled("mac"), "gem.toml": pooled("gem")},
    options=add_sets,
)


def main(arguments: Sequence[str] | None = None) -> Any:
    """Mines, trains, judges, keeps and writes. Returns what is written."""
    return run(EXPERIMENT, by_sets, arguments)


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
