"""What speaks for images: similarity against the background, inliers against chance."""

from __future__ import annotations

import math

import numpy as np

from resight.probability.predictors import damped, lead_predictors, predictors
from resight.search.background import background
from resight.search.ranking import Lead, Ranking, Verification

IMAGES = 200
SCORES = np.sort(np.random.default_rng(1).exponential(1.0, IMAGES))[::-1].astype(np.float32)
FIRST = Ranking(np.arange(IMAGES), SCORES)


def verified(inliers: int, tentative: int, score: float = 1.0) -> Verification:
    xy = np.zeros((inliers, 2), np.float32)
    return Verification(np.eye(3), xy, xy, score, tentative)


def test_similarity_is_that_of_the_first_look_wherever_the_image_is_ranked_now() -> None:
    again = Ranking(np.array([7, 3, 500]), np.array([9.0, 8.0, 7.0], np.float32))
    found = predictors(again, [FIRST], IMAGES)
    expected = background(SCORES, IMAGES).surprise(SCORES[[7, 3]])
    np.testing.assert_allclose(found.similarity, damped(np.array([*expected, -math.log10(IMAGES)])))
    np.testing.assert_allclose(damped(np.array([math.e - 1, 0, 1 - math.e])), [1, 0, -1])


def test_of_several_channels_the_most_surprising_counts() -> None:
    other = Ranking(np.arange(IMAGES)[::-1], SCORES)
    found = predictors(FIRST, [FIRST, other], IMAGES).similarity
    np.testing.assert_allclose(found, found[::-1])
    assert (found >= predictors(FIRST, [FIRST], IMAGES).similarity).all()


def test_inliers_are_held_against_what_chance_would_give() -> None:
    why = {0: verified(30, 40), 1: verified(30, 600), 3: verified(5, 600)}
    found = predictors(Ranking(FIRST.ids, SCORES, why), [FIRST], IMAGES)
    assert found.significance[0] > found.significance[1] > 0
    assert found.significance[2:].tolist() == [0.0] * (IMAGES - 2)


def test_significance_has_no_upper_end() -> None:
    why = {row: verified(inliers, 600) for row, inliers in enumerate((100, 200, 400))}
    found = predictors(Ranking(FIRST.ids, SCORES, why), [FIRST], IMAGES).significance
    assert found[0] < found[1] < found[2]
    # Twice as many inliers are beyond chance by more than twice as many powers of ten.
    np.testing.assert_array_less(2 * np.expm1(found[:2]), np.expm1(found[1:3]))


def test_what_is_not_known_of_correspondences_is_the_inliers_alone() -> None:
    ranking = [Ranking(FIRST.ids, SCORES, {0: verified(20, n)}) for n in (0, 20)]
    first, second = (predictors(one, [FIRST], IMAGES).significance[0] for one in ranking)
    assert first == second


def test_nothing_found_is_no_evidence() -> None:
    nothing = Ranking(np.empty(0, np.int64), np.empty(0, np.float32))
    assert all(len(column) == 0 for column in predictors(nothing, [nothing], IMAGES).columns.values())


def test_what_leads_to_an_image_is_evidence_of_the_two() -> None:
    box = (0.0, 0.0, 1.0, 1.0)
    found = lead_predictors([Lead(90, 30, 40, box, box, 3.0), Lead(90, 5, 600, box, box, -1.0)])
    np.testing.assert_allclose(found.similarity, damped(np.array([3.0, -1.0])))
    same = predictors(Ranking(FIRST.ids, SCORES, {0: verified(30, 40)}), [FIRST], IMAGES)
    assert found.significance[0] == same.significance[0]
