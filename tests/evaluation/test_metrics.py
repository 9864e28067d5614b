"""Metrics against other implementations' values, against the definitions written out, and against known traps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import AP, RR, P, Qrel, R, ScoredDoc, Success

from resight.evaluation import runs
from resight.evaluation.curves import interpolated_precision
from resight.evaluation.figures import figures
from resight.evaluation.metrics import (
    clipped_precision_at,
    filled_in_ap,
    mean_over_queries,
    ns_score,
    oxford_ap,
    positions,
    positions_of_ids,
    precision_at,
    precisions,
    recall_at,
    rectangle_ap,
    success_at,
)

Golden = Callable[[str], Mapping[str, Any]]
Case = tuple[list[int], set[int], set[int]]
"""A ranking, its positives and its junk, as ids."""

AVERAGES = (oxford_ap, rectangle_ap, filled_in_ap)
AT_K = (precision_at, clipped_precision_at, recall_at, success_at)
KAPPAS = (1, 2, 3, 4, 5, 10, 25, 100)


def ids(row: Any) -> list[int]:
    """A ragged row of ids without its padding."""
    return [int(value) for value in row if value >= 0]


def counted(ranking: Sequence[int], positives: Sequence[int], junk: Sequence[int]) -> tuple[Any, int]:
    """What every metric takes: positions of the positives found, and how many positives there are."""
    return positions_of_ids(np.array(ranking, np.int64), positives, junk), len(positives)


def golden_cases(values: Mapping[str, Any], prefix: str) -> list[tuple[Any, int]]:
    columns = (values[f"{prefix}_{column}"] for column in ("rankings", "ok", "junk"))
    return [counted(*map(ids, row)) for row in zip(*columns, strict=True)]


@pytest.mark.golden
@pytest.mark.parametrize("prefix", ["full", "truncated", "nonefound"])
def test_metrics_match_other_implementations(golden: Golden, prefix: str) -> None:
    values = golden("map")
    cases = golden_cases(values, prefix)
    ap = [oxford_ap(*case) for case in cases]
    rectangle = [rectangle_ap(*case) for case in cases]
    np.testing.assert_allclose(ap, values[f"{prefix}_ap"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(rectangle, values[f"{prefix}_rectangle_ap"], rtol=0, atol=1e-6)
    assert mean_over_queries(ap) == pytest.approx(float(values[f"{prefix}_map"]), abs=1e-6)
    assert mean_over_queries(rectangle) == pytest.approx(float(values[f"{prefix}_rectangle_map"]), abs=1e-6)
    if prefix != "nonefound":
        for column, k in enumerate(values["kappas"].tolist()):
            clipped = [clipped_precision_at(k, *case) for case in cases]
            np.testing.assert_allclose(clipped, values[f"{prefix}_precision_at"][:, column], rtol=0, atol=1e-6)
            expected = float(values[f"{prefix}_mean_precision_at"][column])
            assert mean_over_queries(clipped) == pytest.approx(expected, abs=1e-6)


@pytest.mark.golden
@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
def test_the_revisited_protocol_is_a_choice_of_positives_and_junk(golden: Golden, difficulty: str) -> None:
    values = golden("map")
    cases = []
    for row, ranking in enumerate(values["revisited_rankings"]):
        easy, hard, junk = (ids(values[f"revisited_{kind}"][row]) for kind in ("easy", "hard", "junk"))
        chosen = {"easy": (easy, junk + hard), "medium": (easy + hard, junk), "hard": (hard, junk + easy)}
        cases.append(counted(ids(ranking), *chosen[difficulty]))
    ap = [oxford_ap(*case) for case in cases]
    np.testing.assert_allclose(ap, values[f"revisited_{difficulty}_ap"], rtol=0, atol=1e-6)
    assert mean_over_queries(ap) == pytest.approx(float(values[f"revisited_{difficulty}_map"]), abs=1e-6)
    for column, k in enumerate(values["kappas"].tolist()):
        clipped = [clipped_precision_at(k, *case) for case in cases]
        np.testing.assert_allclose(
            clipped, values[f"revisited_{difficulty}_precision_at"][:, column], rtol=0, atol=1e-6
        )
        expected = float(values[f"revisited_{difficulty}_mean_precision_at"][column])
        assert mean_over_queries(clipped) == pytest.approx(expected, abs=1e-6)


class Definitions:
    """Every metric from what precision and recall mean, in fractions, for a ranking whose junk is struck out first."""

    def __init__(self, ranking: Sequence[int], positives: set[int], junk: set[int]) -> None:
        self.right = [image in positives for image in ranking if image not in junk]
        self.total = len(positives)
        first = [self.right[:rank] for rank in range(1, len(self.right) + 1)]
        self.precision = [Fraction(sum(some), len(some)) for some in first]
        self.recall = [Fraction(sum(some), self.total) for some in first]

    def oxford_ap(self) -> Fraction:
        """Area below the straight lines through the points of all ranks, from precision 1 at recall 0 on."""
        points = list(zip([Fraction(0), *self.recall], [Fraction(1), *self.precision], strict=True))
        return sum(((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points)), Fraction(0))

    def rectangle_ap(self) -> Fraction:
        """Mean over all positives of the precision at it, 0 for one that is not ranked."""
        at_each = [precision for precision, right in zip(self.precision, self.right, strict=True) if right]
        return sum(at_each, Fraction(0)) / self.total

    def interpolated(self, recall: Fraction) -> Fraction:
        reached = [p for p, r in zip(self.precision, self.recall, strict=True) if r >= recall]
        return max(reached, default=Fraction(0))

    def filled_in_ap(self) -> Fraction:
        """Integral over recall, which is constant between two multiples of one over the number of positives."""
        middles = [Fraction(2 * j + 1, 2 * self.total) for j in range(self.total)]
        return sum(map(self.interpolated, middles), Fraction(0)) / self.total

    def precision_at(self, k: int) -> Fraction:
        return Fraction(sum(self.right[:k]), k)

    def clipped_precision_at(self, k: int) -> Fraction:
        ranks = [rank for rank, right in enumerate(self.right, start=1) if right]
        return self.precision_at(min(k, ranks[-1])) if ranks else Fraction(0)

    def recall_at(self, k: int) -> Fraction:
        return Fraction(sum(self.right[:k]), self.total)

    def success_at(self, k: int) -> int:
        return int(any(self.right[:k]))

    def ns_score(self) -> int:
        return sum(self.right[:4])


def random_case(rng: np.random.Generator) -> Case:
    """A ranking of some or all images of a database of up to 120, up to half of them positives, with junk."""
    size = int(rng.integers(1, 121))
    shuffled = rng.permutation(size).tolist()
    good = int(rng.integers(1, max(2, size // 2)))
    junk = int(rng.integers(0, size - good + 1)) if rng.random() < 0.8 else 0
    ranking = rng.permutation(size)[: int(rng.integers(0, size + 1)) if rng.random() < 0.4 else size].tolist()
    return ranking, set(shuffled[:good]), set(shuffled[good : good + junk])


def test_a_thousand_random_rankings_with_junk_match_the_definitions() -> None:
    rng = np.random.default_rng(0)
    for _ in range(1000):
        ranking, positives, junk = random_case(rng)
        expected = Definitions(ranking, positives, junk)
        found, total = counted(ranking, list(positives), list(junk))
        names = [f"photo {image}" for image in ranking]
        by_name = positions(names, {f"photo {i}" for i in positives}, {f"photo {i}" for i in junk})
        np.testing.assert_array_equal(by_name, found)
        for metric in (*AVERAGES, ns_score):
            value = getattr(expected, metric.__name__)()
            assert metric(found, total) == pytest.approx(float(value), abs=1e-12), metric.__name__
        for metric_at in AT_K:
            for k in KAPPAS:
                value = getattr(expected, metric_at.__name__)(k)
                assert metric_at(k, found, total) == pytest.approx(float(value), abs=1e-12), metric_at.__name__


def test_ir_measures_agrees_on_the_rectangle_variant_and_on_the_first_k() -> None:
    rng = np.random.default_rng(1)
    cases = {f"q{number}": random_case(rng) for number in range(60)}
    # That program knows no junk, and leaves out a query of which nothing is ranked.
    cases = {query: ([i for i in ranked if i not in junk], good, junk) for query, (ranked, good, junk) in cases.items()}
    cases = {query: case for query, case in cases.items() if case[0]}
    truth = [Qrel(query, str(image), 1) for query, (_, good, _) in cases.items() for image in good]
    run = [ScoredDoc(q, str(image), -float(rank)) for q, case in cases.items() for rank, image in enumerate(case[0])]
    values = {
        (one.query_id, str(one.measure)): one.value
        for one in ir_measures.iter_calc([AP, P @ 5, P @ 10, R @ 10, Success @ 5, RR], truth, run)
    }
    assert len(cases) > 40
    for query, (ranked, good, _) in cases.items():
        found, total = counted(ranked, list(good), [])
        assert rectangle_ap(found, total) == pytest.approx(values[query, "AP"], abs=1e-9)
        assert precision_at(5, found, total) == pytest.approx(values[query, "P@5"], abs=1e-9)
        assert precision_at(10, found, total) == pytest.approx(values[query, "P@10"], abs=1e-9)
        assert recall_at(10, found, total) == pytest.approx(values[query, "R@10"], abs=1e-9)
        assert success_at(5, found, total) == values[query, "Success@5"]


@pytest.mark.parametrize("metric", AVERAGES)
@pytest.mark.parametrize("total", [1, 4, 50])
def test_a_perfect_ranking_scores_one(metric: Callable[..., float], total: int) -> None:
    found = np.arange(total)
    assert metric(found, total) == 1
    assert all(metric_at(1, found, total) == 1 for metric_at in (precision_at, clipped_precision_at, success_at))
    assert recall_at(total, found, total) == 1
    assert ns_score(found, total) == min(total, 4)


@pytest.mark.parametrize(("size", "total"), [(2, 1), (10, 3), (1000, 1), (1000, 400), (5063, 55)])
def test_a_reversed_ranking_scores_the_analytic_value(size: int, total: int) -> None:
    """All positives come last: the j-th has rank size - total + j, and precision only rises up to total / size."""
    found = np.arange(size - total, size)
    rectangle = sum(j / (size - total + j) for j in range(1, total + 1)) / total
    before = sum((j - 1) / (size - total + j - 1) for j in range(1, total + 1)) / total
    assert rectangle_ap(found, total) == pytest.approx(rectangle, rel=1e-12)
    assert oxford_ap(found, total) == pytest.approx((before + rectangle) / 2, rel=1e-12)
    assert filled_in_ap(found, total) == pytest.approx(total / size, rel=1e-12)


def expected_rectangle_ap(size: int, total: int) -> float:
    """Mean over all orders of `size` images.

    An image at rank k is a positive with probability total / size, and each of the k - 1 before it then with
    probability (total - 1) / (size - 1); summed over k, with H the size-th harmonic number:
    (H + (total - 1) / (size - 1) * (size - H)) / size.
    """
    harmonic = math.fsum(1 / rank for rank in range(1, size + 1))
    return (harmonic + (total - 1) / (size - 1) * (size - harmonic)) / size


def expected_oxford_ap(size: int, total: int) -> float:
    """Precision before rank k > 1 is (total - 1) / (size - 1) in the mean, 1 at k = 1: total / size over all k."""
    return (expected_rectangle_ap(size, total) + total / size) / 2


@pytest.mark.parametrize(("size", "total"), [(2, 1), (7, 3), (9, 9), (10, 4)])
def test_the_mean_over_all_orders_is_the_expectation(size: int, total: int) -> None:
    orders = [np.array(ranks) for ranks in combinations(range(size), total)]
    rectangle, trapezoid = (np.mean([metric(found, total) for found in orders]) for metric in (rectangle_ap, oxford_ap))
    assert rectangle == pytest.approx(expected_rectangle_ap(size, total), rel=1e-12)
    assert trapezoid == pytest.approx(expected_oxford_ap(size, total), rel=1e-12)


def test_random_rankings_score_their_expectation() -> None:
    """The mean of 4000 draws is within four standard errors, which a difference of 2 % would not be."""
    rng = np.random.default_rng(2)
    size, total = 200, 30
    orders = [np.sort(rng.permutation(size)[:total]) for _ in range(4000)]
    for metric, expected in ((rectangle_ap, expected_rectangle_ap), (oxford_ap, expected_oxford_ap)):
        drawn = np.array([metric(found, total) for found in orders])
        error = drawn.std(ddof=1) / math.sqrt(len(drawn))
        assert abs(drawn.mean() - expected(size, total)) < 4 * error < 0.02 * expected(size, total)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A ranking of part of a database, with at least one positive and any junk."""
    size = draw(st.integers(1, 30))
    labels = draw(st.lists(st.sampled_from(["positive", "junk", "negative"]), min_size=size, max_size=size))
    labels[0] = "positive"
    ranking = draw(st.permutations(range(size)))[: draw(st.integers(0, size))]
    chosen = {kind: {image for image, label in enumerate(labels) if label == kind} for kind in ("positive", "junk")}
    return list(ranking), chosen["positive"], chosen["junk"]


