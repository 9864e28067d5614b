"""The probability that an image shows the same thing as the query, computed from its predictors.

A logistic regression for each family of recipes (Platt: Probabilistic outputs for support vector machines, 1999),
fitted on rendered worlds, where the content of each photo is known: `tools/fit_probability.py` makes `constants.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np

from resight.arrays import Float32, Float64
from resight.images.boxes import Box
from resight.probability.predictors import Predictors, lead_predictors
from resight.recipe import Recipe
from resight.search.ranking import Lead, Ranking

Family = Literal["verified", "words", "vectors"]
WEIGHED: Mapping[Family, tuple[str, ...]] = {
    "verified": ("similarity", "significance"),
    "words": ("similarity",),
    "vectors": ("similarity",),
}
"""Fields of `Predictors` that each family uses."""


@dataclass(frozen=True)
class Model:
    """Log odds = offset + sum of weight * predictor. weights: by field of `Predictors`, none negative."""

    offset: float
    weights: Mapping[str, float]


def family(recipe: Recipe) -> Family:
    """Returns the family of a recipe, whose hits have the same predictors: verified matches, words, or vectors.

    Notes: scores changed by a second look that verifies nothing are not used: averaging or diffusing over neighbours
    raises the scores of unrelated images as well.
    """
    if recipe.counts_inliers:
        return "verified"
    return "vectors" if recipe.channel[recipe.first_channel].words is None else "words"


def calibrated_model(recipe: Recipe) -> Model:
    """Returns the model of a recipe's family."""
    fitted = _constants()[family(recipe)]
    return Model(fitted["offset"], fitted["weights"])


def believed(ranking: Ranking, given: Predictors, model: Model, k: int) -> Float64:
    """Returns (k,) the probabilities of the first k images of a ranking.

    Two images that show the same thing as a third show the same thing: an image is at least as probable as the image
    that leads to it, times the probability that those two show the same, times the share of the query's matches in the
    third image that lie in the part by which it leads. Without that share, two photos of a desk would lead to
    everything that lies on it. Of a third image that the query does not verify, but to which a lead leads itself, it is
    the share of the part in which that lead arrives.
    """
    own = probabilities(given, model)
    total = own.copy()
    place = {image: row for row, image in enumerate(ranking.ids.tolist())}
    leads = _ways(ranking, k)
    links = probabilities(lead_predictors(list(leads.values())), model)
    for (image, lead), link in zip(leads.items(), links.tolist(), strict=True):
        passed = 0.0
        if lead.through in ranking.verified:
            passed = own[place[lead.through]] * _share(ranking.verified[lead.through].image_xy, lead.part)
        if lead.through in leads:
            led = total[place[lead.through]] * _covered(leads[lead.through].arrival, lead.part)
            passed = max(passed, led)
        total[place[image]] = max(total[place[image]], passed * link)
    return total[:k]


def _ways(ranking: Ranking, k: int) -> dict[int, Lead]:
    """The leads to the first k images, and those to what leads to them, each after the lead to what leads to it."""
    wanted: set[int] = set()
    asked = {image for image in ranking.ids[:k].tolist() if image in ranking.leads}
    while asked:
        wanted |= asked
        through = {ranking.leads[image].through for image in asked}
        asked = {image for image in through - wanted if image not in ranking.verified}
    return {image: lead for image, lead in ranking.leads.items() if image in wanted}


def _covered(box: Box, part: Box) -> float:
    """Returns the share of a box that lies in another, 0 to 1; 0 of a box without area."""
    low, high = np.maximum(box[:2], part[:2]), np.minimum(box[2:], part[2:])
    area = float(np.prod(np.subtract(box[2:], box[:2])))
    return float(np.prod(np.maximum(high - low, 0.0))) / area if area > 0 else 0.0


def _share(xy: Float32, part: Box) -> float:
    """Returns the share of the points (n, 2) that lies in a box."""
    low, high = np.array(part[:2], np.float32), np.array(part[2:], np.float32)
    return float(((xy >= low) & (xy <= high)).all(axis=1).mean())


def probabilities(given: Predictors, model: Model) -> Float64:
    """Returns (n,) probabilities between 0 and 1; none falls where one predictor grows and the others stay."""
    columns = given.columns
    odds = np.full(len(given.similarity), model.offset, np.float64)
    for name, weight in model.weights.items():
        odds += weight * columns[name]
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -50.0, 50.0))), np.float64)


@cache
def _constants() -> dict[Family, Any]:
    text = (resources.files("resight.probability") / "constants.json").read_text(encoding="utf-8")
    found: dict[Family, Any] = json.loads(text)["families"]
    return found
