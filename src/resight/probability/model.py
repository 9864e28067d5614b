"""The probability that an image shows what the query shows, from what speaks for it.

A logistic regression for each family of recipes (Platt: Probabilistic outputs for support vector machines, 1999),
fitted on rendered worlds, of which it is known what each photo shows: `tools/fit_probability.py` makes
`constants.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from resight.probability.evidence import Evidence
from resight.recipe import Recipe
from resight.rerank.kinds import Fusion, Spatial

Family = Literal["verified", "fused", "words", "vectors", "ranked again"]
WEIGHED: Mapping[Family, tuple[str, ...]] = {
    "verified": ("similarity", "inliers", "significance"),
    "fused": ("similarity", "final", "inliers", "significance"),
    "words": ("similarity",),
    "vectors": ("similarity",),
    "ranked again": ("similarity", "final"),
}
"""What is weighed in each family, fields of `Evidence`."""


@dataclass(frozen=True)
class Model:
    """Log odds = offset + sum of weight * evidence. weights: by field of `Evidence`, none negative."""

    offset: float
    weights: Mapping[str, float]


def family(recipe: Recipe) -> Family:
    """Recipes whose hits have the same kinds of evidence: by what verifies, and by what gives the last word."""
    last = recipe.rerank[-1] if recipe.rerank else None
    if any(isinstance(stage, Fusion) for stage in recipe.rerank):
        return "fused"
    if any(isinstance(stage, Spatial) for stage in recipe.rerank) or recipe.channel[recipe.first_channel].match:
        return "verified"
    if last is not None:
        return "ranked again"
    return "vectors" if recipe.channel[recipe.first_channel].words is None else "words"


def model_of(recipe: Recipe) -> Model:
    """The model of a recipe's family."""
    fitted = _constants()["families"][family(recipe)]
    return Model(fitted["offset"], fitted["weights"])


def probabilities(evidence: Evidence, model: Model) -> NDArray[np.float64]:
    """(n,) between 0 and 1; it never falls where one kind of evidence grows and the others stay."""
    columns = evidence.columns
    odds = np.full(len(evidence.similarity), model.offset, np.float64)
    for name, weight in model.weights.items():
        odds += weight * columns[name]
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -50.0, 50.0))), np.float64)


@cache
def _constants() -> dict[str, dict[str, Any]]:
    text = (resources.files("resight.probability") / "constants.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found
