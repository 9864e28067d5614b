"""Flickr15k in miniature, in either layout: who is found by which sketch, and what is wrong with the ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from resight.datasets.benchmarks.flickr15k import read_flickr15k
from resight.datasets.dataset import JudgedQuery
from resight.errors import UsageError

LIST = "1 swan/4.jpg\n1 swan/5.jpg\n2 big ben/1.jpg\n1 swan/6.jpg\n"


def cells(values: Sequence[object]) -> np.ndarray:
    column = np.empty((len(values), 1), dtype=object)
    column[:, 0] = values
    return column


def records(field: str) -> np.ndarray:
    gnd = np.empty((2, 1), dtype=[(field, object), ("junk", object)])
    gnd[field][:, 0] = [np.array([[1, 3]], np.uint16), np.array([[2]], np.uint16)]
    gnd["junk"][:, 0] = [np.zeros((0, 0)), np.zeros((0, 0))]
    return gnd


def write_matlab(folder: Path, **changes: object) -> Path:
    content = {
        "imlist": cells(["swan/4", "big ben/1", "swan/5"]),
        "qimlist": cells(["330sketches/1/1", "330sketches/1/2"]),
        "gnd": records("ok"),
        **changes,
    }
    savemat(folder / "gnd_flickr15k_sketch.mat", {key: value for key, value in content.items() if value is not None})
    return folder


def test_ten_people_sketch_every_class(tmp_path: Path) -> None:
    (tmp_path / "groundtruth").write_text(LIST)
    dataset = read_flickr15k(tmp_path)
    assert dataset.images == ("swan/4.jpg", "swan/5.jpg", "swan/6.jpg", "big ben/1.jpg")
    assert len(dataset.queries) == 20
    assert [query.id for query in dataset.queries[:3]] == ["1/1", "1/2", "2/1"]
    assert dataset.queries[-1] == JudgedQuery("10/2", "10/2.png", frozenset({"big ben/1.jpg"}), group="big ben")
    assert dataset.queries[2].positives == {"swan/4.jpg", "swan/5.jpg", "swan/6.jpg"}
    assert dataset.path("swan/4.jpg") == tmp_path / "images" / "source" / "swan" / "4.jpg"
    assert dataset.query_path("10/2.png") == tmp_path / "330sketches" / "10" / "2.png"
    assert dataset.rules.measure == "AP"


def test_the_ground_truth_of_deep_shape_matching_counts_from_one(tmp_path: Path) -> None:
    dataset = read_flickr15k(write_matlab(tmp_path))
    assert dataset.images == ("swan/4.jpg", "big ben/1.jpg", "swan/5.jpg")
    assert dataset.queries == (
        JudgedQuery("330sketches/1/1", "330sketches/1/1.png", frozenset({"swan/4.jpg", "swan/5.jpg"}), group="swan"),
        JudgedQuery("330sketches/1/2", "330sketches/1/2.png", frozenset({"big ben/1.jpg"}), group="big ben"),
    )
    assert dataset.path("swan/4.jpg") == tmp_path / "jpg" / "swan" / "4.jpg"
    assert dataset.query_path("330sketches/1/1.png") == tmp_path / "jpg" / "330sketches" / "1" / "1.png"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 a/1.jpg\n2\n", r"groundtruth, line 2: '2' where class photo is expected"),
        ("one a/1.jpg\n", r"groundtruth, line 1: class 'one' is not a whole number"),
        ("1 a/../1.jpg\n", r"groundtruth, line 1: photo 'a/\.\./1\.jpg' is not the path"),
        ("1 a/1.jpg\n2 a/1.jpg\n", r"groundtruth, line 2: 'a/1\.jpg' is listed twice"),
        ("", r"groundtruth: is empty"),
    ],
)
def test_a_mistake_in_the_list_is_told_by_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "groundtruth").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_flickr15k(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"imlist": None}, r"has no variable imlist"),
        ({"gnd": np.zeros(3)}, r"gnd: must be a struct array"),
        ({"gnd": records("good")}, r"gnd\(1\)\.ok: must be positions in imlist, 1 to 3"),
        ({"imlist": cells(["a", "a", "b"])}, r"imlist\{2\}: 'a' is listed twice"),
        ({"imlist": cells(["a", "b", "../c"])}, r"imlist\{3\}: '\.\./c' is not the path of a file below jpg/"),
        ({"imlist": cells(["a", "b"])}, r"gnd\(1\)\.ok: must be positions in imlist, 1 to 2"),
        ({"qimlist": cells(["q"])}, r"gnd: has 2 entries for 1 sketches"),
    ],
)
def test_a_mistake_in_the_mat_file_is_told_by_variable(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=r"gnd_flickr15k_sketch\.mat: " + message):
        read_flickr15k(write_matlab(tmp_path, **changes))


@pytest.mark.parametrize("keep", [0, 7, 100, 200, 300, 400, 500])
def test_a_mat_file_that_was_cut_or_is_none_is_told(tmp_path: Path, keep: int) -> None:
    path = write_matlab(tmp_path) / "gnd_flickr15k_sketch.mat"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UsageError, match=r"gnd_flickr15k_sketch\.mat: "):
        read_flickr15k(tmp_path)


def test_without_ground_truth_both_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither groundtruth nor gnd_flickr15k_sketch\.mat"):
        read_flickr15k(tmp_path)
