"""The product's whitening: what its photos share is not removed where a whitening of other photos is there."""

from __future__ import annotations

import numpy as np

from resight.training.choosing import choose, kinds_compared
from resight.training.validation import Score

QUERIES = 40
REAL = [number < QUERIES // 2 for number in range(QUERIES)]


def score(real: list[float], rendered: float) -> Score:
    aps = [*real, *([rendered] * (QUERIES - len(real)))]
    return Score(float(np.mean(real)), rendered, aps)


def spread(mean: float) -> list[float]:
    values: list[float] = np.linspace(mean - 0.1, mean + 0.1, QUERIES // 2).tolist()
    return values


def test_components_of_the_searched_photos_are_compared_only_where_nothing_else_is_there() -> None:
    assert kinds_compared("best", comes_with_one=True) == ("start", "learned")
    assert kinds_compared("best", comes_with_one=False) == ("pca", "learned")
    for wanted in ("pca", "learned", "start", "trained"):
        assert kinds_compared(wanted, comes_with_one=True) == (wanted,)


def test_the_start_stays_where_another_is_better_on_rendered_views_alone() -> None:
    scores = {"start": score(spread(0.7), 0.5), "learned": score(spread(0.7), 1.0)}
    assert choose(scores, REAL).kind == "start"
    assert "no pair is held out" in choose(scores, [False] * QUERIES).why


def test_the_start_stays_where_a_gain_is_not_certain() -> None:
    lucky = spread(0.7)
    for number in range(4):
        lucky[number] += 0.3
    scores = {"start": score(spread(0.7), 0.5), "learned": score(lucky, 0.5)}
    assert choose(scores, REAL).kind == "start"


def test_the_start_stays_where_a_certain_gain_is_small() -> None:
    little = [ap + 0.008 for ap in spread(0.7)]
    assert choose({"start": score(spread(0.7), 0.5), "learned": score(little, 0.5)}, REAL).kind == "start"


def test_pairs_that_find_more_for_certain_are_taken() -> None:
    rng = np.random.default_rng(0)
    gained = (np.array(spread(0.7)) + rng.uniform(0.0, 0.1, QUERIES // 2)).tolist()
    choice = choose({"start": score(spread(0.7), 0.9), "learned": score(gained, 0.1)}, REAL)
    assert choice.kind == "learned"
    assert "above that of the whitening of the start" in choice.why


def test_without_a_start_the_best_score_is_taken() -> None:
    assert choose({"pca": score(spread(0.7), 0.5), "learned": score(spread(0.7), 0.9)}, REAL).kind == "learned"
    nothing = Score(float("nan"), float("nan"), [])
    assert choose({"pca": nothing, "learned": nothing}, []).kind == "pca"
    assert choose({"learned": nothing}, []).why == "the recipe asks for it"
