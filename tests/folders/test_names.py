from __future__ import annotations

import os
import time
import unicodedata
from pathlib import Path

import pytest

from resight.errors import UsageError
from resight.folders.names import Name, find_name, names_file, suggestion

NAMES = ("holidays/0.jpg", "holidays/1.jpg", "work/1.jpg", "café/été.jpg", "caf%E9.jpg", "a b/IMG_7.JPG", "100%.jpg")
BY_NAME = {name: place for place, name in enumerate(NAMES)}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("holidays/0.jpg", "holidays/0.jpg"),
        ("./holidays/0.jpg", "holidays/0.jpg"),
        ("holidays//./0.jpg", "holidays/0.jpg"),
        ("holidays/../work/1.jpg", "work/1.jpg"),
        ("holidays\\0.jpg", "holidays/0.jpg"),
        (".\\holidays\\0.jpg", "holidays/0.jpg"),
        (unicodedata.normalize("NFD", "café/été.jpg"), "café/été.jpg"),
        (unicodedata.normalize("NFD", "./café/") + "été.jpg", "café/été.jpg"),
        (os.fsdecode(b"caf\xe9.jpg"), "caf%E9.jpg"),
        ("100%.jpg", "100%.jpg"),
        (Name("holidays\\0.jpg"), "holidays/0.jpg"),
        ("0.jpg", None),
        ("HOLIDAYS/0.jpg", None),
        ("", None),
        (".", None),
        ("..", None),
        ("a\0b", None),
    ],
)
def test_a_name_is_found_however_it_is_written(given: str, name: str | None) -> None:
    assert find_name(given, BY_NAME) == (None if name is None else BY_NAME[name])


def test_decomposed_names_of_an_index_are_found_by_composed_ones() -> None:
    decomposed = unicodedata.normalize("NFD", "Zürich/Brücke.jpg")
    half = unicodedata.normalize("NFD", "Zürich/") + "Äpfel.jpg"
    by_name = {"other.jpg": 0, decomposed: 1, half: 2}
    assert find_name("Zürich/Brücke.jpg", by_name) == 1
    assert find_name("Zürich\\Brücke.jpg", by_name) == 1
    assert find_name("Zürich/Äpfel.jpg", by_name) == 2
    assert find_name(unicodedata.normalize("NFD", "Zürich/Äpfel.jpg"), by_name) == 2


def test_an_exact_name_wins_and_what_may_be_two_is_refused() -> None:
    one, other = unicodedata.normalize("NFD", "é") + "é.jpg", "é" + unicodedata.normalize("NFD", "é.jpg")
    assert find_name(one, {one: 0, other: 1}) == 0
    assert find_name(other, {one: 0, other: 1}) == 1
    with pytest.raises(UsageError, match="2 names of the index differ"):
        find_name("éé.jpg", {one: 0, other: 1})


def test_the_path_of_a_file_is_a_name_whether_the_file_is_there_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    (tmp_path / "way").symlink_to(tmp_path / "photos")
    folders = [(tmp_path / "elsewhere", "x/"), (tmp_path / "photos", "holidays/")]
    by_name = {"holidays/sub/0.jpg": 0, "holidays/caf%E9.jpg": 1, "top.jpg": 2}
    for path in (tmp_path / "photos" / "sub" / "0.jpg", tmp_path / "way" / "sub" / "0.jpg"):
        assert find_name(path, by_name, folders) == find_name(str(path), by_name, folders) == 0
    assert find_name(os.fsdecode(os.fsencode(tmp_path) + b"/photos/caf\xe9.jpg"), by_name, folders) == 1
    assert find_name(tmp_path / "photos" / "1.jpg", by_name, folders) is None
    assert find_name(tmp_path / "top.jpg", by_name, folders) is None
    monkeypatch.chdir(tmp_path / "photos" / "sub")
    assert find_name("0.jpg", by_name, folders) == find_name(Path("../sub/0.jpg"), by_name, folders) == 0
    assert find_name(Name("0.jpg"), by_name, folders) is None
    # A path is no name.
    assert find_name(Path("top.jpg"), by_name, folders) is None


def test_a_file_under_two_names_is_not_guessed(tmp_path: Path) -> None:
    folders = [(tmp_path, ""), (tmp_path, "old/")]
    with pytest.raises(UsageError, match=r"under 2 names: a\.jpg or old/a\.jpg; say which"):
        find_name(tmp_path / "a.jpg", {"a.jpg": 0, "old/a.jpg": 1}, folders)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0.jpg", "; did you mean holidays/0.jpg?"),
        ("./0.jpg", "; did you mean holidays/0.jpg?"),
        ("1.jpg", "; did you mean holidays/1.jpg or work/1.jpg?"),
        ("photos/work/1.jpg", "; did you mean work/1.jpg or holidays/1.jpg?"),
        ("b/img_7.jpg", "; did you mean a b/IMG_7.JPG?"),
        ("holidays/01.jpg", '; the nearest name is "holidays/1.jpg"'),
        ("qqqqqq", ""),
        ("", ""),
    ],
)
def test_what_may_be_meant(given: str, said: str) -> None:
    assert suggestion(given, NAMES) == said


def test_many_that_may_be_meant_are_counted() -> None:
    assert suggestion("a.jpg", [f"{n}/a.jpg" for n in range(9)]) == (
        "; did you mean 0/a.jpg, 1/a.jpg, 2/a.jpg or 6 more?"
    )


@pytest.mark.slow
@pytest.mark.parametrize("given", ["IMG_123456.jpg", "2019/IMG_12345.jpg", "nothing like it", "été.jpg"])
def test_a_million_names_are_looked_through_in_seconds(given: str) -> None:
    names = [f"{number % 1000:04d}/IMG_{number:06d}.jpg" for number in range(1_000_000)]
    by_name = {name: place for place, name in enumerate(names)}
    start = time.process_time()
    assert find_name(given, by_name) is None
    said = suggestion(given, names)
    assert time.process_time() - start < 10
    if given == "IMG_123456.jpg":
        assert said == "; did you mean 0456/IMG_123456.jpg?"


def test_an_existing_file_is_meant_and_a_folder_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jpg").touch()
    Path("b.jpg").mkdir()
    assert names_file("a.jpg")
    assert not names_file(Name("a.jpg"))
    assert not names_file("b.jpg")
    assert not names_file("c.jpg")
    assert not names_file("")