@given(cases())
def test_the_average_precisions_are_in_order_and_between_none_and_all(case: Case) -> None:
    found, total = positions(*case), len(case[1])
    trapezoid, rectangle, filled = (metric(found, total) for metric in AVERAGES)
    assert 0 <= trapezoid <= rectangle + 1e-12 <= filled + 2e-12 <= 1 + 3e-12
    assert (trapezoid == 0) == (rectangle == 0) == (filled == 0) == (len(found) == 0)


@given(cases(), st.integers(1, 40))
def test_what_is_counted_grows_with_the_depth(case: Case, k: int) -> None:
    found, total = positions(*case), len(case[1])
    assert recall_at(k, found, total) <= recall_at(k + 1, found, total) <= 1
    assert success_at(k, found, total) <= success_at(k + 1, found, total)
    assert precision_at(k, found, total) <= clipped_precision_at(k, found, total)
    assert precision_at(k, found, total) * k == pytest.approx(recall_at(k, found, total) * total)


@given(cases())
def test_junk_changes_nothing_wherever_it_stands(case: Case) -> None:
    ranking, positives, junk = case
    without = [image for image in ranking if image not in junk]
    np.testing.assert_array_equal(positions(ranking, positives, junk), positions(without, positives))
    assert [without[place] for place in positions(ranking, positives, junk)] == [i for i in without if i in positives]


