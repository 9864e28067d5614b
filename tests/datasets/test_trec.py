"""Columns of text: every name survives, and what is no such file is refused by its line."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resight.datasets.trec import LONGEST, decode_name, encode_name, reading, rows, writing_lines
from resight.errors import StorageError, UsageError

NAMES = st.text(st.characters(exclude_categories=()), min_size=1)
"""Any text at all, lone surrogates among it."""

FORM = "first second"


def columns(path: Path) -> list[tuple[int, list[bytes]]]:
    with reading(path) as file:
        return list(rows(file, path, FORM))


@given(NAMES)
def test_every_name_is_one_printable_column_and_comes_back(name: str) -> None:
    column = encode_name(name)
    assert column.isprintable()
    assert column.split() == [column]
    assert not column.startswith("{")
    assert decode_name(column.encode()) == name


@given(st.lists(NAMES, unique=True))
def test_different_names_are_different_columns(names: list[str]) -> None:
    assert len(set(map(encode_name, names))) == len(names)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("all_souls_000013.jpg", "all_souls_000013.jpg"),
        ("a b%.jpg", "a%20b%25.jpg"),
        ("über/日本.jpg", "über/日本.jpg"),
        ("📷.jpg", "📷.jpg"),
        ("a\nb\tc\u2028d\u00a0e\ufeff", "a%0Ab%09c%E2%80%A8d%C2%A0e%EF%BB%BF"),
        ("{a}", "%7Ba}"),
        ("\udc80.jpg", "%ED%B2%80.jpg"),
        ("\ud83d\udcf7.jpg", "%ED%A0%BD%ED%B3%B7.jpg"),
    ],
)
def test_names_are_percent_encoded_where_they_must_be(name: str, column: str) -> None:
    assert encode_name(name) == column
    assert decode_name(column.encode()) == name


def test_more_than_necessary_may_be_encoded() -> None:
    assert decode_name(b"%61%c3%bC%2Ejpg") == "aü.jpg"


def test_the_empty_name_has_no_column() -> None:
    with pytest.raises(ValueError, match="empty name"):
        encode_name("")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (b"100%.jpg", r'"%\.j" in "100%\.jpg" is no percent escape; a name\'s own "%" is written %25'),
        (b"a%", '"%" in "a%" is no percent escape'),
        (b"a%4", '"%4" in "a%4" is no percent escape'),
        (b"a%80", 'the percent escapes in "a%80" are not UTF-8'),
        (b"\xff\xfea", "the line is not UTF-8 text"),
        (b"\xed\xa0\xbd", "the line is not UTF-8 text"),
        (b"a\x00b", "control characters"),
    ],
)
def test_what_is_no_encoded_name_is_refused(column: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_name(column)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_are_numbered_and_blank_ones_count(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "lines"
    path.write_bytes(pack("\ufeffa\tb\r\n\n  \nc   d".encode()))
    assert columns(path) == [(1, [b"a", b"b"]), (4, [b"c", b"d"])]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a b\na\n", 'lines, line 2: 1 columns where "first second" is expected'),
        (b"a b\n\na b c\n", 'lines, line 3: 3 columns where "first second" is expected'),
        (b"a b\n" + b"x" * 3 * LONGEST, "lines, line 2: a line without end"),
        (b" " * 3 * LONGEST, "lines, line 1: a line without end"),
        (gzip.compress(bytes(range(100)), mtime=0)[:-9], "lines: the packed data is cut off or damaged"),
        (gzip.compress(b"a b\n" * 10, mtime=0)[:-6] + b"\0\0\0\0\0\0", "lines: the packed data is cut off or damaged"),
        (b"\x1f\x8b", "lines: the packed data is cut off or damaged"),
        (b"\x1f\x8b\x08" + b"\xff" * 99, "lines: the packed data is cut off or damaged"),
    ],
)
def test_what_is_no_such_file_is_refused_by_file_and_line(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "lines").write_bytes(data)
    with pytest.raises(UsageError, match=message):
        columns(tmp_path / "lines")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="missing: no such file"):
        columns(tmp_path / "missing")
    with pytest.raises(UsageError, match=r"cannot be read \(Is a directory\)"):
        columns(tmp_path)


@pytest.mark.parametrize("name", ["new/a.txt", "new/a.txt.gz"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with writing_lines(path) as write:
        write("a b\n")
        write("ü d\n")
    assert columns(path) == [(1, [b"a", b"b"]), (2, ["ü".encode(), b"d"])]
    assert path.read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    once = path.read_bytes()
    with writing_lines(path) as write:
        write("a b\nü d\n")
    assert path.read_bytes() == once


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_where_writing_fails_the_old_file_stays(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"old")

    def fail() -> None:
        with writing_lines(path) as write:
            write("new")
            raise FileNotFoundError("a photo")

    with pytest.raises(FileNotFoundError, match="a photo"):
        fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [name]


def test_two_files_can_be_written_at_once(tmp_path: Path) -> None:
    with writing_lines(tmp_path / "a") as first, writing_lines(tmp_path / "b") as second:
        first("1")
        second("2")
    assert [(tmp_path / name).read_text() for name in "ab"] == ["1", "2"]


def test_a_disk_that_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match="cannot be written"), writing_lines(tmp_path):
        pass

    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with (
        pytest.raises(StorageError, match=r"a.txt: cannot be written \(No space left on device\); choose another"),
        writing_lines(tmp_path / "a.txt") as write,
    ):
        write("new")
    assert os.listdir(tmp_path) == []
