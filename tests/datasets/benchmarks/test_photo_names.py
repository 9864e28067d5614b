"""Photos that ground truth calls by name alone are found wherever they lie below a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from resight.datasets.benchmarks.photo_names import find_photo_names
from resight.errors import UsageError


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_photo_is_found_in_any_folder_and_with_its_suffix_in_capitals(tmp_path: Path) -> None:
    photos = find_photo_names(touched(tmp_path, "a.jpg", "x/b.JPG", "x/c.png"))
    assert [photos[name] for name in ("a", "b", "c")] == ["a.jpg", "x/b.JPG", "c.jpg"]


def test_a_name_that_two_photos_have_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"x/a\.jpg: is at .*a\.jpg as well"):
        find_photo_names(touched(tmp_path, "a.jpg", "x/a.jpg"))