@given(cases())
def test_moving_a_positive_up_never_lowers_the_average_precision(case: Case) -> None:
    ranking, positives, junk = case
    for at in range(1, len(ranking)):
        if ranking[at] in positives:
            raised = [*ranking[: at - 1], ranking[at], ranking[at - 1], *ranking[at + 1 :]]
            for metric in AVERAGES:
                lower, higher = (metric(positions(one, positives, junk), len(positives)) for one in (ranking, raised))
                assert higher >= lower - 1e-12


@given(
    st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from([0.1, 0.5, 0.9])), unique_by=lambda hit: hit[0])
)
def test_tied_scores_swapped_change_nothing(hits: list[tuple[str, float]]) -> None:
    """Scores decide the order of a run, and names that of ties, so the order in which ties are listed is nothing."""

    def judged(listed: list[tuple[str, float]]) -> list[int]:
        names, scores = runs.ranked([name for name, _ in listed], [score for _, score in listed])
        assert (-scores).tolist() == sorted((-scores).tolist())
        return positions(names, {"a", "d", "g"}, {"b", "h"}).tolist()

    for one, (_, score) in enumerate(hits):
        for other in range(one + 1, len(hits)):
            if hits[other][1] == score:
                swapped = list(hits)
                swapped[one], swapped[other] = hits[other], hits[one]
                assert judged(swapped) == judged(hits)


