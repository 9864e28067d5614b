"""Commands that change an index: what they ask of it, what they report, and with which exit code they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Run, Stub


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    return first, second


def test_every_folder_is_added_and_the_counts_are_summed(run: Run, stub: Stub, folders: tuple[Path, Path]) -> None:
    answer = run("index", *folders, "-o", "x.resight")
    assert answer.exit_code == 0
    assert stub.asked("create") == [((Path("x.resight"), "sift-asmk"), {"fit": None})]
    assert [arguments[:2] for arguments, _ in stub.asked("add")] == [(folders[0], ""), (folders[1], "")]
    assert answer.stdout == "x.resight: 4 added, 2 changed, 8 unchanged, 0 unreadable in 3.0 s (2.0 photos/s)\n"


def test_recipe_and_photos_to_fit_on_are_passed_on(run: Run, stub: Stub, folders: tuple[Path, Path]) -> None:
    run("index", folders[0], "-o", "x.resight", "--recipe", "sift-bow", "--fit", folders[1])
    assert stub.asked("create") == [((Path("x.resight"), "sift-bow"), {"fit": folders[1]})]


@pytest.mark.parametrize(("given", "prefix"), [("old", "old/"), ("a/b/", "a/b/"), ("", "")])
def test_names_begin_with_the_prefix(run: Run, stub: Stub, folders: tuple[Path, Path], given: str, prefix: str) -> None:
    run("add", "x.resight", folders[0], "--as", given)
    assert [arguments[:2] for arguments, _ in stub.asked("add")] == [(folders[0], prefix)]


def test_unreadable_photos_are_listed_and_fail_only_when_strict(
    run: Run, stub: Stub, folders: tuple[Path, Path]
) -> None:
    stub.report.unreadable = [("bad\x1b.jpg", "truncated JPEG")]
    answer = run("add", "x.resight", folders[0])
    assert answer.exit_code == 0
    assert "1 unreadable" in answer.stdout
    assert answer.stderr == "unreadable: bad\\x1b.jpg: truncated JPEG\n"
    assert run("add", "x.resight", folders[0], "--strict").exit_code == 1
    assert run("index", folders[0], "-o", "x.resight", "--strict").exit_code == 1
    assert run("update", "x.resight", "--strict").exit_code == 1


def test_reports_as_json(run: Run, stub: Stub) -> None:
    stub.report.unreadable = [("bad.jpg", "truncated JPEG")]
    assert json.loads(run("update", "x.resight", "--json").stdout) == {
        "index": "x.resight",
        "added": 2,
        "changed": 1,
        "unchanged": 4,
        "unreadable": [{"name": "bad.jpg", "reason": "truncated JPEG"}],
        "seconds": 1.5,
    }


def test_a_folder_that_is_missing_stops_everything_before_it_starts(
    run: Run, stub: Stub, folders: tuple[Path, Path]
) -> None:
    answer = run("index", folders[0], folders[1] / "gone", "-o", "x.resight")
    assert answer.exit_code == 2
    assert stub.calls == []


def test_photos_are_removed_by_name(run: Run, stub: Stub) -> None:
    assert run("remove", "x.resight", "a.jpg", "b.jpg").stdout == "x.resight: 2 removed\n"
    assert stub.asked("remove") == [((["a.jpg", "b.jpg"],), {})]


def test_verify_fails_where_a_problem_remains(run: Run, stub: Stub) -> None:
    assert run("verify", "x.resight").exit_code == 0
    stub.verified.repaired = ["catalogue"]
    answer = run("verify", "x.resight", "--repair")
    assert (answer.exit_code, answer.stdout.split("\n")[0]) == (0, "repaired: catalogue")
    stub.verified.problems = ["segment 3: a byte changed"]
    answer = run("verify", "x.resight")
    assert (answer.exit_code, answer.stdout.split("\n")[1]) == (1, "problem: segment 3: a byte changed")
    assert [arguments for arguments, _ in stub.asked("verify")] == [(False,), (True,), (False,)]
    assert run("verify", "x.resight", "--json").exit_code == 1


def test_recipes_are_listed_with_the_default_marked(run: Run, stub: Stub) -> None:
    assert "sift-asmk (default)" in run("recipes").stdout
    document = json.loads(run("recipes", "--json").stdout)
    assert document == {"recipes": [{"name": "sift-bow", "default": False}, {"name": "sift-asmk", "default": True}]}
