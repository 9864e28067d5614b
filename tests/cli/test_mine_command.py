"""`resight mine`: figures, the folder, and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resight.training.tuples import read_tuples

if TYPE_CHECKING:
    from conftest import Run


def test_figures_are_printed_and_tuples_written(run: Run, indexed: Path, tmp_path: Path) -> None:
    done = run("mine", indexed, "-o", tmp_path / "pairs", "--set", "min_inliers=15")
    assert done.exit_code == 0, done.output
    assert "anchors with positives:" in done.output
    assert "tuples.json" in done.output.splitlines()[-1]
    tuples = read_tuples(tmp_path / "pairs")
    assert tuples.provenance["parameters"]["min_inliers"] == 15


def test_the_same_as_json(run: Run, indexed: Path, tmp_path: Path) -> None:
    done = run("mine", indexed, "--by", "views", "-o", tmp_path / "pairs", "--json")
    told = json.loads(done.stdout)
    assert told["kind"] == "views"
    assert told["figures"]["anchors"] == told["figures"]["photos"] == 20
    assert told["figures"]["positives_an_anchor_mean"] == 0.0
    assert told["hash"] == read_tuples(tmp_path / "pairs").hash()
    assert told["output"] == str(tmp_path / "pairs")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--by", "luck"], "there is no mining by 'luck': choose one of verified"),
        (["--set", "min_inliers"], "give KEY=VALUE"),
        (["--set", "top=3", "--set", "top=4"], "--set top: given twice"),
        (["--set", "tip=3"], "the nearest that it has is 'top'"),
        (["--set", "min_inliers=999999"], "mine by views, or lower min_inliers"),
    ],
)
def test_what_cannot_be_meant_is_said(run: Run, indexed: Path, tmp_path: Path, given: list[str], told: str) -> None:
    done = run("mine", indexed, "-o", tmp_path / "pairs", *given)
    assert done.exit_code == 2
    assert told in done.output
    assert not (tmp_path / "pairs").exists()


def test_a_folder_that_has_something_else_is_left_alone(run: Run, indexed: Path, own_photos: Path) -> None:
    before = sorted(own_photos.iterdir())
    done = run("mine", indexed, "-o", own_photos)
    assert done.exit_code == 2
    assert "other things in it" in done.output
    assert sorted(own_photos.iterdir()) == before


def test_there_must_be_an_index(run: Run, tmp_path: Path) -> None:
    done = run("mine", tmp_path / "nothing.resight")
    assert done.exit_code == 2
