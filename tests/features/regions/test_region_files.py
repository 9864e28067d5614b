"""Boxes from files, right and wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from resight.errors import UsageError
from resight.features.regions.files import read_boxes


def test_json_and_csv_say_the_same(tmp_path):
    boxes = {"a/b.jpg": [[0, 0, 10, 20.5], [5, 5, 6, 6]], "c, d.jpg": [[1, 2, 3, 4]]}
    (tmp_path / "boxes.json").write_text(json.dumps({**boxes, "none.jpg": []}))
    lines = ["name,x0,y0,x1,y1", "a/b.jpg,0,0,10,20.5", '"c, d.jpg",1,2,3,4', "", "a/b.jpg,5,5,6,6"]
    (tmp_path / "boxes.csv").write_text("\n".join(lines))
    (tmp_path / "plain.CSV").write_text("\ufeff" + "\r\n".join(lines[1:]) + "\r\n", encoding="utf-8")
    for name in ("boxes.json", "boxes.csv", "plain.CSV"):
        found = read_boxes(tmp_path / name)
        assert set(found) - {"none.jpg"} == set(boxes)
        for image, expected in boxes.items():
            assert found[image].dtype == np.float64
            np.testing.assert_array_equal(found[image], expected)
    assert read_boxes(tmp_path / "boxes.json")["none.jpg"].shape == (0, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "must be an object of image names"),
        ('{"a": 3}', "'a': must be a list of boxes"),
        ('{"a": [[0, 0, 1, 1], [1, 2, 3]]}', r"'a', box 1: must be four numbers .* not \[1, 2, 3\]"),
        ('{"a": [[0, 0, true, 1]]}', "'a', box 0: must be four numbers"),
        ('{"a": [[0, 0, NaN, 1]]}', "'a', box 0: not all of its numbers are finite"),
        ('{"a": [[3, 0, 3, 1]]}', "'a', box 0: is empty"),
        ('{"a": [], "b": [], "a": []}', "'a' is there twice"),
    ],
)
def test_wrong_json_is_told_with_the_key(tmp_path, text, message):
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as error:
        read_boxes(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,1,2,3,4\nb,1,2,3", "line 2: has 4 columns"),
        ("name,x0,y0,x1,y1\na,1,2,3,x", "line 2: could not convert"),
        ("a,1,2,3,inf", "line 1: not all"),
        ("a,5,2,3,4", "line 1: is empty"),
        ('a,1,2,3,4\n"b,1,2,3,4', "line 2: unexpected end"),
    ],
)
def test_wrong_csv_is_told_with_the_line(tmp_path, text, message):
    path = tmp_path / "boxes.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as error:
        read_boxes(path)
    assert str(path) in str(error.value)


def test_files_that_cannot_be_read_are_told(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        read_boxes(tmp_path / "boxes.json")
    with pytest.raises(UsageError, match=r"\.json and \.csv"):
        read_boxes(tmp_path / "boxes.txt")
    (tmp_path / "boxes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_boxes(tmp_path / "boxes.csv")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        read_boxes(tmp_path / "folder.json")
