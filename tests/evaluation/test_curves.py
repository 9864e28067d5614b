"""Precision-recall curves against the definitions, the areas that average precision is, and trec_eval."""

from __future__ import annotations

from fractions import Fraction

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import IPrec, Qrel, ScoredDoc

from resight.evaluation.curves import interpolated_precision, mean_curve, precision_recall
from resight.evaluation.metrics import filled_in_ap, oxford_ap

found_and_total = st.tuples(st.sets(st.integers(0, 60), max_size=12), st.integers(1, 5)).map(
    lambda drawn: (np.array(sorted(drawn[0]), np.int64), len(drawn[0]) + drawn[1] - 1 or 1)
)


def test_points_stand_right_after_each_positive() -> None:
    recall, precision = precision_recall((0, 3, 4), 5)
    np.testing.assert_allclose(recall, [1 / 5, 2 / 5, 3 / 5])
    np.testing.assert_allclose(precision, [1, 2 / 4, 3 / 5])
    assert all(len(axis) == 0 for axis in precision_recall((), 5))
    assert all(len(axis) == 0 for axis in precision_recall((), 0))


def test_a_dip_is_filled_in_and_what_is_not_reached_is_zero() -> None:
    curve = interpolated_precision((0, 3, 4), 5, levels=11)
    np.testing.assert_allclose(curve, [1, 1, 1, 0.6, 0.6, 0.6, 0.6, 0, 0, 0, 0])


@given(found_and_total, st.integers(2, 101))
def test_the_curve_is_the_best_precision_at_any_recall_at_least_that_high(
    case: tuple[np.ndarray, int], levels: int
) -> None:
    found, total = case
    points = [(Fraction(j, total), Fraction(j, int(place) + 1)) for j, place in enumerate(found, start=1)]
    expected = [
        max((precision for recall, precision in points if recall >= Fraction(level, levels - 1)), default=Fraction(0))
        for level in range(levels)
    ]
    np.testing.assert_allclose(interpolated_precision(found, total, levels), [float(one) for one in expected])


@given(found_and_total)
def test_its_area_is_the_filled_in_average_precision(case: tuple[np.ndarray, int]) -> None:
    found, total = case
    assert interpolated_precision(found, total, total + 1)[1:].mean() == pytest.approx(filled_in_ap(found, total))


def test_the_area_below_the_points_joined_is_that_of_trapezoids_where_only_right_ones_come_first() -> None:
    recall, precision = precision_recall(range(4), 4)
    assert np.trapezoid([1, *precision], [0, *recall]) == pytest.approx(oxford_ap(np.arange(4), 4)) == 1


def test_trec_eval_agrees_on_eleven_levels() -> None:
    rng = np.random.default_rng(0)
    for total in (1, 4, 10, 34):  # it rounds a tenth of a positive, which these do not leave, up or down
        found = np.sort(rng.permutation(80)[: max(1, total - 2)])
        right = {int(place): f"d{place}" for place in found}
        missed = [f"missed{number}" for number in range(total - len(found))]
        truth = [Qrel("q", name, 1) for name in [*right.values(), *missed]]
        run = [ScoredDoc("q", f"d{place}", -float(place)) for place in range(80)]
        measures = [IPrec @ (level / 10) for level in range(11)]
        values = ir_measures.calc_aggregate(measures, truth, run)
        curve = interpolated_precision(found, total, levels=11)
        np.testing.assert_allclose(curve, [values[measure] for measure in measures], atol=1e-9)


def test_the_mean_curve_leaves_out_queries_without_positives() -> None:
    recall, precision = mean_curve([((0, 1), 2), ((), 0), ((), 3), ((9,), 1)], levels=3)
    np.testing.assert_allclose(recall, [0, 0.5, 1])
    np.testing.assert_allclose(precision, [1.1 / 3] * 3)
    assert len(mean_curve([((0,), 1)])[0]) == 101
    assert np.isnan(mean_curve([((), 0)])[1]).all()
    assert mean_curve([])[1].shape == (101,)


def test_no_positives_is_no_curve_and_impossible_counts_are_refused() -> None:
    assert np.isnan(interpolated_precision((), 0)).all()
    with pytest.raises(ValueError, match="at least 2 levels"):
        interpolated_precision((0,), 1, levels=1)
    with pytest.raises(ValueError, match="there are only 1"):
        precision_recall((0, 1), 1)
