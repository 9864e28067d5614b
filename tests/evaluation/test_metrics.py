"""Metrics against other implementations' values, against the definitions written out, and against known traps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resight.evaluation.metrics import (
    clipped_precision_at,
    mean_over_queries,
    oxford_ap,
    positions,
    precision_at,
    rectangle_ap,
)

Golden = Callable[[str], Mapping[str, Any]]


def ids(row: Any) -> list[int]:
    """A ragged row of ids without its padding."""
    return [int(value) for value in row if value >= 0]


@pytest.mark.golden
@pytest.mark.parametrize("prefix", ["full", "truncated", "nonefound"])
def test_metrics_match_other_implementations(golden: Golden, prefix: str) -> None:
    values = golden("map")
    lists = [
        (ids(r), ids(ok), ids(junk))
        for r, ok, junk in zip(
            values[f"{prefix}_rankings"], values[f"{prefix}_ok"], values[f"{prefix}_junk"], strict=True
        )
    ]
    ap = [oxford_ap(*row) for row in lists]
    rectangle = [rectangle_ap(*row) for row in lists]
    np.testing.assert_allclose(ap, values[f"{prefix}_ap"], atol=1e-6)
    np.testing.assert_allclose(rectangle, values[f"{prefix}_rectangle_ap"], atol=1e-6)
    assert mean_over_queries(ap) == pytest.approx(float(values[f"{prefix}_map"]), abs=1e-6)
    assert mean_over_queries(rectangle) == pytest.approx(float(values[f"{prefix}_rectangle_map"]), abs=1e-6)
    if prefix != "nonefound":
        for column, k in enumerate(values["kappas"].tolist()):
            clipped = [clipped_precision_at(k, *row) for row in lists]
            np.testing.assert_allclose(clipped, values[f"{prefix}_precision_at"][:, column], atol=1e-6)
            expected = float(values[f"{prefix}_mean_precision_at"][column])
            assert mean_over_queries(clipped) == pytest.approx(expected, abs=1e-6)


@pytest.mark.golden
@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
def test_the_revisited_protocol_is_a_choice_of_positives_and_junk(golden: Golden, difficulty: str) -> None:
    values = golden("map")
    lists = []
    for row, ranking in enumerate(values["revisited_rankings"]):
        easy, hard, junk = (ids(values[f"revisited_{kind}"][row]) for kind in ("easy", "hard", "junk"))
        chosen = {"easy": (easy, junk + hard), "medium": (easy + hard, junk), "hard": (hard, junk + easy)}
        lists.append((ids(ranking), *chosen[difficulty]))
    ap = [oxford_ap(*row) for row in lists]
    np.testing.assert_allclose(ap, values[f"revisited_{difficulty}_ap"], atol=1e-6)
    assert mean_over_queries(ap) == pytest.approx(float(values[f"revisited_{difficulty}_map"]), abs=1e-6)
    for column, k in enumerate(values["kappas"].tolist()):
        clipped = [clipped_precision_at(k, *row) for row in lists]
        np.testing.assert_allclose(clipped, values[f"revisited_{difficulty}_precision_at"][:, column], atol=1e-6)
        expected = float(values[f"revisited_{difficulty}_mean_precision_at"][column])
        assert mean_over_queries(clipped) == pytest.approx(expected, abs=1e-6)


def naive(ranking: list[int], positives: set[int], junk: set[int]) -> tuple[float, float]:
    """Trapezoid and rectangle AP as one walks down the list and keeps recall and precision."""
    kept = [image for image in ranking if image not in junk]
    trapezoid = rectangle = hits = 0.0
    recall_before, precision_before = 0.0, 1.0
    for rank, image in enumerate(kept, start=1):
        hits += image in positives
        recall, precision = hits / len(positives), hits / rank
        trapezoid += (recall - recall_before) * (precision_before + precision) / 2
        rectangle += (recall - recall_before) * precision
        recall_before, precision_before = recall, precision
    return trapezoid, rectangle


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[int], set[int], set[int]]:
    """A ranking of part of a database, with at least one positive and any junk."""
    size = draw(st.integers(1, 30))
    labels = draw(st.lists(st.sampled_from(["positive", "junk", "negative"]), min_size=size, max_size=size))
    labels[0] = "positive"
    ranking = draw(st.permutations(range(size)))[: draw(st.integers(0, size))]
    chosen = {kind: {image for image, label in enumerate(labels) if label == kind} for kind in ("positive", "junk")}
    return list(ranking), chosen["positive"], chosen["junk"]


@given(cases())
def test_both_average_precisions_match_a_walk_down_the_list(case: tuple[list[int], set[int], set[int]]) -> None:
    trapezoid, rectangle = naive(*case)
    assert oxford_ap(*case) == pytest.approx(trapezoid, abs=1e-12)
    assert rectangle_ap(*case) == pytest.approx(rectangle, abs=1e-12)
    assert 0 <= oxford_ap(*case) <= rectangle_ap(*case) + 1e-12 <= 1 + 1e-9


@given(cases(), st.integers(1, 40))
def test_both_precisions_match_counting(case: tuple[list[int], set[int], set[int]], k: int) -> None:
    ranking, positives, junk = case
    kept = [image for image in ranking if image not in junk]
    assert precision_at(k, *case) == pytest.approx(sum(image in positives for image in kept[:k]) / k)
    ranks = [rank for rank, image in enumerate(kept, start=1) if image in positives]
    clip = min(k, max(ranks)) if ranks else k
    assert clipped_precision_at(k, *case) == pytest.approx(sum(rank <= clip for rank in ranks) / clip)


@given(cases())
def test_junk_changes_nothing_wherever_it_stands(case: tuple[list[int], set[int], set[int]]) -> None:
    ranking, positives, junk = case
    without = [image for image in ranking if image not in junk]
    assert oxford_ap(*case) == oxford_ap(without, positives)
    assert precision_at(3, *case) == precision_at(3, without, positives)


@given(cases())
def test_moving_a_positive_up_never_lowers_the_average_precision(case: tuple[list[int], set[int], set[int]]) -> None:
    ranking, positives, junk = case
    for at in range(1, len(ranking)):
        if ranking[at] in positives:
            raised = [*ranking[: at - 1], ranking[at], ranking[at - 1], *ranking[at + 1 :]]
            assert oxford_ap(raised, positives, junk) >= oxford_ap(ranking, positives, junk) - 1e-12


def test_the_two_average_precisions_are_different_numbers() -> None:
    ranking, positives = ["wrong", "right", "wrong too"], {"right"}
    assert oxford_ap(ranking, positives) == 0.25
    assert rectangle_ap(ranking, positives) == 0.5


def test_a_positive_that_is_not_found_still_counts_below_the_line() -> None:
    assert oxford_ap(["a"], {"a", "b"}) == 0.5
    assert oxford_ap([], {"a"}) == 0.0
    assert clipped_precision_at(5, ["x"], {"a"}) == 0.0


def test_plain_and_clipped_precision_differ_where_positives_are_few() -> None:
    assert precision_at(5, ["a", "x", "y", "z", "w"], {"a"}) == 0.2
    assert clipped_precision_at(5, ["a", "x", "y", "z", "w"], {"a"}) == 1.0


def test_queries_without_positives_have_no_value_and_are_left_out_of_means() -> None:
    for value in (
        oxford_ap(["a"], ()),
        rectangle_ap(["a"], ()),
        precision_at(1, ["a"], ()),
        clipped_precision_at(1, ["a"], ()),
        mean_over_queries([math.nan]),
        mean_over_queries([]),
    ):
        assert math.isnan(value)
    assert mean_over_queries([0.5, math.nan, 1.0]) == 0.75


def test_positions_are_counted_without_junk() -> None:
    assert positions(["j", "a", "x", "k", "b"], {"a", "b", "c"}, {"j", "k"}).tolist() == [0, 2]


def test_lists_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValueError, match="a is both positive and junk"):
        oxford_ap(["a"], {"a"}, {"a"})
    with pytest.raises(ValueError, match="twice"):
        oxford_ap(["a", "a"], {"a"})
    for precision in (precision_at, clipped_precision_at):
        with pytest.raises(ValueError, match="at least 1, not 0"):
            precision(0, ["a"], {"a"})
