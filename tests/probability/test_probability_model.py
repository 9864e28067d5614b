"""Probabilities from evidence: a logistic curve that never falls where evidence grows, for every shipped recipe."""

from __future__ import annotations

import math

import numpy as np
import pytest

from resight.probability.evidence import Evidence
from resight.probability.model import WEIGHED, Model, family, model_of, probabilities
from resight.probability.verdict import POSSIBLE, SURE, VERDICTS, verdict
from resight.recipe import available, load_recipe

RECIPES = [info.name for info in available()]
FIELDS = ("similarity", "final", "inliers", "significance")


def some(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    return dict(zip(FIELDS, np.random.default_rng(seed).uniform(0, 4, (len(FIELDS), rows)), strict=True))


def test_it_is_the_logistic_of_a_weighted_sum() -> None:
    columns = some(9)
    found = probabilities(Evidence(**columns), Model(-2.0, {"similarity": 0.5, "inliers": 1.5}))
    for row in range(9):
        odds = -2.0 + 0.5 * columns["similarity"][row] + 1.5 * columns["inliers"][row]
        assert found[row] == pytest.approx(1 / (1 + math.exp(-odds)))


@pytest.mark.parametrize("recipe", RECIPES)
def test_more_evidence_is_never_less_probable(recipe: str) -> None:
    model = model_of(load_recipe(recipe))
    plain = probabilities(Evidence(**some(50)), model)
    for field in FIELDS:
        columns = some(50)
        columns[field] = columns[field] + 1.0
        assert (probabilities(Evidence(**columns), model) >= plain).all()


@pytest.mark.parametrize("recipe", RECIPES)
def test_nothing_is_filler_and_overwhelming_evidence_is_sure(recipe: str) -> None:
    model = model_of(load_recipe(recipe))
    nothing = Evidence(np.full(1, -3.0), np.full(1, -3.0), *np.zeros((2, 1)))
    everything = Evidence(*np.full((2, 1), 12.0), np.full(1, math.log(400)), np.full(1, 10.0))
    assert verdict(probabilities(nothing, model)[0]) == "filler"
    assert verdict(probabilities(everything, model)[0]) == "sure"


def test_recipes_are_of_the_family_of_their_evidence() -> None:
    assert {family(load_recipe(name)) for name in RECIPES} == set(WEIGHED)
    for name, expected in {
        "sift-asmk-spatial": "verified",
        "sift-bow-spatial": "verified",
        "sift-match": "verified",
        "sift-cnn-fused": "fused",
        "sift-asmk": "words",
        "gem-mobilenet": "vectors",
        "gem-mobilenet-alpha-qe": "ranked again",
    }.items():
        assert family(load_recipe(name)) == expected


def test_words_for_probabilities() -> None:
    assert [verdict(p) for p in (1.0, SURE, 0.9499, POSSIBLE, 0.2499, 0.0)] == [
        "sure", "sure", "possible", "possible", "filler", "filler",
    ]  # fmt: skip
    assert VERDICTS == ("sure", "possible", "filler")
