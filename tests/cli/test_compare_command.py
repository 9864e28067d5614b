"""Comparing results from the command line."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resight.evaluation.result import EvaluationResult, Protocol, QueryResult, RankedHit

if TYPE_CHECKING:
    from conftest import Run

RANKS = ((0,), (1,), (4,))


def written(path: Path, recipe: str = "one", ranks: Sequence[tuple[int, ...]] = RANKS, distractors: int = 0) -> Path:
    queries = tuple(
        QueryResult(
            id=f"q{n}",
            image=f"q{n}.jpg",
            positives=2,
            ranks=own,
            seconds=0.25,
            group=f"group {n % 2}",
            hits=(RankedHit(name=f"h{n}.jpg", score=1.0, mark="wrong"),),
        )
        for n, own in enumerate(ranks)
    )
    protocol = Protocol(database=9, distractors=distractors, queries=len(queries))
    EvaluationResult(recipe=recipe, dataset="set", protocol=protocol, settings={"all": queries}).write(path)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return written(tmp_path / "a.json"), written(tmp_path / "b.json", "two", ((0,), (0, 1), (2,)))


def test_results_are_printed_side_by_side(run: Run, pair: tuple[Path, Path]) -> None:
    answer = run("compare", *pair)
    assert answer.exit_code == 0
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert answer.stdout.startswith("set: 3 queries, 9 images, whole photos as queries, AP of the trapezoid kind\n")
    first, second = (next(line for line in lines if line[:1] == [name]) for name in ("one", "two"))
    # Trapezoids by hand: 1/2, 1/8, 1/20; and 1/2, 1, 1/12.
    assert first[1] == f"{(1 / 2 + 1 / 8 + 1 / 20) / 3:.4f}"
    assert second[1] == f"{(1 / 2 + 1 + 1 / 12) / 3:.4f}"
    assert "2/0/1" in second
    assert ["group", "0", "2", "0.2750", "0.2917", "+0.0167", "1/0/1"] in lines
    assert ["two", "-", "0.2500"] in lines
    assert "Differences are to one" in answer.stderr
    assert "Holm" not in answer.stderr


def test_the_comparison_as_json(run: Run, pair: tuple[Path, Path]) -> None:
    answer = run("compare", *pair, "--json", "--measure", "R@10")
    document = json.loads(answer.stdout)
    assert document["measure"] == "R@10"
    assert [(one["name"], one["file"]) for one in document["results"]] == [("one", str(pair[0])), ("two", str(pair[1]))]
    whole = document["parts"][0]
    assert [row["mean"] for row in whole["rows"]] == pytest.approx([1 / 2, 2 / 3])
    assert whole["rows"][1]["difference"]["p_value"] == 1.0


def test_page_and_plot_are_written(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    page, plot = tmp_path / "p.html", tmp_path / "p.svg"
    answer = run("compare", *pair, "--html", page, "--plot", plot, "--photos", tmp_path, "--queries", 2)
    assert answer.exit_code == 0
    assert f"page: {page}" in answer.stderr
    assert f"plot: {plot}" in answer.stderr
    assert page.read_text("utf-8").count('<header class="asked">') == 2
    ET.parse(plot)


def test_results_of_one_recipe_are_told_apart_by_their_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    a, b, c = (written(tmp_path / name) for name in ("a.json", "b.json", "x/a.json"))
    other = written(tmp_path / "o.json", "two")
    names = [one["name"] for one in json.loads(run("compare", a, b, other, "--json").stdout)["results"]]
    assert names == ["one (a.json)", "one (b.json)", "two"]
    names = [one["name"] for one in json.loads(run("compare", a, c, "--json").stdout)["results"]]
    assert names == [f"one ({a.resolve()})", f"one ({c.resolve()})"]
    alike = written(tmp_path / "z.json", "one (a.json)")
    names = [one["name"] for one in json.loads(run("compare", a, b, alike, "--json").stdout)["results"]]
    assert names == [str(path.resolve()) for path in (a, b, alike)]


def test_nothing_that_is_compared_is_written_over(run: Run, pair: tuple[Path, Path]) -> None:
    before = pair[1].read_text()
    answer = run("compare", *pair, "--plot", pair[1])
    assert (answer.exit_code, answer.stdout, pair[1].read_text()) == (2, "", before)
    assert f"--plot {pair[1]}: this command reads or writes that file already" in answer.stderr


def test_what_cannot_be_compared_is_wrong_usage(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    fewer = written(tmp_path / "c.json", "three", RANKS[:2])
    answer = run("compare", pair[0], fewer)
    assert answer.exit_code == 2
    assert f"{fewer} cannot be compared with {pair[0]}: its queries differ: q2 is missing" in answer.stderr
    answer = run("compare", pair[0], pair[0])
    assert answer.exit_code == 2
    assert "a.json: given twice" in answer.stderr


def test_a_file_that_is_no_result_is_named(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("{}")
    for name in ("c.json", "gone.json"):
        answer = run("compare", pair[0], tmp_path / name)
        assert answer.exit_code == 2
        assert name in answer.stderr


def test_what_differs_though_it_may_is_said(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    answer = run("compare", pair[0], written(tmp_path / "c.json", "more\x1b", distractors=5))
    assert answer.exit_code == 0
    assert "Note: more\\x1b differs from one: the number of distractors is 5, not 0." in answer.stderr
    assert "\x1b" not in answer.stdout + answer.stderr


def test_many_groups_are_cut_short_and_counted(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    document = json.loads(written(path, ranks=((0,),) * 80).read_text())
    for n, query in enumerate(document["settings"]["all"]["queries"]):
        query["group"] = f"g{n // 2}"
    path.write_text(json.dumps(document))
    assert "  and 10 more; --json and --html list all of them" in run("compare", path).stdout
