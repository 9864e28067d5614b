"""What speaks for images: similarity against the background, inliers against chance, what a chain passed on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from resight.probability.background import background
from resight.probability.evidence import MEANINGLESS, damped, evidence
from resight.rerank.kinds import Chain
from resight.search.ranking import Ranking, Verification

IMAGES = 200
SCORES = np.sort(np.random.default_rng(1).exponential(1.0, IMAGES))[::-1].astype(np.float32)
FIRST = Ranking(np.arange(IMAGES), SCORES)


def verified(inliers: int, tentative: int, score: float = 1.0) -> Verification:
    xy = np.zeros((inliers, 2), np.float32)
    return Verification(np.eye(3), xy, xy, score, tentative)


def test_similarity_is_that_of_the_first_look_wherever_the_image_is_ranked_now() -> None:
    again = Ranking(np.array([7, 3, 500]), np.array([9.0, 8.0, 7.0], np.float32))
    found = evidence(again, [FIRST], IMAGES)
    expected = background(SCORES, IMAGES).surprise(SCORES[[7, 3]])
    np.testing.assert_allclose(found.similarity, damped(np.array([*expected, -math.log10(IMAGES)])))
    np.testing.assert_allclose(damped(np.array([math.e - 1, 0, 1 - math.e])), [1, 0, -1])


def test_of_several_channels_the_most_surprising_counts() -> None:
    other = Ranking(np.arange(IMAGES)[::-1], SCORES)
    found = evidence(FIRST, [FIRST, other], IMAGES).similarity
    np.testing.assert_allclose(found, found[::-1])
    assert (found >= evidence(FIRST, [FIRST], IMAGES).similarity).all()


def test_inliers_are_held_against_what_chance_would_give() -> None:
    why = {0: verified(30, 40), 1: verified(30, 600), 3: verified(5, 600)}
    found = evidence(Ranking(FIRST.ids, SCORES, why), [FIRST], IMAGES)
    assert found.inliers[:4].tolist() == pytest.approx([math.log(31), math.log(31), 0.0, math.log(6)])
    assert found.significance[0] > found.significance[1] > 0
    assert found.significance[2:].tolist() == [0.0] * (IMAGES - 2)


def test_what_is_not_known_of_correspondences_is_the_inliers_alone() -> None:
    ranking = [Ranking(FIRST.ids, SCORES, {0: verified(20, n)}) for n in (0, 20)]
    first, second = (evidence(one, [FIRST], IMAGES).significance[0] for one in ranking)
    assert first == second


def test_what_a_chain_passes_on_is_the_score_without_the_own_evidence() -> None:
    chain = Chain(half=100.0, weight=5.0)
    scores = np.array([0.5 + 5 * 0.2, 5 * 0.2, 0.0], np.float32)
    ranking = Ranking(np.array([4, 5, 6]), scores, {4: verified(100, 200, 100.0)})
    found = evidence(ranking, [FIRST], IMAGES, chain).passed_on
    expected = math.log1p(0.2 / MEANINGLESS)
    np.testing.assert_allclose(found, [expected, expected, 0.0], rtol=1e-5, atol=1e-4)
    assert not evidence(ranking, [FIRST], IMAGES).passed_on.any()


def test_nothing_found_is_no_evidence() -> None:
    nothing = Ranking(np.empty(0, np.int64), np.empty(0, np.float32))
    assert all(len(column) == 0 for column in evidence(nothing, [nothing], IMAGES).columns.values())
