"""INRIA Holidays in miniature: by the file for MATLAB, by the authors' list, and by the names of the photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from landmarks import write_photos
from scipy.io import savemat

from resight.datasets.benchmarks.holidays import read_holidays
from resight.datasets.photos import check_photos
from resight.errors import UsageError

NAMES = ["100000", "100001", "100002", "100100", "100101"]


def write_mat(folder: Path, **changed: Any) -> Path:
    imlist = np.empty((5, 1), object)
    imlist[:, 0] = NAMES
    gnd = np.empty((2, 1), dtype=[("ok", object), ("junk", object)])
    gnd["ok"][:, 0] = [np.array([[2, 3]], np.uint8), np.array([[5]], np.uint8)]
    gnd["junk"][:, 0] = [np.array([[1]], np.uint8), np.array([[4]], np.uint8)]
    content = {"imlist": imlist, "qidx": np.array([[1], [4]], np.uint16), "gnd": gnd, **changed}
    savemat(folder / "gnd_holidays.mat", {name: value for name, value in content.items() if value is not None})
    return folder


def write_list(folder: Path) -> Path:
    (folder / "eval_holidays").mkdir()
    (folder / "eval_holidays" / "holidays_images.dat").write_text("".join(f"{name}.jpg\n" for name in NAMES))
    return folder


def write_names(folder: Path) -> Path:
    write_photos(folder / "jpg", NAMES)
    return folder


@pytest.mark.parametrize("write", [write_mat, write_list, write_names])
def test_the_first_of_a_group_asks_for_the_others(write: Any, tmp_path: Path) -> None:
    dataset = read_holidays(write(tmp_path))
    first, second = dataset.queries
    assert (dataset.name, dataset.root) == ("holidays", tmp_path / "jpg")
    assert dataset.images == ("100000.jpg", "100001.jpg", "100002.jpg", "100100.jpg", "100101.jpg")
    assert (first.id, first.image, first.box) == ("100000", "100000.jpg", None)
    assert first.positives == {"100001.jpg", "100002.jpg"}
    assert (second.id, second.image, second.positives) == ("100100", "100100.jpg", {"100101.jpg"})
    assert first.mark("100000.jpg") == "junk"
    assert (dataset.rules.measure, dataset.rules.ap) == ("AP", "trapezoid")


def test_the_list_may_lie_in_the_folder_itself(tmp_path: Path) -> None:
    expected = read_holidays(write_list(tmp_path))
    (tmp_path / "eval_holidays" / "holidays_images.dat").rename(tmp_path / "holidays_images.dat")
    assert read_holidays(tmp_path) == expected


def test_queries_are_in_the_order_of_their_numbers_whatever_that_of_the_list(tmp_path: Path) -> None:
    (tmp_path / "holidays_images.dat").write_text("".join(f"{name}.jpg\n" for name in reversed(NAMES)))
    dataset = read_holidays(tmp_path)
    assert dataset.images[0] == "100101.jpg"
    assert [query.id for query in dataset.queries] == ["100000", "100100"]


def test_the_file_for_matlab_counts_before_the_list_and_that_before_the_photos(tmp_path: Path) -> None:
    write_photos(tmp_path / "jpg", ["200000", "200001"])
    assert read_holidays(tmp_path).images == ("200000.jpg", "200001.jpg")
    (tmp_path / "holidays_images.dat").write_text("100000.jpg\n100001.jpg\n")
    assert read_holidays(tmp_path).images == ("100000.jpg", "100001.jpg")
    assert len(read_holidays(write_mat(tmp_path)).images) == 5


def test_photos_that_are_missing_or_too_many_are_named(tmp_path: Path) -> None:
    write_mat(write_names(tmp_path))
    check_photos(read_holidays(tmp_path))
    write_photos(tmp_path / "jpg", ["100102"])
    with pytest.raises(UsageError, match=r"100102\.jpg: is no photo of holidays; .* the database has 5 photos"):
        check_photos(read_holidays(tmp_path))
    (tmp_path / "jpg" / "100101.jpg").unlink()
    with pytest.raises(UsageError, match=r"100101\.jpg: no such photo of the 5 photos of the database of holidays"):
        check_photos(read_holidays(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("100000.jpg\nx.jpg\n", r"holidays_images\.dat, line 2: 'x\.jpg' is no name of Holidays"),
        ("100000.jpg\n100001.jpg\n100001.jpg\n", r"holidays_images\.dat, line 3: 100001\.jpg is listed twice"),
        ("100000.jpg\n100101.jpg\n", r"holidays_images\.dat: 100101\.jpg is there, but not its query 100100\.jpg"),
        ("\n", r"holidays_images\.dat: lists no photos"),
    ],
)
def test_what_is_wrong_in_the_list_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "holidays_images.dat").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_holidays(tmp_path)


def cells(*names: str) -> np.ndarray:
    column = np.empty((len(names), 1), object)
    column[:, 0] = names
    return column


def records(**fields: list[list[int]]) -> np.ndarray:
    rows = np.empty((2, 1), dtype=[(name, object) for name in fields])
    for name, values in fields.items():
        rows[name][:, 0] = [np.array([value], np.uint8) for value in values]
    return rows


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"imlist": None}, "has no variable imlist"),
        ({"imlist": np.arange(5)}, "imlist: must be a cell array of texts"),
        ({"imlist": cells("1", "2", "3", "4", "../5")}, r"imlist: '\.\./5' is not the name of a photo"),
        ({"imlist": cells("1", "2", "3", "4", "1")}, "imlist: a photo is listed twice"),
        ({"qidx": np.array([[1], [6]])}, "qidx: 6 is no index into imlist, 1 to 5"),
        ({"qidx": np.array([[0], [4]])}, "qidx: 0 is no index"),
        ({"qidx": np.array([[1.5], [4]])}, r"qidx: 1\.5 is no index"),
        ({"qidx": np.array([[1], [1]])}, "qidx: a query is listed twice"),
        ({"qidx": np.array([[1]])}, "gnd: has 2 queries and qidx 1"),
        ({"gnd": np.arange(2)}, "gnd: must be a struct array"),
        ({"gnd": records(ok=[[2], [5]])}, r"gnd\(1\): must have ok and junk"),
        ({"gnd": records(ok=[[2], [9]], junk=[[1], [4]])}, r"gnd\(2\)\.ok: 9 is no index"),
        ({"gnd": records(ok=[[2], [5]], junk=[[2], [4]])}, r"gnd\(1\): 100001\.jpg is both ok and junk"),
    ],
)
def test_what_is_wrong_in_the_file_for_matlab_is_named(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"gnd_holidays\.mat: {message}"):
        read_holidays(write_mat(tmp_path, **changed))


def test_a_damaged_file_for_matlab_says_so(tmp_path: Path) -> None:
    (tmp_path / "gnd_holidays.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(UsageError, match=r"gnd_holidays\.mat: not a MATLAB file"):
        read_holidays(tmp_path)


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"neither gnd_holidays\.mat nor eval_holidays/holidays_images\.dat nor .* jpg"
    ):
        read_holidays(tmp_path)
