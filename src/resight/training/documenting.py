"""Documents of a training: `training.json`, the comment of its recipes, and the figures of its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from resight.training.choosing import Choice
from resight.training.course import Trained
from resight.training.kinds import TrainingRecipe
from resight.training.validation import Score


def training_document(
    provenance: Mapping[str, Any],
    recipe: TrainingRecipe,
    trained: Trained,
    seconds: float,
    left_out: Sequence[tuple[str, str]],
    *,
    before: Score,
    after: Mapping[str, Score],
    untrained: Mapping[str, Score],
    choice: Choice,
    exponents: Sequence[float | None],
) -> dict[str, Any]:
    """Returns the content of `training.json`.

    before: of the untrained network, with the whitening that it comes with, or by principal components. after,
    untrained: by kind of whitening. choice: of the whitening of the product. exponents: GeM's p of each part.
    """
    return {
        "provenance": dict(provenance),
        "recipe": recipe.model_dump(mode="json"),
        "curve": trained.curve,
        "best_epoch": trained.best_epoch,
        "seconds": seconds,
        "images_per_second": trained.images_per_second,
        "share_outside_the_network": trained.share_outside,
        "left_out": [list(one) for one in left_out],
        "validation": {
            "before": _values(before),
            "after": _values(after[choice.kind]),
            "by_whitening": {kind: _values(one) for kind, one in after.items()},
            "untrained_by_whitening": {kind: _values(one) for kind, one in untrained.items()},
        },
        "whitening": choice.kind,
        "why_this_whitening": choice.why,
        "exponents": list(exponents),
    }


def recipe_comment(provenance: Mapping[str, Any]) -> str:
    """Returns the provenance as lines of a recipe's comment."""
    lines = ["Made by `resight train`. Paths are relative to this file."]
    for key, value in provenance.items():
        listed = ", ".join(f"{name} {one}" for name, one in value.items()) if isinstance(value, Mapping) else value
        lines.append(f"{key}: {listed}")
    return "\n".join(lines)


def page_figures(document: Mapping[str, Any], anchors: int) -> dict[str, object]:
    """Returns the figures of the page, by what they are."""
    scores = document["validation"]
    shown = {
        "photos": document["provenance"]["photos"],
        "photos left out": len(document["left_out"]),
        "anchors": anchors,
        "best epoch": document["best_epoch"],
        "seconds": round(document["seconds"]),
        "images a second": round(document["images_per_second"], 1),
        "share of the loop outside the network": f"{document['share_outside_the_network']:.1%}",
    }
    names = {
        "start": "whitening of the start",
        "pca": "principal components",
        "learned": "whitening learned on pairs",
        "trained": "trained whitening",
    }
    for kind, what in (("real", "mAP of held-out photos"), ("rendered", "mAP of rendered views of them")):
        for network, key in (("untrained", "untrained_by_whitening"), ("trained", "by_whitening")):
            for whitening, own in scores[key].items():
                if own[kind] is not None:
                    shown[f"{what}, {network} network, {names[whitening]}"] = f"{own[kind]:.3f}"
    return shown


def _values(score: Score) -> dict[str, float | None]:
    values = {"real": score.real, "rendered": score.rendered}
    return {kind: None if np.isnan(value) else value for kind, value in values.items()}
