"""One ranking under one ground truth: what is cut, pooled, removed and marked."""

from __future__ import annotations

from pathlib import Path

from resight.datasets.dataset import ALL, Dataset, JudgedQuery, Rules
from resight.evaluation.judging import judge, pool_shots
from resight.evaluation.result import SHOWN


def test_junk_is_taken_out_before_ranks_are_counted_but_stays_among_the_hits() -> None:
    query = JudgedQuery("q", "q.jpg", frozenset("ac"), frozenset("j"), box=(0, 0, 2, 2), group="g")
    judged = judge(query, (["j", "a", "x", "c"], [4.0, 3.0, 2.0, 1.0]), Rules(), 0.25)
    assert judged.ranks == (0, 2)
    assert [hit.mark for hit in judged.hits] == ["junk", "right", "wrong", "right"]
    assert (judged.positives, judged.seconds, judged.box, judged.group) == (2, 0.25, (0, 0, 2, 2), "g")


def test_only_the_first_hits_count_where_the_rules_say_so() -> None:
    query = JudgedQuery("q", "q.jpg", frozenset("ac"))
    judged = judge(query, (["a", "x", "c"], [3.0, 2.0, 1.0]), Rules(depth=2), None)
    assert (judged.ranks, judged.positives, len(judged.hits)) == ((0,), 2, 2)


def test_only_the_first_hits_are_kept_but_all_count() -> None:
    names = [f"{number}.jpg" for number in range(SHOWN + 5)]
    judged = judge(JudgedQuery("q", "q.jpg", frozenset(names[-1:])), (names, [0.0] * len(names)), Rules(), None)
    assert [hit.name for hit in judged.hits] == names[:20] == names[:SHOWN]
    assert judged.ranks == (SHOWN + 4,)


def test_a_shot_has_the_score_of_its_best_frame() -> None:
    shots = {"s1/1": "s1", "s1/2": "s1", "s2/1": "s2", "s0/1": "s0"}
    ranking = (["s2/1", "s1/2", "s0/1", "distractors/x", "s1/1"], [0.9, 0.5, 0.5, 0.2, 0.1])
    assert pool_shots(ranking, shots) == (["s2", "s0", "s1", "distractors/x"], [0.9, 0.5, 0.5, 0.2])


def queries(
    *given: JudgedQuery, shots: dict[str, str] | None = None, query_root: Path | None = None
) -> tuple[JudgedQuery, ...]:
    return Dataset("x", Path("photos"), ("a", "b", "c"), {ALL: given}, shots=shots or {}, query_root=query_root).queries


def test_a_query_never_counts_against_itself() -> None:
    (own,) = queries(JudgedQuery("a", "a", frozenset("c")))
    assert own.junk == frozenset("a")
    assert own.mark("a") == "junk"


def test_a_query_that_the_ground_truth_wants_found_is_counted() -> None:
    (own,) = queries(JudgedQuery("a", "a", frozenset("ac")))
    assert own.junk == frozenset()
    assert own.mark("a") == "right"


def test_a_query_elsewhere_is_another_photo_though_it_has_the_name_of_one() -> None:
    given = JudgedQuery("a", "a", frozenset("c"))
    assert queries(given, query_root=Path("sketches")) == (given,)
    assert queries(given, shots={"a": "s"}) == (given,)


def test_a_photo_of_a_query_that_should_be_found_is_not_left_out_with_the_others() -> None:
    (own,) = queries(JudgedQuery("t", "a", frozenset("bc"), more=(("b", None),)))
    assert own.junk == frozenset("a")


def test_every_photo_of_a_query_is_left_out() -> None:
    (own,) = queries(JudgedQuery("t", "a", frozenset("c"), more=(("b", None),)))
    assert own.junk == frozenset("ab")
