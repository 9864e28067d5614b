"""A bar where a person looks on, nothing where the output goes elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from resight.cli.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_there_is_no_bar_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar() as bar:
        assert bar is None


def test_a_terminal_shows_what_is_done_of_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bar() as bar:
        assert bar is not None
        bar("indexing", 0, 20)
        bar("indexing", 7, 20)
        bar("searching", 1, 3)
    assert "indexing" in terminal.getvalue()
    assert "searching" in terminal.getvalue()
    assert "7/20" in terminal.getvalue()
