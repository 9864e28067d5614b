"""The list of data sets on the command line."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner, Result

from resight.cli.datasets import datasets
from resight.errors import UsageError


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(datasets)
    return CliRunner().invoke(app, arguments)


def test_data_sets_are_listed_with_their_counts() -> None:
    answer = run()
    assert answer.exit_code == 0
    lines = {line.split()[0]: line.split() for line in answer.stdout.splitlines()}
    assert lines["data"] == ["data", "set", "images", "distractors", "queries", "layout", "what", "it", "is"]
    assert lines["cub200"][1:5] == ["5924", "-", "5924", "confirmed"]
    assert lines["pacs"][1:5] == ["9991", "-", "9991", "unconfirmed"]
    assert lines["oxford105k"][1:5] == ["5063", "100071", "55", "confirmed"]
    assert lines["folder"][1:5] == ["-", "-", "-", "confirmed"]
    assert "Nothing is downloaded" in answer.stderr


def test_one_is_told_with_its_layout_and_how_to_run_it() -> None:
    answer = run("sop")
    assert answer.exit_code == 0
    assert "resight.datasets.benchmarks.products.read_products" in answer.stdout
    assert "https://cvgl.stanford.edu/projects/lifted_struct/" in answer.stdout
    assert "resight evaluate FOLDER --dataset sop --recipe RECIPE" in answer.stdout
    assert "\nFOLDER/\n  Ebay_test.txt " in answer.stdout
    assert "Nothing is downloaded" in answer.stderr
    assert "unconfirmed: inferred" in run("qmul-handbags").stdout


def test_nobody_published_photos_of_ones_own() -> None:
    for name in ("folder", "groups"):
        answer = run(name)
        assert "your own photos" in answer.stdout
        assert "published" not in answer.stdout + answer.stderr
        assert "authority" not in answer.stdout


def test_json_has_all_of_it() -> None:
    listed = json.loads(run("--json").stdout)["datasets"]
    by_name = {one["name"]: one for one in listed}
    assert by_name["flickr15k"]["images"] == 14660
    assert by_name["groups"]["images"] is None
    assert not by_name["pacs"]["confirmed"]
    assert all(one["reader"].startswith("resight.datasets.") for one in listed)
    assert json.loads(run("flickr15k", "--json").stdout) == by_name["flickr15k"]


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    answer = run("cub20")
    assert isinstance(answer.exception, UsageError)
    with pytest.raises(UsageError, match="did you mean cub200"):
        raise answer.exception
