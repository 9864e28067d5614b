"""A bar where a person looks on, lines now and then where the output goes elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from resight.cli.progress import ProgressLines, progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_progress_lines() -> None:
    """Lines are what is tested here."""


class Log:
    """Progress lines against a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lines: list[str] = []
        self.progress = ProgressLines(self.lines.append, lambda: self.now)

    def run(self, what: str, total: int, seconds_each: float) -> list[str]:
        """The lines of one piece of work that goes evenly."""
        before = len(self.lines)
        self.progress(what, 0, total)
        for done in range(1, total + 1):
            self.now += seconds_each
            self.progress(what, done, total)
        return self.lines[before:]


def test_a_log_has_counts_rate_and_time_left() -> None:
    assert Log().run("indexing", 100, 0.5) == [
        "indexing: 4 of 100, 2.0/s, 48 s left",
        "indexing: 12 of 100, 2.0/s, 44 s left",
        "indexing: 28 of 100, 2.0/s, 36 s left",
        "indexing: 60 of 100, 2.0/s, 20 s left",
        "indexing: 100 of 100 in 50 s",
    ]


def test_slow_work_says_how_long_one_takes() -> None:
    assert Log().run("evaluating", 3, 1800.0) == [
        "evaluating: 1 of 3, 1800.0 s each, 1 h 00 min left",
        "evaluating: 2 of 3, 1800.0 s each, 30 min 00 s left",
        "evaluating: 3 of 3 in 1 h 30 min",
    ]


def test_the_first_few_foretell_nothing() -> None:
    log = Log()
    log.progress("indexing", 0, 100)
    log.now += 14
    log.progress("indexing", 1, 100)
    log.now += 30
    log.progress("indexing", 4, 100)
    assert log.lines == ["indexing: 1 of 100", "indexing: 4 of 100, 11.0 s each, 17 min 36 s left"]


def test_what_takes_under_two_seconds_leaves_no_line() -> None:
    log = Log()
    assert log.run("drawing", 19, 0.1) == []
    assert log.run("drawing", 19, 0.1) == []
    assert log.run("nothing", 0, 0.0) == []


def test_ten_hours_leave_a_small_log() -> None:
    lines = Log().run("indexing", 144_000, 0.25)
    assert 500 < len(lines) < 700
    assert lines[-1] == "indexing: 144000 of 144000 in 10 h 00 min"


def test_what_begins_anew_is_counted_anew() -> None:
    log = Log()
    first = log.run("asking", 10, 1.0)
    log.now += 3600
    assert log.run("asking", 10, 1.0) == first
    assert log.run("asking", 20, 1.0)[:2] == ["asking: 2 of 20", "asking: 6 of 20, 1.0/s, 14 s left"]


def test_a_run_that_goes_on_has_the_rate_of_its_own_part() -> None:
    log = Log()
    log.progress("reading", 90, 100)
    log.now += 10
    log.progress("reading", 95, 100)
    assert log.lines == ["reading: 95 of 100, 2.0 s each, 10 s left"]


@pytest.mark.parametrize("closed", [True, False])
def test_without_a_terminal_lines_go_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], closed: bool
) -> None:
    monkeypatch.setattr("resight.cli.progress.FIRST_LINE", 0.0)
    if closed:
        monkeypatch.setattr(sys, "stderr", None)
    with progress_bar() as progress:
        progress("indexing", 0, 20)
        progress("indexing", 7, 20)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("indexing: 7 of 20") != closed
    assert captured.err.count("\n") == (0 if closed else 1)
    assert "\r" not in captured.err


def test_a_terminal_shows_what_is_done_of_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bar() as bar:
        bar("indexing", 0, 20)
        bar("indexing", 7, 20)
        bar("searching", 1, 3)
    assert "indexing" in terminal.getvalue()
    assert "searching" in terminal.getvalue()
    assert "7/20" in terminal.getvalue()
