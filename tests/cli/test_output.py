"""Nothing that a file is called can take over a terminal or break a reader of JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resight.cli.output import print_fields, print_json, print_table, readable, say, shown


@given(st.text(st.characters(codec=None)))
def test_whatever_is_shown_is_printable_and_one_line(text: str) -> None:
    assert shown(text).isprintable()
    shown(text).encode("utf-8")


@given(st.text().filter(str.isprintable))
def test_printable_text_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a\nb", "a\\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\udcff.jpg", "\\xff.jpg"),
        ("Köln 日本.jpg", "Köln 日本.jpg"),
    ],
)
def test_what_could_harm_becomes_an_escape(name: str, expected: str) -> None:
    assert shown(name) == expected


@given(st.binary())
def test_names_of_any_bytes_are_readable_by_every_json_reader(name: bytes) -> None:
    readable(name.decode("utf-8", "surrogateescape")).encode("utf-8")


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "\x9b\u202eü"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"name": "\x9b\u202eü"}


def test_a_table_is_aligned_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("rank", "photo"), [(1, "a" * 200), (10, "b\x1bc")])
    assert capsys.readouterr().out.split("\n") == ["  rank  photo", f"     1  {'a' * 200}", "    10  b\\x1bc", ""]


def test_fields_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields([("images", 3), ("recipe used", "x")])
    assert capsys.readouterr().out == "images       3\nrecipe used  x\n"


def test_remarks_go_to_standard_error_and_keep_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say("Error: two things\nthe \x1b second")
    assert capsys.readouterr() == ("", "Error: two things\n  the \\x1b second\n")


def test_a_line_across_a_table_is_not_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("rank", "photo"), [(1, "a"), "--- the rest\n", (10, "b")])
    assert capsys.readouterr().out == "  rank  photo\n     1  a\n  --- the rest\\n\n    10  b\n"
