"""Probabilities from evidence: a logistic curve that never falls where evidence grows, for every shipped recipe."""

from __future__ import annotations

import math

import numpy as np
import pytest

from resight.probability.model import WEIGHED, Model, believed, calibrated_model, family, probabilities
from resight.probability.predictors import Predictors, lead_predictors
from resight.probability.verdict import POSSIBLE, SURE, VERDICTS, verdict
from resight.recipe import load_recipe, recipes
from resight.search.ranking import Lead, Ranking, Verification

RECIPES = [info.name for info in recipes()]
FIELDS = ("similarity", "significance")


def some(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    return dict(zip(FIELDS, np.random.default_rng(seed).uniform(0, 4, (len(FIELDS), rows)), strict=True))


def test_it_is_the_logistic_of_a_weighted_sum() -> None:
    columns = some(9)
    found = probabilities(Predictors(**columns), Model(-2.0, {"similarity": 0.5, "significance": 1.5}))
    for row in range(9):
        odds = -2.0 + 0.5 * columns["similarity"][row] + 1.5 * columns["significance"][row]
        assert found[row] == pytest.approx(1 / (1 + math.exp(-odds)))


@pytest.mark.parametrize("recipe", RECIPES)
def test_more_evidence_is_never_less_probable(recipe: str) -> None:
    model = calibrated_model(load_recipe(recipe))
    plain = probabilities(Predictors(**some(50)), model)
    for field in FIELDS:
        columns = some(50)
        columns[field] = columns[field] + 1.0
        assert (probabilities(Predictors(**columns), model) >= plain).all()


@pytest.mark.parametrize("recipe", RECIPES)
def test_nothing_is_filler_and_overwhelming_evidence_is_sure(recipe: str) -> None:
    model = calibrated_model(load_recipe(recipe))
    nothing = Predictors(np.full(1, -2.0), np.zeros(1))
    everything = Predictors(np.full(1, 4.0), np.full(1, 6.0))
    assert verdict(probabilities(nothing, model)[0]) == "filler"
    assert verdict(probabilities(everything, model)[0]) == "sure"


def test_recipes_are_of_the_family_of_their_evidence() -> None:
    assert {family(load_recipe(name)) for name in RECIPES} == set(WEIGHED)
    for name, expected in {
        "sift-asmk-spatial": "verified",
        "sift-bow-spatial": "verified",
        "sift-match": "verified",
        "sift-cnn-fused": "verified",
        "sift-asmk": "words",
        "gem-mobilenet": "vectors",
        "gem-mobilenet-alpha-qe": "vectors",
    }.items():
        assert family(load_recipe(name)) == expected


def test_words_for_probabilities() -> None:
    assert [verdict(p) for p in (1.0, SURE, 0.9499, POSSIBLE, 0.2499, 0.0)] == [
        "sure", "sure", "possible", "possible", "filler", "filler",
    ]  # fmt: skip
    assert VERDICTS == ("sure", "possible", "filler")


def test_an_image_is_as_probable_as_what_leads_to_it_times_their_link() -> None:
    model = Model(-3.0, {"significance": 1.0})
    box = (0.0, 0.0, 10.0, 10.0)
    leads = {
        5: Lead(0, 100, 100, box, box, 2.0),
        6: Lead(1, 100, 100, box, box, 2.0),
        7: Lead(0, 4, 100, box, box, 2.0),
    }
    # Of what the query has in image 0 three quarters lie in the part by which it leads on; in image 1, all.
    points = np.array([[1, 1], [10, 9], [5, 5], [5, 11]], np.float32)
    why = {row: Verification(np.eye(3), xy, xy, 1.0) for row, xy in ((0, points), (1, points[:3]))}
    ranking = Ranking(np.arange(10), np.linspace(1, 0, 10, dtype=np.float32), why, leads=leads)
    given = Predictors(np.zeros(10), np.log1p([200.0, 10.0, 0, 0, 0, 0, 0, 30.0, 0, 0]))
    own = probabilities(given, model)
    found = believed(ranking, given, model, 8)
    link = probabilities(lead_predictors(list(leads.values())), model)[0]
    assert 0.5 < link < 1
    assert found[5] == pytest.approx(0.75 * own[0] * link)
    assert found[6] == pytest.approx(own[1] * link)
    assert found[[0, 1, 2, 3, 4, 7]].tolist() == own[[0, 1, 2, 3, 4, 7]].tolist()
    assert len(found) == 8


def test_what_is_led_to_leads_on_from_the_part_where_the_lead_arrives() -> None:
    model = Model(-3.0, {"significance": 1.0})
    box, half, away = (0.0, 0.0, 10.0, 10.0), (0.0, 0.0, 5.0, 10.0), (20.0, 20.0, 30.0, 30.0)
    points = np.array([[1, 1], [10, 9], [5, 5], [9, 4]], np.float32)
    why = {0: Verification(np.eye(3), points, points, 1.0)}
    # Image 9, which is beyond those that are wanted, leads from 0 to 1 and 2, and by another part of it to 3.
    leads = {9: Lead(0, 100, 100, box, box, 2.0), 1: Lead(9, 100, 100, half, box, 2.0)}
    leads |= {2: Lead(9, 100, 100, box, box, 2.0), 3: Lead(9, 100, 100, away, box, 2.0)}
    ranking = Ranking(np.arange(10), np.linspace(1, 0, 10, dtype=np.float32), why, leads=leads)
    given = Predictors(np.zeros(10), np.log1p([200.0] + 9 * [0.0]))
    own = probabilities(given, model)
    found = believed(ranking, given, model, 4)
    link = probabilities(lead_predictors(list(leads.values())), model)[0]
    assert found[:3] == pytest.approx([own[0], 0.5 * own[0] * link**2, own[0] * link**2])
    assert found[3] == own[3] < found[1]