@given(cases(), st.sampled_from([(1, 0), (3, 1), (10**9, 0), (1, -15), (-(10**12), 7)]), st.sampled_from(["i4", "i8"]))
def test_names_and_ids_agree_whatever_the_ids(case: Case, line: tuple[int, int], dtype: str) -> None:
    steep, start = line if dtype == "i8" else (min(line[0], 100), line[1])
    ranking, positives, junk = ([steep * image + start for image in some] for some in case)
    if dtype == "i4" and abs(steep) > 100:
        return
    found = positions_of_ids(np.array(ranking, dtype), positives, junk)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, positions(*case))


def test_long_rankings_are_counted_like_short_ones() -> None:
    """Longer than what is looked at at a time, with junk and positives on both sides of every edge."""
    rng = np.random.default_rng(3)
    ranking = rng.permutation(3000)
    for share in (0.001, 0.02, 0.5):
        labels = rng.choice(["negative", "positive", "junk"], 3000, p=[1 - 2 * share, share, share])
        positives, junk = (set(np.flatnonzero(labels == label).tolist()) for label in ("positive", "junk"))
        kept = [image for image in ranking.tolist() if image not in junk]
        expected = [place for place, image in enumerate(kept) if image in positives]
        assert positions(ranking.tolist(), positives, junk).tolist() == expected
        assert positions_of_ids(ranking, list(positives), list(junk)).tolist() == expected
        assert positions_of_ids(
            ranking * 10**6, [i * 10**6 for i in positives], [i * 10**6 for i in junk]
        ).tolist() == (expected)


