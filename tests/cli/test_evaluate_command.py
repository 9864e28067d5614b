"""What an evaluation prints, and that the demo spares what is there already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resight.cli.evaluate import print_result
from resight.evaluation.result import EvaluationResult, Metrics, Protocol, QueryResult

if TYPE_CHECKING:
    from conftest import Run


def test_figures_are_printed_by_challenge_and_in_all(capsys: pytest.CaptureFixture[str]) -> None:
    queries = tuple(
        QueryResult("q", Metrics.of(["a", "b"], frozenset(good), frozenset()), 1, 1, 0.5, challenge=challenge)
        for good, challenge in (("a", "blur"), ("b", "turn"))
    )
    unreadable = (("bad\x1b.jpg", "truncated JPEG"),)
    print_result(EvaluationResult("sift-bow", Protocol(2, 3, 2), queries, unreadable, bytes_per_image=1000.0))
    out, err = capsys.readouterr()
    lines = out.split("\n")
    assert lines[0] == "sift-bow: 2 queries, 2 images and 3 distractors, trapezoid AP"
    assert lines[1].split() == ["mAP", "P@1", "P@5", "P@10", "mP@5", "mP@10"]
    assert lines[2].split()[:3] == ["blur", "1.0000", "1.0000"]
    assert lines[3].split()[:3] == ["turn", "0.2500", "0.0000"]
    assert lines[4].split()[:4] == ["all", "queries", "0.6250", "0.5000"]
    assert lines[5:7] == ["search  500.0 ms a query", "bytes   1000.0 an image"]
    assert err == "unreadable: bad\\x1b.jpg: truncated JPEG\n"


def test_a_folder_without_ground_truth_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    answer = run("evaluate", tmp_path, "--recipe", "sift-bow")
    assert answer.exit_code == 2
    assert "groundtruth.json: no such file" in answer.stderr


def test_the_demo_never_writes_over_what_is_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    answer = run("demo", "--output", tmp_path)
    assert answer.exit_code == 2
    assert "exists already" in answer.stderr
