"""Networks A and B, trained on merged rank lists of SIFT and a network, epoch by epoch: where they begin to overfit.

    cd PHOTOS && python .../benchmarks/deck_merged_lists.py INDEX --sets products scenes --at FOLDER \
        [--network lite0|vgg16 ...] [--side 362 --images 2400 --seeds 0 1 2 ...]

INDEX: of the photos of the first of --sets, by a recipe that merges both, such as `sift-lite0-links`; its lists are
the tuples (`resight mine --by ranks`). A learns in all its layers, B in a projection too, which starts at random;
both by triplets (Mohedano, McGuinness & Giro-i-Nieto, lecture on bags of local convolutional features, "Fine-tuning
in Oxford"). Every row is a training of so many epochs, judged on the set that it is trained on and on others: a
network that gains on the first and loses on the others overfits. In the lecture A gained on Oxford and lost half of
its figure on Paris.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training_rows import Experiment, Mined, Row, add_sets, by_sets, pooled, run

RECIPE = """
name = "merged-lists"
descriptor = "mac.toml"

[loss]
kind = "triplet"
margin = 0.1

[photos]
decoded = 400

[drawing]
views = 0.0
render_all = false
negatives = 1

[optimiser]
kind = "sgd"
rate = 1e-3
momentum = 0.9
decay = 5e-4

[validation]
share = 0.0

[product]
whitening = "pca"
photos = 300
views = 0
"""
EPOCHS = (1, 2, 4, 8)
A = {"frozen.until": ""}
B = {**A, "whitening": "random", "projected": "1024", "product.whitening": "trained"}
ROWS: Mapping[str, Row] = {
    "A, as it was": Row("A", {**A, "lasting.epochs": "0"}, "ranks"),
    **{f"A, {count} epochs": Row("A", {**A, "lasting.epochs": str(count)}, "ranks") for count in EPOCHS},
    "B, as it was": Row("B", {**B, "lasting.epochs": "0"}, "ranks"),
    **{f"B, {count} epochs": Row("B", {**B, "lasting.epochs": str(count)}, "ranks") for count in EPOCHS},
}
# Of whitened descriptors fewer are as near as the lecture's 0.5: docs/mine.md.
TUPLES = {"ranks": Mined("ranks", {"low": 0.25})}


EXPERIMENT = Experiment(
    "deck-merged-lists", Path(__file__).name, ROWS, TUPLES, RECIPE, {"mac.toml": pooled("mac")}, options=add_sets
)


def main(arguments: Sequence[str] | None = None) -> Any:
    """Mines, trains, judges, keeps and writes. Returns what is written."""
    return run(EXPERIMENT, by_sets, arguments)


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
