"""The JSON document: its shape, its means, and that it is written whole or not at all."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest

from resight.errors import StorageError
from resight.evaluation.result import EvaluationResult, Metrics, Protocol, QueryResult


def query(image: str, ranking: list[str], positives: set[str], challenge: str | None = None) -> QueryResult:
    metrics = Metrics.of(ranking, frozenset(positives), frozenset())
    found = len(positives.intersection(ranking))
    return QueryResult(image, metrics, len(positives), found, seconds=0.5, challenge=challenge)


def result(*queries: QueryResult) -> EvaluationResult:
    return EvaluationResult("sift-bow", Protocol(database=3, distractors=2, queries=len(queries)), queries)


def test_the_document_has_the_agreed_keys() -> None:
    document = json.loads(result(query("q", ["a", "x"], {"a"})).to_json())
    assert document["recipe"] == "sift-bow"
    assert document["protocol"] == {
        "ap": "trapezoid",
        "junk": "removed from the ranking before counting; so is a database image that is the query and no positive",
        "crop": "none",
        "distractors": 2,
        "database": 3,
        "queries": 1,
        "reranking_saw_ground_truth": False,
    }
    assert document["metrics"] == {"mAP": 1.0, "P@1": 1.0, "P@5": 0.2, "P@10": 0.1, "mP@5": 1.0, "mP@10": 1.0}
    assert document["queries"][0]["image"] == "q"
    assert document["queries"][0]["ap"] == 1.0
    assert document["seconds"] == {"index": None, "search_per_query": 0.5}
    for key in ("bytes_per_image", "words_per_image", "bytes_per_feature"):
        assert document[key] is None
    assert document["versions"] == {}


def test_queries_without_positives_are_null_and_left_out_of_the_means() -> None:
    both = result(query("q", ["x", "a"], {"a"}), query("r", ["a"], set()))
    document = json.loads(both.to_json())
    assert document["metrics"]["mAP"] == 0.25
    assert document["queries"][1]["ap"] is None
    assert math.isnan(both.queries[1].metrics.ap)


def test_means_are_kept_apart_by_challenge() -> None:
    document = result(
        query("q", ["a"], {"a"}, "blur"), query("r", ["x"], {"a"}, "turn"), query("s", ["x", "a"], {"a"}, "blur")
    ).to_dict()
    assert {name: mean["mAP"] for name, mean in document["challenges"].items()} == {"blur": 0.625, "turn": 0.0}
    assert list(document["challenges"]) == ["blur", "turn"]
    assert document["metrics"]["mAP"] == pytest.approx((1 + 0 + 0.25) / 3)


def test_writing_replaces_the_old_document_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.json"
    one = result(query("q", ["a"], {"a"}))
    one.write(path)
    path.write_text("old")
    one.write(path)
    assert json.loads(path.read_text()) == json.loads(one.to_json())
    assert os.listdir(path.parent) == ["result.json"]


def test_a_failed_write_leaves_the_old_document_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"result\.json: cannot be written \(No space left on device\)"):
        result(query("q", ["a"], {"a"})).write(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StorageError, match="not a regular file"):
        result(query("q", ["a"], {"a"})).write(pipe)
    assert pipe.is_fifo()


def test_a_folder_that_cannot_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        result(query("q", ["a"], {"a"})).write(tmp_path / "file" / "result.json")
