"""What a search asks of the index, and how it prints what it got."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resight.cli.search import parse_boxes
from resight.errors import UsageError

if TYPE_CHECKING:
    from conftest import Run, Stub


def test_hits_are_printed_best_first(run: Run, stub: Stub) -> None:
    stub.hits[0].name = "sub/a\n\x1b[2J.jpg"
    answer = run("search", "x.resight", "q.jpg")
    assert answer.exit_code == 0
    assert answer.stdout.split("\n") == [
        "q.jpg: 1 hit in 0.25 s",
        "  rank   score  inliers  photo",
        "     1  0.5000       12  sub/a\\n\\x1b[2J.jpg",
        "",
    ]


def test_finding_nothing_is_said_and_no_error(run: Run, stub: Stub) -> None:
    stub.hits = []
    answer = run("search", "x.resight", "q.jpg")
    assert (answer.exit_code, answer.stdout) == (0, "q.jpg: 0 hits in 0.25 s\n")


def test_json_has_the_agreed_keys(run: Run, stub: Stub) -> None:
    stub.hits[0].transform = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    stub.hits[0].box = (1.0, 2.0, 3.0, 4.0)
    answer = run("search", "x.resight", "q.jpg", "r.jpg", "--box", "0,0,5,5", "--box", "1,1,6,6.5", "--json")
    document = json.loads(answer.stdout)
    hit = {
        "name": "a.jpg",
        "score": 0.5,
        "inliers": 12,
        "transform": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        "box": [1.0, 2.0, 3.0, 4.0],
    }
    assert document == {
        "index": "x.resight",
        "recipe": "sift-asmk",
        "results": [
            {"query": "q.jpg", "box": [0.0, 0.0, 5.0, 5.0], "hits": [hit]},
            {"query": "r.jpg", "box": [1.0, 1.0, 6.0, 6.5], "hits": [hit]},
        ],
        "seconds": 0.5,
    }


def test_a_query_is_left_out_of_its_own_hits_unless_asked_for(run: Run, stub: Stub) -> None:
    run("search", "x.resight", "q.jpg")
    run("search", "x.resight", "q.jpg", "-k", 1000, "--include-self")
    (_, first), (_, second) = stub.asked("search")
    assert first == {"box": None, "k": 20, "include_self": False}
    assert second == {"box": None, "k": 1000, "include_self": True}


def test_a_file_wins_over_a_name_unless_the_name_is_forced(
    run: Run, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").touch()
    run("search", "x.resight", "a.jpg", "b.jpg")
    run("search", "x.resight", "a.jpg", "--name")
    assert [arguments for arguments, _ in stub.asked("search")] == [(Path("a.jpg"),), ("b.jpg",), ("a.jpg",)]


def test_together_is_one_result(run: Run, stub: Stub) -> None:
    answer = run("search", "x.resight", "q.jpg", "r.jpg", "--together", "--box", "0,0,5,5", "--box", "1,1,6,6")
    queries = [("q.jpg", (0.0, 0.0, 5.0, 5.0)), ("r.jpg", (1.0, 1.0, 6.0, 6.0))]
    assert stub.asked("search_together") == [((queries,), {"k": 20, "include_self": False})]
    assert answer.stdout.startswith("q.jpg + r.jpg: 1 hit")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-k", "0"), "-k"),
        (("-k", "-3"), "-k"),
        (("-k", "many"), "-k"),
        (("--json", "--html", "page.html"), "--json and --html: choose one of them"),
        (("--box", "1,2,3"), "--box 1,2,3: must be four numbers"),
        (("--box", "1,2,3,x"), "--box 1,2,3,x: must be four numbers"),
        (("--box", "0,0,1,1", "--box", "0,0,1,1"), "--box was given 2 times for 1 queries"),
    ],
)
def test_wrong_usage_is_told_before_the_index_is_opened(
    run: Run, stub: Stub, arguments: tuple[str, ...], message: str
) -> None:
    answer = run("search", "x.resight", "q.jpg", *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert stub.calls == []


def test_boxes_come_once_a_query_or_not_at_all() -> None:
    assert parse_boxes([], 2) == [None, None]
    assert parse_boxes(["0,1,2,3", "-1,.5,1e2,3"], 2) == [(0.0, 1.0, 2.0, 3.0), (-1.0, 0.5, 100.0, 3.0)]
    with pytest.raises(UsageError, match="1 times for 2 queries"):
        parse_boxes(["0,1,2,3"], 2)
