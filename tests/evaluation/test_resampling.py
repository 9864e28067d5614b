"""Intervals and paired tests: how often they are right on data whose truth is known, and what must not change them."""

from __future__ import annotations

import itertools
import math
import tracemalloc

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.evaluation.resampling import PairedTest, bootstrap_interval, paired_test

figures = st.lists(st.tuples(*[st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.7, 1.0, math.nan])] * 2), max_size=40).map(
    lambda pairs: np.array([[math.nan] * 2 if math.nan in pair else pair for pair in pairs], float).reshape(-1, 2).T
)


def average_precisions(rng: np.random.Generator, shape: int | tuple[int, int]) -> np.ndarray:
    """Skewed as average precisions are: 30 % are 1, the others spread. Mean 0.3 + 0.7 * 5 / 12."""
    return np.where(rng.random(shape) < 0.3, 1.0, rng.beta(0.5, 0.7, shape))


MEAN = 0.3 + 0.7 * 5 / 12


def test_the_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    """400 sets of 20 queries; the share has a standard error of 1 %, and a percentile interval's is 0.92."""
    rng = np.random.default_rng(0)
    inside = []
    for values in average_precisions(rng, (400, 20)):
        low, high = bootstrap_interval(values, samples=1000)
        inside.append(low <= MEAN <= high)
    assert 0.935 <= np.mean(inside) <= 0.985


def test_a_wider_level_and_fewer_queries_give_a_wider_interval() -> None:
    values = average_precisions(np.random.default_rng(1), 200)
    widths = [np.diff(bootstrap_interval(values, level=level))[0] for level in (0.5, 0.8, 0.95, 0.999)]
    assert widths == sorted(widths)
    assert np.diff(bootstrap_interval(values[:20]))[0] > 2 * widths[2]


def test_scipy_agrees_where_there_are_many_queries() -> None:
    """There the levels are hardly widened: by 0.4 % for 300 queries."""
    values = np.random.default_rng(2).beta(0.1, 2, 300)
    ours = np.array(bootstrap_interval(values, samples=20_000))

    def distance(method: str) -> float:
        theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=20_000, method=method, rng=0).confidence_interval
        return float(np.abs(ours - theirs).max() / np.diff(theirs)[0])

    assert distance("BCa") < 0.02
    assert distance("percentile") > 0.05  # so that it would tell an interval that is not corrected for the skew


def test_few_queries_give_a_wider_interval_than_scipy_does() -> None:
    """Of 8, by sqrt(8 / 7) times the ratio of the quantiles of Student's t and the normal distribution, about 1.29."""
    values = np.linspace(0.1, 0.9, 8)
    theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=0).confidence_interval
    ours = bootstrap_interval(values)
    assert (ours[1] - ours[0]) / (theirs.high - theirs.low) == pytest.approx(1.29, abs=0.06)


def test_few_different_values_give_the_interval_of_values_that_hardly_differ() -> None:
    values = (np.random.default_rng(3).random(600) < 0.7).astype(float)
    apart = values + np.linspace(0, 1e-9, 600)
    np.testing.assert_allclose(bootstrap_interval(values), bootstrap_interval(apart), atol=0.004)


def test_nothing_follows_from_fewer_than_two_queries() -> None:
    for values in ([], [0.4], [math.nan], [math.nan, 0.4]):
        assert np.isnan(bootstrap_interval(np.array(values))).all()


def test_queries_without_a_value_are_left_out() -> None:
    values = average_precisions(np.random.default_rng(4), 30)
    assert bootstrap_interval(np.insert(values, [0, 7, 30], math.nan)) == bootstrap_interval(values)


def test_equal_values_give_an_interval_of_no_width() -> None:
    assert bootstrap_interval(np.full(9, 0.1)) == (0.1, 0.1)


def test_values_so_small_that_their_squares_vanish_have_an_interval() -> None:
    low, high = bootstrap_interval(np.array([0.0, 1e-189, 3e-189]))
    assert 0 <= low < high <= 3e-189


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.sampled_from([0.01, 0.5, 0.95, 0.99999]))
@settings(max_examples=60)
def test_the_interval_lies_within_the_values(values: list[float], level: float) -> None:
    low, high = bootstrap_interval(np.array(values), level=level, samples=200)
    assert min(values) - 1e-12 <= low <= high <= max(values) + 1e-12


def test_a_level_past_what_can_be_corrected_gives_the_outermost_means() -> None:
    values = np.eye(30)[0]
    high = bootstrap_interval(values, level=0.99)[1]
    assert bootstrap_interval(values, level=1 - 1e-9)[1] > high > values.mean()


def test_two_queries_leave_everything_between_them_open() -> None:
    assert bootstrap_interval(np.array([0.2, 0.9])) == pytest.approx((0.2, 0.9))


@pytest.mark.parametrize(("level", "samples"), [(0.0, 10), (1.0, 10), (95.0, 10), (0.95, 0)])
def test_levels_and_samples_that_make_no_sense_are_refused(level: float, samples: int) -> None:
    with pytest.raises(ValueError, match="level in"):
        bootstrap_interval(np.array([0.1, 0.2]), level=level, samples=samples)


def test_the_seed_alone_decides_what_is_drawn() -> None:
    a, b = average_precisions(np.random.default_rng(5), (2, 50))
    assert bootstrap_interval(a, seed=1) == bootstrap_interval(a, seed=1) != bootstrap_interval(a, seed=2)
    assert paired_test(a, b, seed=1) == paired_test(a, b, seed=1) != paired_test(a, b, seed=2)


def by_hand(a: np.ndarray, b: np.ndarray) -> float:
    """Share of all choices of signs of the differences with a mean at least as far from 0 as the observed one."""
    differences = a - b
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product([-1, 1], repeat=len(a))]
    return float(np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9))


