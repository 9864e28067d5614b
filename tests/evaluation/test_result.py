"""The JSON document: its shape, its means, that it can be read again, and that it is written whole or not at all."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from resight.errors import StorageError, UsageError
from resight.evaluation.result import EvaluationResult, Protocol, QueryResult, RankedHit, terciles


def query(name: str, ranks: tuple[int, ...], positives: int, **more: Any) -> QueryResult:
    return QueryResult(id=name, image=f"{name}.jpg", positives=positives, ranks=ranks, seconds=0.5, **more)


def result(*queries: QueryResult, **more: Any) -> EvaluationResult:
    protocol = Protocol(database=3, distractors=2, queries=len(queries))
    return EvaluationResult(recipe="sift-bow", dataset="folder", protocol=protocol, settings={"all": queries}, **more)


def with_query(**changes: Any) -> dict[str, Any]:
    """A document's settings with one query, changed."""
    return {"settings": {"all": {"queries": [{**query("q", (0,), 1).model_dump(), **changes}]}}}


def test_the_document_has_the_protocol_and_the_figures() -> None:
    hit = RankedHit(name="a", score=2.5, mark="right")
    document = json.loads(result(query("q", (0,), 1, hits=(hit,)), seed=3).to_json())
    assert document["recipe"] == "sift-bow"
    assert document["protocol"] == {
        "measure": "AP",
        "ap": "trapezoid",
        "depth": None,
        "junk": "removed from the ranking before counting; so is a database image that is the query and no positive",
        "crop": "none",
        "retrieved": "images",
        "distractors": 2,
        "database": 3,
        "queries": 1,
        "reranking_saw_ground_truth": False,
    }
    figures = {"mAP": 1.0, "P@1": 1.0, "P@5": 0.2, "P@10": 0.1, "mP@1": 1.0, "mP@5": 1.0, "mP@10": 1.0, "R@10": 1.0}
    assert figures.items() <= document["metrics"].items()
    assert document["settings"]["all"]["metrics"] == document["metrics"]
    (listed,) = document["settings"]["all"]["queries"]
    assert listed["figures"]["AP"] == 1.0
    assert listed["ranks"] == [0]
    assert listed["hits"] == [{"name": "a", "score": 2.5, "mark": "right"}]
    assert document["seconds_per_query"] == 0.5
    assert document["seed"] == 3
    assert set(document["costs"].values()) == {None}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    one = result(query("q", (0, 4), 3, box=(0, 0, 2, 2), group="g"), query("r", (), 1), versions={"numpy": "2"})
    one.write(tmp_path / "r.json")
    again = EvaluationResult.read(tmp_path / "r.json")
    assert again == one
    assert again.to_json() == one.to_json()


def test_queries_without_positives_are_null_and_left_out_of_the_means() -> None:
    both = result(query("q", (1,), 1), query("r", (), 0))
    document = json.loads(both.to_json())
    assert document["metrics"]["mAP"] == 0.25
    assert document["settings"]["all"]["queries"][1]["figures"]["AP"] is None
    assert math.isnan(both.figures("all")[1]["AP"])


def test_means_are_kept_apart_by_group() -> None:
    one = result(query("q", (0,), 1, group="blur"), query("r", (), 1, group="turn"), query("s", (1,), 1, group="blur"))
    assert {name: mean["AP"] for name, mean in one.groups().items()} == {"blur": 0.625, "turn": 0.0}
    assert one.mean()["AP"] == pytest.approx((1 + 0 + 0.25) / 3)


def test_means_are_kept_apart_by_the_size_of_the_box() -> None:
    sides = (30, 10, 20, 11, 21, 31)
    ranks = ((0,), (), (1,), (), (1,), (0,))
    boxed = [query(str(n), r, 1, box=(0, 0, s, s)) for n, (s, r) in enumerate(zip(sides, ranks, strict=True))]
    sizes = result(*boxed, query("whole", (), 1)).sizes()
    assert {size: mean["AP"] for size, mean in sizes.items()} == {"small": 0.0, "medium": 0.25, "large": 1.0}
    assert result(query("whole", (), 1)).sizes() == {}


def test_equal_boxes_fall_into_the_same_third() -> None:
    assert terciles([5.0, 5.0, 5.0]) == ["small"] * 3
    assert terciles([None, 3.0, 1.0, 2.0]) == [None, "large", "small", "medium"]


def test_an_interval_holds_the_mean() -> None:
    one = result(*(query(str(n), (n % 3,), 1) for n in range(30)))
    low, high = one.interval()
    assert low < one.mean()["AP"] < high


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "not a result of"),
        ({"main": "hard"}, 'there is no setting "hard"'),
        ({"settings": {"all": {"queries": [{"id": "q"}]}}}, "settings.all.0"),
        ({"settings": {"all": {"queries": []}, "b": {"queries": [query("q", (), 1).model_dump()]}}}, "same queries"),
        ({"settings": {"all": {"queries": [query("q", (), 1).model_dump()] * 2}}}, "same id"),
        (
            {"settings": {"all": {"queries": [{**query("q", (), 2).model_dump(), "ranks": [4, 1]}]}}},
            "ranks must ascend",
        ),
        ({"settings": {"all": {"queries": [{**query("q", (), 1).model_dump(), "ranks": [1, 2]}]}}}, "ranks must"),
        (
            {"settings": {"all": {"queries": [{**query("q", (), 1).model_dump(), "ranks": [10**30]}]}}},
            "all.0.ranks.0: ",
        ),
        (with_query(seconds=-1.0), "all.0.seconds: "),
        (with_query(seconds=1e400), "r.json: "),
        (with_query(box=[5, 0, 5, 9]), "all.0.box: a box is x0, y0, x1, y1"),
        (with_query(box=[0, 0, -5, 9]), "all.0.box: a box is x0, y0, x1, y1"),
        (with_query(positives=-1), "all.0.positives: "),
        ({"costs": {"bytes_per_image": -1}}, "costs.bytes_per_image: "),
        ({"protocol": {"database": 3, "distractors": 0, "queries": 1, "depth": 0}}, "protocol.depth: "),
        ({"protocol": {"database": -3, "distractors": 0, "queries": 1}}, "protocol.database: "),
        ({"protocol": {"database": 3, "distractors": 0, "queries": 2}}, "r.json: there are 1 queries, and 2 by the"),
    ],
)
def test_a_document_that_is_wrong_is_refused_by_key(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(json.loads(result(query("q", (0,), 1)).to_json()) | change))
    with pytest.raises(UsageError, match=r"r\.json") as caught:
        EvaluationResult.read(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "[", '{"format": NaN}', "[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(UsageError, match="not JSON"):
        EvaluationResult.read(tmp_path / "r.json")


@pytest.mark.parametrize("key", ["bytes_per_image", "seconds"])
def test_a_number_that_is_too_large_for_one_is_refused(tmp_path: Path, key: str) -> None:
    text = result(query("q", (0,), 1)).to_json().replace(f'"{key}": null', f'"{key}": 0.5')
    (tmp_path / "r.json").write_text(text.replace(f'"{key}": 0.5', f'"{key}": 1e999'))
    with pytest.raises(UsageError, match=f"{key}: must be a finite number"):
        EvaluationResult.read(tmp_path / "r.json")


def test_writing_replaces_the_old_document_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.json"
    one = result(query("q", (0,), 1))
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
        result(query("q", (0,), 1)).write(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StorageError, match="not a regular file"):
        result(query("q", (0,), 1)).write(pipe)
    assert pipe.is_fifo()


def test_a_folder_that_cannot_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        result(query("q", (0,), 1)).write(tmp_path / "file" / "result.json")