def test_the_average_precisions_are_different_numbers() -> None:
    found = positions(["wrong", "right", "right too"], {"right", "right too"})
    assert oxford_ap(found, 2) == pytest.approx((0 + 1 / 2 + 1 / 2 + 2 / 3) / 4)
    assert rectangle_ap(found, 2) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert filled_in_ap(found, 2) == pytest.approx(2 / 3)


def test_a_positive_that_is_not_found_still_counts_below_the_line() -> None:
    for metric in AVERAGES:
        assert metric(positions(["a"], {"a", "b"}), 2) == 0.5
        assert metric(positions([], {"a"}), 1) == 0
    assert recall_at(5, positions(["a"], {"a", "b"}), 2) == 0.5
    assert clipped_precision_at(5, positions(["x"], {"a"}), 1) == 0


def test_plain_and_clipped_precision_differ_where_positives_are_few() -> None:
    found = positions(["a", "x", "y", "z", "w"], {"a"})
    assert precision_at(5, found, 1) == 0.2
    assert clipped_precision_at(5, found, 1) == 1


def test_ns_score_counts_the_query_among_its_four_photos() -> None:
    assert (
        ns_score(positions(["query", "second", "other", "third", "fourth"], {"query", "second", "third", "fourth"}), 4)
        == 3
    )


def test_queries_without_positives_have_no_value_and_are_left_out_of_means() -> None:
    found = positions(["a"], ())
    for value in (
        *(metric(found, 0) for metric in (*AVERAGES, ns_score)),
        *(metric(1, found, 0) for metric in AT_K),
        mean_over_queries([math.nan]),
        mean_over_queries([]),
    ):
        assert math.isnan(value)
    assert mean_over_queries([0.5, math.nan, 1.0]) == 0.75


def test_nothing_ranked_and_nothing_marked_is_no_error() -> None:
    assert positions([], {"a"}).tolist() == positions_of_ids(np.array([]), [1]).tolist() == []
    assert positions_of_ids(np.array([3, 1, 2]), [], []).tolist() == []
    assert positions_of_ids(np.array([3, 1, 2]), [99, -1, -4, 2], [10**15]).tolist() == [2]
    assert positions_of_ids(np.array([3, 1, 2]), [2, 2, 3], [1, 1]).tolist() == [0, 1]


