"""Runs come back as they were, in whatever order their lines stand, and every fault is named by its place."""

from __future__ import annotations

import gzip
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.errors import UsageError
from resight.evaluation.runs import RankedNames, Run, ranked, read_run, write_run, writing_run

NAMES = st.text(st.characters(exclude_categories=()), min_size=1) | st.sampled_from(
    ["a b.jpg", "100%.jpg", "%25", "a\nb", "\x1c", "\u2028", "ü/日本.png", "📷", "\ud800", "\udc80", "{", "#", "\ufeff"]
)
SCORES = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-2, 2).map(float)
FEW_SCORES = st.sampled_from([-1.0, 0.0, -0.0, 0.5, 2.0])


def rankings(scores: st.SearchStrategy[float], least: int = 1) -> st.SearchStrategy[dict[str, dict[str, float]]]:
    return st.dictionaries(NAMES, st.dictionaries(NAMES, scores, min_size=least, max_size=6), min_size=1, max_size=4)


def plain(run: Run) -> dict[str, list[tuple[str, float]]]:
    return {query: list(zip(one.names, one.scores.tolist(), strict=True)) for query, one in run.rankings.items()}


def expected(given: dict[str, dict[str, float]]) -> dict[str, list[tuple[str, float]]]:
    """The definition: descending scores, equal ones by name."""
    return {query: sorted(found.items(), key=lambda item: (-item[1], item[0])) for query, found in given.items()}


def as_run(given: dict[str, dict[str, float]]) -> dict[str, RankedNames]:
    return {query: ranked(list(found), list(found.values())) for query, found in given.items()}


def read(text: str | bytes, suffix: str = ".txt") -> Run:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"run{suffix}"
        path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
        return read_run(path)


