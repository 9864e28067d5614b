"""Only results that answer the same question are compared, query by query, and what differs by chance is not news."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resight.errors import UsageError
from resight.evaluation.comparison import MOST_GROUPS, Comparison, check_comparable, compare, holm
from resight.evaluation.resampling import bootstrap_interval, paired_test
from resight.evaluation.result import EvaluationResult, Protocol, QueryResult, Unreadable

Asked = Mapping[str, tuple[Sequence[int], int]]
"""Ranks and number of positives by id."""

FIRST: Asked = {"a": ([0, 1], 2), "b": ([0], 2), "c": ([3], 1), "d": ([], 1), "none": ([], 0)}
SECOND: Asked = {"a": ([0, 1], 2), "b": ([0, 1], 2), "c": ([1], 1), "d": ([], 1), "none": ([], 0)}
WORSE: Asked = {"a": ([5, 9], 2), "b": ([7], 2), "c": ([3], 1), "d": ([], 1), "none": ([], 0)}


def query(one: str, ranks: Sequence[int], positives: int, **more: Any) -> QueryResult:
    return QueryResult(id=one, image=f"{one}.jpg", ranks=tuple(ranks), positives=positives, **more)


def result(asked: Asked, recipe: str = "r", protocol: Mapping[str, Any] | None = None, **more: Any) -> EvaluationResult:
    choices = Protocol(database=20, distractors=0, queries=len(asked)).model_copy(update=protocol or {})
    queries = tuple(query(one, *found) for one, found in asked.items())
    return EvaluationResult(recipe=recipe, dataset="set", protocol=choices, **{"settings": {"all": queries}, **more})


def with_boxes(asked: Asked, boxes: Sequence[Any], groups: Sequence[str | None] | None = None) -> EvaluationResult:
    labels = groups or [None] * len(asked)
    queries = tuple(
        query(one, *found, box=box, group=group)
        for (one, found), box, group in zip(asked.items(), boxes, labels, strict=True)
    )
    return result(asked, settings={"all": queries})


def parts(comparison: Comparison, kind: str) -> dict[str, list[tuple[float, int]]]:
    return {
        part.name: [(row.estimate.mean, row.estimate.queries) for row in part.rows]
        for part in comparison.parts
        if part.kind == kind
    }


def test_means_differences_and_counts_follow_from_the_queries() -> None:
    compared = compare({"one": result(FIRST), "two": result(SECOND)})
    (part,) = compared.parts
    first, second = part.rows
    # Trapezoids by hand: a 1, b 1/2, c (0 + 1/4) / 2, d 0; then b 1 and c (0 + 1/2) / 2.
    ours, theirs = np.array([1, 0.5, 0.125, 0]), np.array([1, 1, 0.25, 0])
    assert first.estimate.mean == pytest.approx(ours.mean())
    assert (first.estimate.low, first.estimate.high) == bootstrap_interval(ours)
    assert first.estimate.queries == 4
    assert first.contrast is None
    assert second.contrast is not None
    assert second.contrast.difference == pytest.approx((theirs - ours).mean())
    assert (second.contrast.wins, second.contrast.losses, second.contrast.ties) == (2, 0, 2)
    test = paired_test(theirs, ours)
    assert (second.contrast.low, second.contrast.high) == test.interval
    assert second.contrast.p_value == second.contrast.corrected == test.p_value
    assert compared.tests == 1


def test_queries_are_paired_by_their_ids() -> None:
    turned = dict(reversed(SECOND.items()))
    straight = compare({"one": result(FIRST), "two": result(SECOND)})
    assert compare({"one": result(FIRST), "two": result(turned)}).parts == straight.parts


def test_a_single_result_is_no_comparison_and_has_its_interval() -> None:
    compared = compare({"one": result(FIRST)})
    assert [row.contrast for row in compared.parts[0].rows] == [None]
    assert compared.tests == 0
    with pytest.raises(UsageError, match="nothing to compare"):
        compare({})


def test_p_values_are_corrected_for_all_of_them_together() -> None:
    many = {str(n): ([0], 1) for n in range(12)}
    bad = {str(n): ([3], 1) for n in range(12)}
    settings = {
        name: tuple(query(one, *found) for one, found in asked.items())
        for name, asked in (("easy", many), ("hard", bad))
    }
    low = dict.fromkeys(settings, settings["hard"])
    first = result(many, settings=settings, main="easy")
    compared = compare({"a": first, "b": result(many, settings=low, main="easy"), "c": first})
    found = [row.contrast for part in compared.of_kind("all") for row in part.rows if row.contrast]
    assert compared.tests == len(found) == 4
    assert found[0].p_value == pytest.approx(2 / 2**12)
    assert found[0].corrected == pytest.approx(4 * 2 / 2**12)
    assert [one.corrected for one in found[1:]] == [1, 1, 1]


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_value_nor_changes_their_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(p <= c <= 1 for p, c in zip(p_values, corrected, strict=True))
    by_p = [c for _, c in sorted(zip(p_values, corrected, strict=True))]
    assert by_p == sorted(by_p)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"dataset": "other"}, "the data set is other, not set"),
        ({"protocol": {"ap": "rectangle"}}, "the kind of average precision is rectangle, not trapezoid"),
        ({"protocol": {"depth": 1000}}, "the number of hits that count is 1000, not None"),
        ({"protocol": {"retrieved": "shots"}}, "what is retrieved is shots, not images"),
        ({"protocol": {"junk": "counted as wrong"}}, "the junk rule is counted as wrong"),
        ({"protocol": {"database": 21}}, "the number of database images is 21, not 20"),
    ],
)
def test_another_protocol_is_refused(other: dict[str, Any], said: str) -> None:
    changed = result(FIRST, protocol=other.pop("protocol", None)).model_copy(update=other)
    with pytest.raises(UsageError, match=f"B cannot be compared with A: {said}"):
        compare({"A": result(FIRST), "B": changed})


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {k: v for k, v in FIRST.items() if k != "b"},
            "its queries differ: b is missing",
        ),
        ({**FIRST, "e": ([0], 1)}, "its queries differ: e is one too many"),
        ({**FIRST, "c": ([3], 2)}, "the number of positives of query c in setting all is 2, not 1"),
    ],
)
def test_other_queries_are_refused(asked: Asked, said: str) -> None:
    with pytest.raises(UsageError, match=f"B cannot be compared with A: {said}"):
        compare({"A": result(FIRST), "B": result(asked)})


def test_other_photos_and_boxes_of_a_query_are_refused() -> None:
    moved = tuple(one.model_copy(update={"image": f"x{one.image}"}) for one in result(FIRST).queries)
    with pytest.raises(UsageError, match=r"the photo of query a in setting all is xa\.jpg, not a\.jpg"):
        compare({"A": result(FIRST), "B": result(FIRST, settings={"all": moved})})
    boxes = [(0, 0, 1, n + 1) for n in range(5)]
    with pytest.raises(UsageError, match="the box of query none"):
        compare({"A": with_boxes(FIRST, boxes), "B": with_boxes(FIRST, [*boxes[:4], (0, 0, 9, 9)])})


def test_other_settings_are_refused_unless_one_is_asked_for_that_all_have() -> None:
    queries = result(FIRST).queries
    both = result(FIRST, settings={"easy": queries, "hard": queries}, main="hard")
    easy = result(FIRST, settings={"easy": queries}, main="easy")
    with pytest.raises(UsageError, match="the list of settings is easy, not easy, hard"):
        compare({"A": both, "B": easy})
    with pytest.raises(UsageError, match="the list of settings is easy, not easy, hard"):
        compare({"A": both, "B": easy}, setting="hard")
    assert compare({"A": both, "B": easy}, setting="easy").settings == ("easy",)
    assert compare({"A": both}).setting == "hard"
    with pytest.raises(UsageError, match='A: there is no setting "medium"; it has easy, hard'):
        compare({"A": both}, setting="medium")


def test_what_may_differ_is_told() -> None:
    first = result(FIRST, versions={"numpy": "2.0", "numba": "0.61"})
    other = result(
        FIRST,
        protocol={"crop": "box", "distractors": 7, "reranking_saw_ground_truth": True},
        versions={"numpy": "2.1"},
        unreadable=(Unreadable(image="x", reason="gone"),),
    )
    assert check_comparable({"A": first, "B": other}) == [
        "B differs from A: the query crop is box, not none",
        "B differs from A: the number of distractors is 7, not 0",
        "B differs from A: whether re-ranking saw the ground truth is True, not False",
        "B differs from A: the version of numba is unknown, not 0.61",
        "B differs from A: the version of numpy is 2.1, not 2.0",
        "B: 1 photo could not be read and count as not found",
    ]
    assert check_comparable({"A": first, "B": first}) == []


def test_the_measure_is_the_benchmarks_unless_another_is_asked_for() -> None:
    first, other = result(FIRST, protocol={"measure": "P@1"}), result(FIRST, protocol={"measure": "R@10"})
    assert compare({"A": first}).measure_of_means == "P@1"
    assert compare({"A": first}).parts[0].rows[0].estimate.mean == pytest.approx(2 / 4)
    with pytest.raises(UsageError, match="B is known by R@10, A by P@1; say which"):
        compare({"A": first, "B": other})
    compared = compare({"A": first, "B": other}, measure="mAP")
    assert (compared.measure, compared.measure_of_means) == ("AP", "mAP")
    assert compare({"A": first}, measure="mAP-rectangle").measure == "AP-rectangle"
    with pytest.raises(UsageError, match='there is no measure "P@2"; choose one of mAP, mAP-trapezoid, '):
        compare({"A": first}, measure="P@2")


def test_groups_and_sizes_have_their_own_rows_and_no_test() -> None:
    boxes = [(0, 0, 1, 1), (0, 0, 2, 2), (0, 0, 3, 3), (0, 0, 4, 4), None]
    groups = ["x", "y", "x", "y", None]
    compared = compare({"A": with_boxes(FIRST, boxes, groups), "B": with_boxes(SECOND, boxes, groups)})
    assert parts(compared, "group") == {
        "x": [(pytest.approx(0.5625), 2), (pytest.approx(0.625), 2)],
        "y": [(pytest.approx(0.25), 2), (pytest.approx(0.5), 2)],
    }
    assert list(parts(compared, "size")) == ["small", "medium", "large"]
    assert sum(rows[0][1] for rows in parts(compared, "size").values()) == 4
    tested = [part.kind for part in compared.parts for row in part.rows if row.contrast and row.contrast.p_value]
    assert tested == ["all"]


@pytest.mark.parametrize("groups", [["x"] * 5, list("abcde"), [None] * 5])
def test_groups_that_tell_nothing_apart_are_left_out(groups: list[str | None]) -> None:
    compared = compare({"A": with_boxes(FIRST, [None] * 5, groups)})
    assert [part.kind for part in compared.parts] == ["all"]


def test_nobody_reads_thousands_of_groups() -> None:
    many: Asked = {str(n): ([0], 1) for n in range(2 * MOST_GROUPS + 2)}
    groups = [str(n // 2) for n in range(len(many))]
    assert len(compare({"A": with_boxes(many, [None] * len(many), groups)}).parts) == 1
    fewer: Asked = {str(n): ([0], 1) for n in range(2 * MOST_GROUPS)}
    assert len(compare({"A": with_boxes(fewer, [None] * len(fewer), groups[:-2])}).parts) == 1 + MOST_GROUPS


def test_the_worst_queries_of_the_baseline_come_first_and_ties_by_id() -> None:
    asked: Asked = {"z": ([], 1), "good": ([0], 1), "b": ([], 1), "none": ([], 0), "middle": ([1], 1)}
    better = {one: ((0,) if total else (), total) for one, (_, total) in asked.items()}
    assert compare({"A": result(asked), "B": result(better)}).worst_first() == ["b", "z", "middle", "good"]


def test_queries_without_positives_leave_nothing_to_compare() -> None:
    asked: Asked = {"a": ([], 0), "b": ([], 0)}
    compared = compare({"A": result(asked), "B": result(asked)})
    rows = compared.parts[0].rows
    assert all(math.isnan(row.estimate.mean) and row.contrast is None for row in rows)
    assert compared.worst_first() == []
    assert compared.tests == 0


def test_one_query_has_a_mean_and_no_interval() -> None:
    asked: Asked = {"a": ([0], 1)}
    document = compare({"A": result(asked), "B": result(asked)}).to_dict()
    (part,) = document["parts"]
    assert (part["rows"][0]["mean"], part["rows"][0]["interval"]) == (1.0, None)
    assert part["rows"][1]["difference"]["interval"] is None
    assert part["rows"][1]["difference"]["mean"] == 0.0


def test_the_document_is_json_and_says_what_it_is_of() -> None:
    nothing: Asked = {"a": ([], 0)}
    for asked in (FIRST, nothing):
        json.dumps(compare({"A": result(asked), "B": result(asked)}).to_dict(), allow_nan=False)
    document = compare({"A": result(FIRST), "B": result(WORSE)}).to_dict()
    assert (document["dataset"], document["measure"], document["baseline"]) == ("set", "mAP", "A")
    assert document["correction"] == {"method": "Holm", "tests": 1}
    difference = document["parts"][0]["rows"][1]["difference"]
    assert (difference["wins"], difference["losses"], difference["ties"]) == (0, 2, 2)
    assert difference["mean"] < 0
