"""Scores against what unrelated images have: the same for every method, query and size of collection."""

from __future__ import annotations

import math

import numpy as np
import pytest

from resight.search.background import DEPTH, FEWEST, SURPRISE, background


def unrelated(images: int, seed: int = 0) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).exponential(0.03, images))[::-1]


def naive_expected(scores: list[float], images: int, score: float) -> float:
    """How many unrelated images reach a score, in obvious lines."""
    size = min(1000, max(images // 4, min(images, 64)))
    tail = scores[:size]
    spacings = [i * (tail[i - 1] - tail[i]) for i in range(size // 2, size)]
    scale = sum(spacings) / len(spacings)
    return size * (1 + (score - tail[-1]) / scale / len(spacings)) ** -len(spacings)


@pytest.mark.parametrize("images", [20, 100, 1000, 5000])
def test_it_is_the_expected_number_of_unrelated_images(images: int) -> None:
    scores = unrelated(images)
    found = background(scores, images).surprise(scores[:5])
    expected = [naive_expected(scores.tolist(), images, score) for score in scores[:5].tolist()]
    np.testing.assert_allclose(found, -np.log10(expected), atol=1e-9)


def test_the_best_of_the_unrelated_is_no_surprise_in_collections_of_any_size() -> None:
    for images in (100, 1000, 10_000):
        best = [background(s, images).surprise(s[:1])[0] for s in (unrelated(images, seed) for seed in range(200))]
        assert abs(np.median(best)) < 0.4
        assert np.mean(np.array(best) > 2.0) < 0.05


@pytest.mark.parametrize("images", [12, 40, 62])
def test_the_best_of_few_unrelated_is_far_out_as_seldom_as_is_said(images: int) -> None:
    """Scales are estimated from few spacings, and often too small: without allowing for it, three times as many are."""
    best = [background(s, images).surprise(s[:1])[0] for s in (unrelated(images, seed) for seed in range(2000))]
    for surprise in (1.0, 2.0):
        assert np.mean(np.array(best) > surprise) < 1.3 * 10**-surprise


def test_many_spacings_are_as_good_as_the_true_scale() -> None:
    scores = unrelated(100_000)
    found = background(scores, len(scores))
    exact = (0.5 - found.level) / found.scale / math.log(10) - math.log10(found.size)
    assert found.surprise(np.array([0.5]))[0] == pytest.approx(exact, rel=0.03)


def test_scaled_and_shifted_scores_are_as_surprising() -> None:
    scores = unrelated(800)
    scores[:3] = 0.9, 0.7, 0.5
    plain = background(scores, 800).surprise(scores)
    np.testing.assert_allclose(background(7 * scores - 2, 800).surprise(7 * scores - 2), plain, atol=1e-6)


@pytest.mark.parametrize(("matches", "lost"), [(5, 0.1), (20, 0.3), (60, 0.6)])
def test_matches_at_the_top_make_others_less_surprising_never_more(matches: int, lost: float) -> None:
    ratios = []
    for seed in range(50):
        rest = unrelated(1000, seed)
        with_matches = np.concatenate([np.linspace(0.9, 0.6, matches), rest])
        alone = background(rest, 1000).surprise(np.array([0.5]))[0]
        ratios.append(background(with_matches, 1000 + matches).surprise(np.array([0.5]))[0] / alone)
    assert 1 - lost <= np.mean(ratios) < 1
    assert max(ratios) < 1.05


def test_a_tail_that_was_not_ranked_scores_nothing() -> None:
    # Of 400 images only three share a word with the query.
    found = background(np.array([0.5, 0.4, 0.3]), 400).surprise(np.array([0.5, 0.3, 0.0]))
    np.testing.assert_allclose(found, [SURPRISE, SURPRISE, -2.0])


@pytest.mark.parametrize("images", [0, 1, 2, FEWEST - 1])
def test_few_images_say_nothing(images: int) -> None:
    scores = unrelated(images)
    assert background(scores, images).surprise(scores).tolist() == [0.0] * images


@pytest.mark.parametrize("images", [FEWEST, 9, 15, 17, 31, 33, 100])
def test_small_collections_have_numbers(images: int) -> None:
    scores = unrelated(images)
    assert np.isfinite(background(scores, images).surprise(scores)).all()


def test_no_more_than_the_depth_is_looked_at() -> None:
    scores = unrelated(100_000)
    assert background(scores[:DEPTH], 100_000) == background(scores, 100_000)