@pytest.mark.parametrize("queries", [1, 2, 5, 11])
def test_few_queries_are_counted_out(queries: int) -> None:
    rng = np.random.default_rng(queries)
    for _ in range(5):
        a, b = np.round(average_precisions(rng, (2, queries)), 1)
        assert paired_test(a, b).p_value == pytest.approx(by_hand(a, b), abs=1e-12)


def test_scipy_agrees_on_the_p_value() -> None:
    a, b = average_precisions(np.random.default_rng(6), (2, 12))

    def mean_difference(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.mean(x - y, axis=axis)

    theirs = scipy.stats.permutation_test(
        (a, b), mean_difference, permutation_type="samples", vectorized=True, n_resamples=math.inf
    )
    assert paired_test(a, b).p_value == pytest.approx(theirs.pvalue, abs=1e-12)


def test_drawing_signs_comes_near_to_counting_them() -> None:
    a, b = average_precisions(np.random.default_rng(7), (2, 15))
    a = np.clip(a + 0.15, 0, 1)
    exact = paired_test(a, b, samples=2**15).p_value
    assert exact == pytest.approx(by_hand(a, b), abs=1e-12)
    drawn = [paired_test(a, b, seed=seed, samples=4000).p_value for seed in range(20)]
    assert 0.02 < exact < 0.5
    assert np.mean(drawn) == pytest.approx(exact, abs=5 * math.sqrt(exact / 4000 / 20))
    assert len(set(drawn)) > 1


@pytest.mark.parametrize(("queries", "samples"), [(10, 1024), (40, 499)])
def test_equal_systems_differ_in_one_case_of_twenty(queries: int, samples: int) -> None:
    rng = np.random.default_rng(8)
    pairs = average_precisions(rng, (2000, 2 * queries)).reshape(2000, 2, queries)
    p_values = np.array([paired_test(a, b, samples=samples, seed=i).p_value for i, (a, b) in enumerate(pairs)])
    # Four standard errors of a share of 2000.
    for level in (0.05, 0.2):
        assert np.mean(p_values <= level) == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / 2000))


def test_a_better_system_is_found_out() -> None:
    """Ten points of AP more, on 70 queries whose differences have a standard deviation of 0.2."""
    rng = np.random.default_rng(9)
    found = 0
    for seed in range(100):
        b = rng.random(70) * 0.5
        test = paired_test(b + rng.normal(0.1, 0.2, 70), b, seed=seed, samples=999)
        found += test.p_value < 0.05 and test.interval[0] > 0
    assert found >= 90


def test_what_is_counted_by_hand() -> None:
    a, b = np.array([0.5, 0.2, math.nan, 0.9, 0.4]), np.array([0.1, 0.3, math.nan, 0.9, 0.2])
    test = paired_test(a, b)
    assert (test.wins, test.losses, test.ties) == (2, 1, 1)
    assert test.difference == pytest.approx(0.125)
    assert test.p_value == pytest.approx(0.5)  # of 0.4, 0.1 and 0.2: 0.5 or 0.7, with either sign


@given(figures)
@settings(max_examples=60)
def test_exchanging_the_runs_turns_everything_round(pair: np.ndarray) -> None:
    a, b = pair
    there, back = paired_test(a, b, samples=300), paired_test(b, a, samples=300)
    assert 0 < there.p_value <= 1
    np.testing.assert_array_equal(there.difference, -back.difference)
    np.testing.assert_array_equal(there.interval, (-back.interval[1], -back.interval[0]))
    assert there.p_value == back.p_value
    assert (there.wins, there.losses, there.ties) == (back.losses, back.wins, back.ties)
    assert there.wins + there.losses + there.ties == np.sum(~np.isnan(a))


def test_a_run_does_not_differ_from_itself() -> None:
    a = average_precisions(np.random.default_rng(10), 30)
    assert paired_test(a, a) == PairedTest(0.0, (0.0, 0.0), 1.0, 0, 0, 30)
    nothing = paired_test(np.array([]), np.array([]))
    assert math.isnan(nothing.difference)
    assert nothing.p_value == 1


def test_the_least_p_value_that_drawing_can_give_is_not_zero() -> None:
    assert paired_test(np.ones(50), np.zeros(50), samples=99).p_value == 0.01


def test_different_queries_are_refused() -> None:
    for a, b in (([0.1, 0.2], [0.1]), ([0.1, math.nan], [0.1, 0.2])):
        with pytest.raises(ValueError, match="different queries"):
            paired_test(np.array(a), np.array(b))


def test_sixty_thousand_queries_need_little_memory() -> None:
    a, b = np.random.default_rng(11).random((2, 60_000))
    tracemalloc.start()
    try:
        paired_test(a, b, samples=500)  # all at once, 240 MB for the float64 values alone
        paired_test(np.round(a), np.round(b), samples=500)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 120e6


@pytest.mark.parametrize("values", [[0.5, np.inf], [[0.5, 0.25]], 0.5])
def test_figures_that_cannot_be_are_refused(values: object) -> None:
    with pytest.raises(ValueError, match="one row of finite numbers"):
        bootstrap_interval(values)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one row of finite numbers"):
        paired_test(values, values)  # type: ignore[arg-type]


def test_lists_of_figures_are_taken() -> None:
    assert bootstrap_interval([0.1, 0.5, 0.9]) == bootstrap_interval(np.array([0.1, 0.5, 0.9]))
    assert paired_test([0.1, 0.5], [0.2, 0.7]) == paired_test(np.array([0.1, 0.5]), np.array([0.2, 0.7]))
