"""Sculptures 6k from a miniature of what is known of its layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from resight.datasets.benchmarks.sculptures import read_sculptures6k
from resight.errors import UsageError

PHOTOS = ("Moore_0.jpg", "Moore_1.jpg", "Moore_2.jpg", "Rodin_0.jpg", "Rodin_1.jpg")
TRUTH = """\
heading
Moore_0.jpg
1 2 3 4
Moore_0.jpg Moore_2.jpg
Moore_1.jpg
Rodin_1.jpg
1 2 3 4
Rodin_0.jpg
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("test", "train"):
        (tmp_path / "sculptures6k" / part).mkdir(parents=True)
    for name in PHOTOS:
        (tmp_path / "sculptures6k" / "test" / name).touch()
    (tmp_path / "sculptures6k" / "train" / "Rodin_9.jpg").touch()
    write(tmp_path, TRUTH)
    return tmp_path


def write(folder: Path, text: str) -> None:
    path = folder / "sculptures6k_evaluation" / "sculptures6k_gt.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("end", ["", "\n", " "])
def test_right_and_ignored_photos_of_the_test_half(folder: Path, end: str) -> None:
    write(folder, TRUTH + end)
    dataset = read_sculptures6k(folder)
    assert dataset.images == PHOTOS
    first, second = dataset.queries
    assert (first.id, first.image, first.box) == ("Moore_0", "Moore_0.jpg", None)
    assert first.positives == {"Moore_0.jpg", "Moore_2.jpg"}
    assert first.junk == {"Moore_1.jpg"}
    # A query that is no positive of itself finds itself first all the same, which is ignored.
    assert second.positives == {"Rodin_0.jpg"}
    assert second.junk == {"Rodin_1.jpg"}
    assert dataset.rules.ap == "trapezoid"


def test_a_missing_file_or_folder_is_named(folder: Path) -> None:
    (folder / "sculptures6k_evaluation" / "sculptures6k_gt.txt").unlink()
    with pytest.raises(UsageError, match=r"sculptures6k_evaluation/sculptures6k_gt\.txt: no such file"):
        read_sculptures6k(folder)
    write(folder, TRUTH)
    with pytest.raises(UsageError, match="/elsewhere/sculptures6k_evaluation"):
        read_sculptures6k(folder / "elsewhere")
    for path in (folder / "sculptures6k" / "test").iterdir():
        path.unlink()
    (folder / "sculptures6k" / "test").rmdir()
    with pytest.raises(UsageError, match="sculptures6k/test: no such folder"):
        read_sculptures6k(folder)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("Moore_0.jpg\n1", "Moore_7.jpg\n1", "line 2: Moore_7.jpg is not among the 5 photos in "),
        ("Moore_2.jpg", "Moore_8.jpg", "line 4: Moore_8.jpg is not among"),
        ("Moore_1.jpg", "Moore_9.jpg", "line 5: Moore_9.jpg is not among"),
        ("\nMoore_1.jpg", "\nMoore_2.jpg", "line 5: Moore_2.jpg is ignored, but right on line 4"),
        ("Rodin_1.jpg\n1", "Moore_0.jpg\n1", "line 6: Moore_0.jpg is asked twice"),
    ],
)
def test_a_wrong_line_is_named(folder: Path, old: str, new: str, what: str) -> None:
    assert TRUTH.count(old) == 1
    write(folder, TRUTH.replace(old, new))
    with pytest.raises(UsageError, match=f"_gt.txt, {what}"):
        read_sculptures6k(folder)


@pytest.mark.parametrize("text", ["", "heading\n", "heading\nMoore_0.jpg\n", TRUTH + "\nMoore_0.jpg\n"])
def test_a_wrong_number_of_lines_is_told(folder: Path, text: str) -> None:
    write(folder, text)
    with pytest.raises(UsageError, match=r"_gt\.txt: \d+ lines; expected one, and four for each query"):
        read_sculptures6k(folder)
