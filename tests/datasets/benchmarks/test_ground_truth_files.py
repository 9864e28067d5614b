"""gnd_NAME.pkl and gnd_NAME.json: the same read from both, and whatever is wrong is named."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resight.datasets.benchmarks.ground_truth_files import find_ground_truth, read_ground_truth
from resight.errors import UsageError

LABELS = ("ok", "junk")


def document() -> dict[str, Any]:
    return {
        "imlist": ["a_1", "b_2", "c_3"],
        "qimlist": ["b_2", "q_9"],
        "gnd": [
            {"bbx": [1.5, 2, 30, 40.25], "ok": [1, 2], "junk": [0]},
            {"bbx": [0, 0, 5, 5], "ok": [], "junk": []},
        ],
        "qidx": [1, 0],
    }


def write(folder: Path, content: object, kind: str) -> Path:
    path = folder / f"gnd_x.{kind}"
    path.write_bytes(pickle.dumps(content) if kind == "pkl" else json.dumps(content).encode())
    return path


@pytest.mark.parametrize("kind", ["pkl", "json"])
def test_indices_become_names(kind: str, tmp_path: Path) -> None:
    truth = read_ground_truth(write(tmp_path, document(), kind), LABELS)
    first, second = truth.queries
    assert truth.images == ("a_1", "b_2", "c_3")
    assert (first.image, first.box) == ("b_2", (1.5, 2.0, 30.0, 40.25))
    assert first.labels == {"ok": {"b_2", "c_3"}, "junk": {"a_1"}}
    assert (second.image, second.labels) == ("q_9", {"ok": frozenset(), "junk": frozenset()})


def test_arrays_in_place_of_lists_are_read(tmp_path: Path) -> None:
    content = document()
    content["imlist"] = np.array(content["imlist"])
    content["gnd"] = np.array(content["gnd"], dtype=object)
    content["gnd"][0] |= {
        "bbx": np.array([1.5, 2, 30, 40.25], np.float32),
        "ok": np.array([1, 2]),
        "junk": (np.int8(0),),
    }
    content["gnd"][1]["ok"] = np.array([])
    read = read_ground_truth(write(tmp_path, content, "pkl"), LABELS)
    assert [(query.image, query.box, query.labels) for query in read.queries] == [
        (query.image, query.box, query.labels)
        for query in read_ground_truth(write(tmp_path, document(), "json"), LABELS).queries
    ]


def test_the_pickle_counts_before_the_json(tmp_path: Path) -> None:
    assert find_ground_truth(tmp_path, "x") is None
    text = write(tmp_path, document(), "json")
    assert find_ground_truth(tmp_path, "x") == text
    pickled = write(tmp_path, document(), "pkl")
    assert find_ground_truth(tmp_path, "x") == pickled


def changed(change: Callable[[dict[str, Any]], object]) -> object:
    content = document()
    change(content)
    return content


@pytest.mark.parametrize("kind", ["pkl", "json"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.pop("imlist"), "imlist is missing"),
        (lambda one: one.update(imlist="a_1"), "imlist: must be a list"),
        (lambda one: one.update(imlist=["a_1", 7, "c_3"]), r"imlist\[1\]: must be the name of a photo"),
        (lambda one: one.update(imlist=["a_1", "../b", "c_3"]), r"imlist\[1\]: '\.\./b' is not the name of a photo"),
        (lambda one: one.update(imlist=["a_1", "/b", "c_3"]), r"imlist\[1\]: '/b' is not the name of a photo"),
        (lambda one: one.update(imlist=["a_1", "b_2", "a_1"]), "imlist: a_1 is listed twice"),
        (lambda one: one.update(qimlist=["b_2"]), "gnd has 2 queries and qimlist 1"),
        (lambda one: one.update(gnd=[[], {}]), r"gnd\[0\]: must be a dict with bbx, ok, junk"),
        (lambda one: one["gnd"][1].pop("junk"), r"gnd\[1\]\.junk is missing"),
        (lambda one: one["gnd"][0].update(ok=[1, 3]), r"gnd\[0\]\.ok\[1\]: must be an index into imlist, 0 to 2"),
        (lambda one: one["gnd"][0].update(ok=[-1]), r"gnd\[0\]\.ok\[0\]: must be an index"),
        (lambda one: one["gnd"][0].update(ok=[True]), r"gnd\[0\]\.ok\[0\]: must be an index"),
        (lambda one: one["gnd"][0].update(ok=[1.0]), r"gnd\[0\]\.ok\[0\]: must be an index"),
        (lambda one: one["gnd"][0].update(ok=["b_2"]), r"gnd\[0\]\.ok\[0\]: must be an index"),
        (lambda one: one["gnd"][0].update(junk=[2]), r"gnd\[0\]: c_3 is both ok and junk"),
        (lambda one: one["gnd"][0].update(bbx=[1, 2, 3]), r"gnd\[0\]\.bbx: must be four numbers"),
        (lambda one: one["gnd"][0].update(bbx=[1, 2, 3, "4"]), r"gnd\[0\]\.bbx: must be four numbers"),
        (lambda one: one["gnd"][0].update(bbx=[0, 0, 10**400, 9]), r"gnd\[0\]\.bbx: must be four numbers"),
        (lambda one: one["gnd"][0].update(bbx=[5, 2, 3, 4]), r"gnd\[0\]\.bbx: the box 5,2,3,4 is empty"),
        (lambda one: one["gnd"][0].update(bbx=None), r"gnd\[0\]\.bbx: must be a list"),
    ],
)
def test_what_is_wrong_is_named(
    change: Callable[[dict[str, Any]], object], message: str, kind: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=rf"gnd_x\.{kind}: {message}"):
        read_ground_truth(write(tmp_path, changed(change), kind), LABELS)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    content = document()
    content["gnd"][0]["bbx"][0] = float("nan")
    with pytest.raises(UsageError, match=r"gnd_x\.pkl: gnd\[0\]\.bbx: must be four numbers"):
        read_ground_truth(write(tmp_path, content, "pkl"), LABELS)
    with pytest.raises(UsageError, match=r"gnd_x\.json: not JSON \(NaN is no number\)"):
        read_ground_truth(write(tmp_path, content, "json"), LABELS)


@pytest.mark.parametrize(("kind", "data"), [("pkl", b"cos\nsystem\n(S'true'\ntR."), ("json", b"{"), ("json", b"[]")])
def test_a_file_of_something_else_says_so(kind: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"gnd_x.{kind}"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=rf"gnd_x\.{kind}: (asks for os\.system|not JSON|must hold a dict)"):
        read_ground_truth(path, LABELS)
