"""MATLAB files: the same values as SciPy reads, and a clear error for every damaged file."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from resight.datasets.benchmarks.matlab import open_matlab, read_matlab
from resight.errors import UsageError

NAMES = ("texts", "records", "numbers", "text")


def write(path: Path, compressed: bool = False) -> Path:
    texts = np.empty((3, 1), dtype=object)
    texts[:, 0] = ["swan/4", "Übersicht", ""]
    records = np.empty((2, 1), dtype=[("ok", object), ("bbx", object)])
    records["ok"][:, 0] = [np.array([[1, 300]], np.uint16), np.zeros((0, 0))]
    records["bbx"][:, 0] = [np.array([[0.5, -1.0, 3.0, 4.0]]), np.array([[7]], np.int8)]
    content: dict[str, Any] = {"texts": texts, "records": records, "text": "one", "unread": lambda_like()}
    content["numbers"] = np.arange(6, dtype=np.int64).reshape(2, 3)
    savemat(path, content, do_compression=compressed)
    return path


def lambda_like() -> np.ndarray:
    """A complex array, of a kind that is not read; it is in the way only if it is asked for."""
    return np.array([1 + 2j])


@pytest.mark.parametrize("compressed", [False, True])
def test_values_are_those_that_were_saved(tmp_path: Path, compressed: bool) -> None:
    file = open_matlab(write(tmp_path / "x.mat", compressed), NAMES)
    assert file.texts("texts") == ["swan/4", "Übersicht", ""]
    assert file.numbers("numbers") == [0, 3, 1, 4, 2, 5]
    assert file.records("records") == [
        {"ok": [1, 300], "bbx": [0.5, -1.0, 3.0, 4.0]},
        {"ok": [], "bbx": [7]},
    ]
    assert file.variables["text"] == "one"


@pytest.mark.parametrize("sort", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_numbers_of_every_sort_are_read(tmp_path: Path, sort: str) -> None:
    values = np.array([[0, 1, 100]], dtype=sort)
    savemat(tmp_path / "x.mat", {"numbers": values})
    assert open_matlab(tmp_path / "x.mat", ("numbers",)).numbers("numbers") == [0, 1, 100]


@pytest.mark.parametrize(
    ("read", "name", "message"),
    [
        ("texts", "numbers", r"x\.mat: numbers: must be a cell array of texts"),
        ("texts", "records", r"x\.mat: records: must be a cell array of texts"),
        ("numbers", "text", r"x\.mat: text: must be numbers"),
        ("records", "texts", r"x\.mat: texts: must be a struct array"),
        ("records", "text", r"x\.mat: text: must be a struct array"),
    ],
)
def test_a_variable_of_another_shape_is_told(tmp_path: Path, read: str, name: str, message: str) -> None:
    file = open_matlab(write(tmp_path / "x.mat"), NAMES)
    with pytest.raises(UsageError, match=message):
        getattr(file, read)(name)


def test_what_is_not_there_or_not_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.mat: no such file"):
        read_matlab(tmp_path / "gone.mat", NAMES)
    write(tmp_path / "x.mat")
    with pytest.raises(UsageError, match=r"x\.mat: has no variable qidx"):
        read_matlab(tmp_path / "x.mat", ("numbers", "qidx"))
    with pytest.raises(UsageError, match=r"x\.mat: not a MATLAB file of version 5 .*class 6 in unread"):
        read_matlab(tmp_path / "x.mat", ("unread",))
    savemat(tmp_path / "lines.mat", {"text": np.array(["ab", "cd"])})
    with pytest.raises(UsageError, match="of 2 lines"):
        read_matlab(tmp_path / "lines.mat", ("text",))


def test_a_compressed_variable_without_its_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    savemat(path, {"numbers": np.arange(5)}, do_compression=True)
    whole = path.read_bytes()
    header, content = whole[:128], whole[136:-4]
    path.write_bytes(header + struct.pack("=II", 15, len(content)) + content)
    with pytest.raises(UsageError, match="a compressed variable is cut short"):
        read_matlab(path, ("numbers",))


def test_what_unpacks_to_far_more_than_ground_truth_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    savemat(path, {"numbers": np.zeros(1 << 20)}, do_compression=True)
    assert len(open_matlab(path, ("numbers",)).numbers("numbers")) == 1 << 20
    for content in ({"numbers": np.zeros(3 << 20)}, {"unread": np.zeros(3 << 19), "numbers": np.ones(3 << 19)}):
        savemat(path, content, do_compression=True)
        with pytest.raises(UsageError, match=r"x\.mat: .*too large"):
            read_matlab(path, ("numbers",))
    path.write_bytes(b" " * ((1 << 24) + 1))
    with pytest.raises(UsageError, match=r"x\.mat: not a MATLAB file"):
        read_matlab(path, ("numbers",))
    path.unlink()
    os.mkfifo(path)  # would be waited for
    with pytest.raises(UsageError, match=r"x\.mat: no such file"):
        read_matlab(path, ("numbers",))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, compressed: bool) -> None:
    path = write(tmp_path / "x.mat", compressed)
    whole, rng = path.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole[: rng.randrange(len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(min(len(damaged), 3)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read_matlab(path, NAMES)
        except UsageError as error:
            refused += str(path) in str(error)
    assert refused > 100


def test_the_ground_truth_of_holidays_is_read_as_scipy_does(protocols: Path) -> None:
    path = protocols / "gnd_holidays.mat"
    file, expected = open_matlab(path, ("imlist", "qidx", "gnd")), loadmat(path)
    assert file.texts("imlist") == [str(cell.item()) for cell in expected["imlist"].ravel()]
    assert file.numbers("qidx") == expected["qidx"].ravel().tolist()
    for field in ("ok", "junk"):
        values = [record[field] for record in file.records("gnd")]
        assert values == [cell.ravel().tolist() for cell in expected["gnd"][field].ravel()]