@settings(deadline=None)
@given(rankings(SCORES), st.sampled_from([".txt", ".gz"]))
def test_a_run_that_is_written_is_read_as_it_was(given: dict[str, dict[str, float]], suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"run{suffix}"
        write_run(path, as_run(given), "a tag")
        run = read_run(path)
    assert plain(run) == expected(given)
    assert list(run.rankings) == list(given)


@settings(deadline=None)
@given(rankings(SCORES, least=0), st.booleans())
def test_json_is_read_by_the_same_order(given: dict[str, dict[str, float]], packed: bool) -> None:
    text = json.dumps(given).encode()
    run = read(gzip.compress(text, mtime=0) if packed else text, ".gz" if packed else "")
    assert plain(run) == expected(given)


@settings(deadline=None)
@given(rankings(FEW_SCORES), st.randoms(use_true_random=False))
def test_neither_the_order_of_lines_nor_ranks_say_anything(given: dict[str, dict[str, float]], random: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        write_run(path, as_run(given), "tag")
        lines = path.read_bytes().splitlines(keepends=True)
        random.shuffle(lines)  # type: ignore[attr-defined]
        path.write_bytes(b"".join(lines))
        assert plain(read_run(path)) == expected(given)


def test_swapping_two_tied_scores_changes_nothing() -> None:
    lines = ["q Q0 b 1 0.5 t", "q Q0 a 2 0.50 t", "q Q0 z 3 5e-1 t", "q Q0 c 9 0.7 t"]
    one, other = read("\n".join(lines)), read("\n".join(lines[::-1]))
    assert plain(one) == plain(other) == {"q": [("c", 0.7), ("a", 0.5), ("b", 0.5), ("z", 0.5)]}


def test_single_precision_is_kept_exactly(tmp_path: Path) -> None:
    scores = np.random.default_rng(0).random(100).astype(np.float32)
    names = [f"{i:03}.jpg" for i in range(100)]
    write_run(tmp_path / "run", {"q": (names, scores)}, "tag")
    back = read_run(tmp_path / "run").rankings["q"]
    assert dict(zip(back.names, back.scores.astype(np.float32), strict=True)) == dict(zip(names, scores, strict=True))


def test_lines_are_those_of_trec(tmp_path: Path) -> None:
    with writing_run(tmp_path / "run", "resight 0.1") as add:
        add("the query", ["b.jpg", "a b.jpg"], [0.25, 1.0])
        add("nothing", [], [])
        add("second", ["b.jpg"], [-3.0])
    assert (tmp_path / "run").read_text() == (
        "the%20query Q0 a%20b.jpg 1 1.0 resight%200.1\n"
        "the%20query Q0 b.jpg 2 0.25 resight%200.1\n"
        "second Q0 b.jpg 1 -3.0 resight%200.1\n"
    )


def test_lines_of_several_queries_may_be_mixed_and_encoded_differently() -> None:
    run = read("p Q0 a 1 1 t\n\nq 0 b x 2 t\n%70 Q0 b 1 +3.5 t\n")
    assert plain(run) == {"p": [("b", 3.5), ("a", 1.0)], "q": [("b", 2.0)]}
    assert run.query_lines == {"p": 1, "q": 3}
    assert run.name_lines == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r'run\.txt: nothing is ranked in it; lines of "query Q0 document rank score tag" are expected, or JSON'),
        (" \n\n", "run.txt: nothing is ranked in it"),
        ("q Q0 a 1 1 t\nq Q0 a 1 1\n", 'line 2: 5 columns where "query Q0 document rank score tag" is expected'),
        ("q Q0 a b 1 1 t", "line 1: 7 columns"),
        ("q Q0 a 1 nan t", 'line 1: the score "nan" is not a finite number'),
        ("q Q0 a 1 -inf t", 'line 1: the score "-inf" is not a finite number'),
        ("q Q0 a 1 1e999 t", 'line 1: the score "1e999" is not a finite number'),
        ("q Q0 a 1 1_0 t", 'line 1: the score "1_0" is not a finite number'),
        ("q Q0 a 1 1,5 t", 'line 1: the score "1,5" is not a finite number'),
        ("q Q0 a 1 1 t\nq Q0 b 2 0 t\np Q0 a 1 1 t\nq Q0 a 3 0 t", 'line 4: "a" is ranked twice for query "q"'),
        ("q Q0 a 1 1 t\nq Q0 b 2 1 t\nq Q0 b 3 1 t\nq Q0 a 4 1 t", 'line 3: "b" is ranked twice for query "q"'),
        ("q Q0 a 1 1 t\nq Q0 %61 2 0 t", 'line 2: "a" is ranked twice for query "q"'),
        ("q Q0 a 1 1 t\nq Q0 50%.jpg 2 0 t", r'line 2: "%\.j" in "50%\.jpg" is no percent escape'),
        ("q% Q0 a 1 1 t", 'line 1: "%" in "q%" is no percent escape'),
        (b"q Q0 \xe9.jpg 1 1 t", "line 1: the line is not UTF-8 text"),
        ("q Q0 a 1 1 t".encode("utf-16"), "line 1: the line is not UTF-8 text"),
        (b"\x00\x01\x02\x03" * 40_000, "line 1: a line without end"),
        (gzip.compress(b"q Q0 a 1 1 t\n" * 1000, mtime=0)[:20], "run.txt: the packed data is cut off or damaged"),
    ],
)
def test_a_faulty_file_is_refused_by_file_and_line(text: str | bytes, message: str) -> None:
    with pytest.raises(UsageError, match=r"run\.txt") as error:
        read(text)
    error.match(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON: Expecting value"),
        ("{}", "nothing is ranked in it"),
        ('{"q": {"a": NaN}}', 'query "q", document "a": the score NaN is not a finite number'),
        ('{"q": {"b": 1, "a": -Infinity}}', 'query "q", document "a": the score -Infinity is not a finite number'),
        ('{"q": {"a": 1e999}}', 'document "a": the score Infinity is not a finite number'),
        ('{"q": {"b": 1, "a": "1"}}', 'query "q", document "a": the score "1" is not a finite number'),
        ('{"q": {"a": true}}', 'document "a": the score true is not a finite number'),
        ('{"q": {"a": null}}', 'document "a": the score null is not a finite number'),
        ('{"q": {"a": [{"b": 1}]}}', r'document "a": the score \[…\] is not a finite number'),
        ('{"q": {"a": {"b": 1}}}', 'document "a": the score {…} is not a finite number'),
        ('{"q": {"a": 1' + "0" * 400 + "}}", 'document "a": the score 10+ is not a finite number'),
        ('{"q": {"a": 1, "b": 2, "a": 3}}', '"a" is ranked twice for query "q"'),
        ('{"q": {"a": 1}, "q": {"b": 1}}', 'query "q": stands twice'),
        ('{"a": 0.5}', 'query "a": {query: {document: score}} is expected'),
        ('{"q": ["a", "b"]}', 'query "q": {query: {document: score}} is expected'),
        ('{"q": {"": 1}}', 'query "q": an empty name'),
        ('{"": {"a": 1}}', 'query "": an empty name'),
        ('[["q", "a", 1]]', "{query: {document: score}} is expected"),
        ('{"q": {"a": 1}', "not JSON: .*line 1 column 15"),
        ('{"q": {"a": 1' + "0" * 5000 + "}}", "not JSON: Exceeds the limit"),
        ("[" * 200_000, "lists in lists without end"),
        (b'{"\xe9": {"a": 1}}', "not UTF-8 text, at byte 2"),
    ],
)
def test_faulty_json_is_refused_by_file_and_key(text: str | bytes, message: str) -> None:
    with pytest.raises(UsageError, match=r"run\.json") as error:
        read(text, ".json")
    error.match(message)


def test_json_is_told_by_its_first_character_where_the_name_does_not_say() -> None:
    assert plain(read('\n {"q": {"a": 1}}', ".run")) == {"q": [("a", 1.0)]}
    assert plain(read("%7Bq Q0 a 1 1 t")) == {"{q": [("a", 1.0)]}


@pytest.mark.parametrize(
    ("names", "scores", "message"),
    [
        (["a", "a"], [1.0, 0.0], "ranked twice"),
        (["a"], [1.0, 0.0], "1 names have scores"),
        (["a"], [math.nan], "not a finite number"),
    ],
)
def test_what_is_no_ranking_is_never_written(
    tmp_path: Path, names: list[str], scores: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_run(tmp_path / "run", {"p": (["a"], [1.0]), "q": (names, scores)}, "tag")
    assert list(tmp_path.iterdir()) == []


def test_a_query_is_written_once(tmp_path: Path) -> None:
    with writing_run(tmp_path / "run", "tag") as add:
        add("q", ["a"], [1.0])
        with pytest.raises(ValueError, match="query q is ranked twice"):
            add("q", ["b"], [1.0])


def test_ties_are_in_the_order_of_their_names_however_they_are_given() -> None:
    assert ranked(["c", "b", "a"], [2.0, 1.0, 1.0]).names == ("c", "a", "b")


def test_a_ranking_cannot_be_changed() -> None:
    ranking = ranked(["a", "b"], [0.0, 1.0])
    assert ranking.names == ("b", "a")
    with pytest.raises(ValueError, match="read-only"):
        ranking.scores[0] = 2
