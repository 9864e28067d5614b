"""INSTRE under both protocols, from a miniature of its layout."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from resight.datasets.benchmarks.instre import read_instre, read_instre_s
from resight.errors import UsageError

DATABASE = ["INSTRE-S1/01a_book/001.jpg", "INSTRE-M/01/002.jpg", "INSTRE-S2/02_mug/003.jpg"]
ASKED = ["INSTRE-S1/01a_book/004.jpg", "INSTRE-S2/02_mug/005.jpg"]
POSITIVES = [[1.0, 2.0], [3.0]]
BOXES = [[10.0, 20.0, 110.0, 50.0], [0.0, 0.0, 5.5, 7.0]]


def cells(names: list[str]) -> NDArray[np.object_]:
    array = np.empty((1, len(names)), object)
    array[0] = names
    return array


def write(
    folder: Path,
    *,
    asked: list[str] = ASKED,
    positives: list[list[float]] = POSITIVES,
    boxes: list[list[float]] = BOXES,
) -> None:
    gnd = np.empty((1, len(positives)), [("ok", object), ("bbx", object)])
    for number, (ok, bbx) in enumerate(zip(positives, boxes, strict=True)):
        gnd[0, number] = np.array([ok]), np.array([bbx])
    savemat(folder / "gnd_instre.mat", {"imlist": cells(DATABASE), "qimlist": cells(asked), "gnd": gnd})


def test_boxes_of_250_classes_are_asked_of_the_other_photos(tmp_path: Path) -> None:
    write(tmp_path)
    dataset = read_instre(tmp_path)
    assert dataset.images == tuple(DATABASE)
    assert dataset.path(DATABASE[0]) == tmp_path / "INSTRE-S1" / "01a_book" / "001.jpg"
    assert dataset.allowed == frozenset(ASKED)
    first, second = dataset.queries
    assert (first.id, first.image, first.group) == ("INSTRE-S1/01a_book/004", ASKED[0], "INSTRE-S1/01a_book")
    assert (first.positives, first.junk) == (frozenset(DATABASE[:2]), frozenset())
    assert first.box == (10, 20, 110, 50)
    assert (second.positives, second.box) == (frozenset(DATABASE[2:]), (0, 0, 5.5, 7))
    assert (dataset.rules.measure, dataset.rules.ap, dataset.rules.depth) == ("AP", "trapezoid", None)


@pytest.mark.parametrize("index", [0.0, 4.0, -1.0, 1.5, float("nan")])
def test_a_positive_that_is_not_listed_is_told(tmp_path: Path, index: float) -> None:
    write(tmp_path, positives=[[1.0, 2.0], [index]])
    with pytest.raises(
        UsageError, match=r"gnd_instre\.mat: gnd\(2\), of INSTRE-S2/02_mug/005\.jpg: .* from 1 to 3, the"
    ):
        read_instre(tmp_path)


@pytest.mark.parametrize("box", [[10, 20, 5, 40], [10, 20, 40, 20], [1, 2, 3], [1, 2, float("nan"), 4]])
def test_an_empty_box_is_told(tmp_path: Path, box: list[float]) -> None:
    write(tmp_path, boxes=[[float(value) for value in box], BOXES[1]])
    with pytest.raises(UsageError, match=r"gnd_instre\.mat: gnd\(1\), of .*004\.jpg: box \["):
        read_instre(tmp_path)


@pytest.mark.parametrize("name", [ASKED[0], "../elsewhere.jpg", "/elsewhere.jpg"])
def test_a_query_that_is_listed_twice_or_lies_elsewhere_is_told(tmp_path: Path, name: str) -> None:
    write(tmp_path, asked=[ASKED[0], name])
    with pytest.raises(UsageError, match=r"gnd_instre\.mat: qimlist: " + re.escape(name)):
        read_instre(tmp_path)


def test_records_of_another_kind_are_told(tmp_path: Path) -> None:
    gnd = np.empty((1, 2), [("ok", object)])
    gnd[0, 0], gnd[0, 1] = (np.array([1.0]),), (np.array([2.0]),)
    savemat(tmp_path / "gnd_instre.mat", {"imlist": cells(DATABASE), "qimlist": cells(ASKED), "gnd": gnd})
    with pytest.raises(UsageError, match=r"gnd\(1\), of .*004\.jpg: 1 fields; expected the positives and the box"):
        read_instre(tmp_path)


def test_lists_of_different_lengths_are_told(tmp_path: Path) -> None:
    write(tmp_path, asked=[*ASKED, "INSTRE-M/01/006.jpg"])
    with pytest.raises(UsageError, match="gnd: 2 entries, but qimlist has 3 names"):
        read_instre(tmp_path)


def test_a_file_of_something_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gnd_instre\.mat: no such file"):
        read_instre(tmp_path)
    path = tmp_path / "gnd_instre.mat"
    write(tmp_path)
    whole = path.read_bytes()
    for damaged in (b"", b"gnd", whole[:200], b"\x80\x04" + whole):
        path.write_bytes(damaged)
        with pytest.raises(UsageError, match=r"gnd_instre\.mat: "):
            read_instre(tmp_path)
    for variables in ({"imlist": cells(DATABASE)}, {"imlist": 1, "qimlist": 2, "gnd": 3}):
        savemat(path, variables)
        with pytest.raises(UsageError, match=r"gnd_instre\.mat: (imlist: must be|has no variable gnd)"):
            read_instre(tmp_path)


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    for name, boxes in {
        "INSTRE-S1/01a_book/001": "10 20 100 30\n",
        "INSTRE-S1/01a_book/002": "1 2 3 4\n5 6 7 8\n",
        "INSTRE-S2/01a_book/001": "0 0 9 9\n",
        "INSTRE-M/01/001": "1 1 1 1\n2 2 2 2\n",
    }.items():
        path = tmp_path / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.with_suffix(".txt").write_text(boxes)
    return tmp_path


def test_each_single_object_asks_for_the_rest_of_its_class(parts: Path) -> None:
    dataset = read_instre_s(parts)
    first, second, third = dataset.queries
    assert dataset.images == (first.image, second.image, third.image)
    assert (first.id, first.box) == ("INSTRE-S1/01a_book/001", (10, 20, 110, 50))
    assert first.positives == {"INSTRE-S1/01a_book/002.jpg"}
    assert first.junk == {"INSTRE-S1/01a_book/001.jpg"}
    assert second.box == (1, 2, 4, 6)
    assert (third.image, third.positives) == ("INSTRE-S2/01a_book/001.jpg", frozenset())
    assert (first.group, third.group) == ("INSTRE-S1/01a_book", "INSTRE-S2/01a_book")
    assert dataset.allowed == frozenset({"INSTRE-M/01/001.jpg"})


@pytest.mark.parametrize("text", ["", "1 2 3", "1 2 3 x", "1 2 0 4", "1 2 3 4 5"])
def test_boxes_that_are_none_are_told(parts: Path, text: str) -> None:
    (parts / "INSTRE-S1/01a_book/002.txt").write_text(text)
    with pytest.raises(UsageError, match=r"INSTRE-S1/01a_book/002\.txt"):
        read_instre_s(parts)


def test_a_missing_part_or_file_of_boxes_is_told(parts: Path) -> None:
    (parts / "INSTRE-S2/01a_book/001.txt").unlink()
    with pytest.raises(UsageError, match=r"INSTRE-S2/01a_book/001\.txt: no such file"):
        read_instre_s(parts)
    (parts / "INSTRE-S2").rename(parts / "elsewhere")
    with pytest.raises(UsageError, match="INSTRE-S2: no such folder"):
        read_instre_s(parts)