@pytest.mark.parametrize("scale", [1, 10**9])
def test_ids_that_contradict_themselves_are_refused(scale: int) -> None:
    ranking = np.array([4, 0, 7, 1]) * scale
    with pytest.raises(ValueError, match=f"{7 * scale} is both positive and junk"):
        positions_of_ids(ranking, [0, 7 * scale], [7 * scale, 9 * scale])
    with pytest.raises(ValueError, match=f"{7 * scale} is ranked twice"):
        positions_of_ids(np.array([4, 7, 0, 7, 4]) * scale, [0])
    for wrong in (np.array([0.5, 1.5]), np.zeros((2, 2), int)):
        with pytest.raises(ValueError, match=r"ranked ids are (one row of )?whole numbers"):
            positions_of_ids(wrong, [0])


def test_names_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValueError, match="a is both positive and junk"):
        positions(["a"], {"a"}, {"a"})
    with pytest.raises(ValueError, match="b is ranked twice"):
        positions(["a", "b", "b", "a"], {"a"})
    with pytest.raises(ValueError, match="x0 is ranked twice"):
        positions([*(f"x{number}" for number in range(1000)), "x0"], {"a"})


def test_counts_that_cannot_be_are_refused() -> None:
    for metric in (*AVERAGES, ns_score):
        with pytest.raises(ValueError, match="2 positives were found, and there are only 1"):
            metric(np.array([0, 1]), 1)
    for metric_at in AT_K:
        with pytest.raises(ValueError, match="only 0"):
            metric_at(1, np.array([0]), 0)
        with pytest.raises(ValueError, match="at least 1, not 0"):
            metric_at(0, np.array([0]), 1)


IMPOSSIBLE: list[tuple[Any, str]] = [
    ([0, 0], "0 is given twice"),
    ([-1, 3], "count from 0, and -1"),
    ([4, 1], "ascend, and 1 follows 4"),
    ([1.0, np.nan], "whole numbers, and nan"),
    ([1.0, np.inf], "whole numbers, and inf"),
    ([0.5, 1.0], "whole numbers, and 0.5"),
    ([1.0, 1e300], "whole numbers, and 1e"),
    (["a", "b"], "whole numbers, not <U1"),
    ([True, False], "whole numbers, not bool"),
    ([[0, 1]], "one row of whole numbers"),
    (3, "one row of whole numbers"),
]


@pytest.mark.parametrize(("found", "said"), IMPOSSIBLE)
def test_positions_that_cannot_be_are_refused(found: Any, said: str) -> None:
    for metric in (*AVERAGES, ns_score, precisions):
        with pytest.raises(ValueError, match=said):
            metric(found, 9)
        with pytest.raises(ValueError, match=said):
            metric(np.array(found), 9)
    for metric_at in AT_K:
        with pytest.raises(ValueError, match=said):
            metric_at(1, found, 9)
    with pytest.raises(ValueError, match=said):
        figures(found, 9, "trapezoid")
    with pytest.raises(ValueError, match=said):
        interpolated_precision(found, 9)


@pytest.mark.parametrize("total", [-1, 1.5, np.nan, "3", None])
def test_numbers_of_positives_that_cannot_be_are_refused(total: Any) -> None:
    for metric in (*AVERAGES, ns_score):
        with pytest.raises(ValueError, match="the number of positives is a whole number"):
            metric([], total)


@pytest.mark.parametrize("k", [0, -3, 1.5, np.nan, "3", None])
def test_a_k_that_cannot_be_is_refused(k: Any) -> None:
    for metric_at in AT_K:
        with pytest.raises(ValueError, match="for whole k of at least 1"):
            metric_at(k, [0], 1)


def test_lists_and_other_whole_numbers_are_taken() -> None:
    for found in ([0, 3], (0, 3), np.array([0, 3], np.uint8), np.array([0.0, 3.0]), range(0, 4, 3)):
        assert oxford_ap(found, np.int32(2)) == oxford_ap(np.array([0, 3]), 2)
        assert precision_at(np.int64(4), found, 2) == 0.5
    assert positions_of_ids([3, 1, 2], (1, 2), [3]).tolist() == [0, 1]
    for wrong in ([0, np.nan], [1.5], ["a"]):
        with pytest.raises(ValueError, match="ids are whole numbers"):
            positions_of_ids([0, 1], wrong)
