"""Rows of a benchmark that was stopped are there when it goes on, and those of another command are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

TERMS = {"commit": "abc", "queries": 3}


def test_a_stopped_command_goes_on_after_its_last_row(tmp_path: Path) -> None:
    from kept_rows import KeptRows

    file = tmp_path / "at" / "rows.jsonl"
    made: list[str] = []

    def figure(name: str) -> dict[str, float]:
        made.append(name)
        if len(made) == 3:
            raise KeyboardInterrupt
        return {name: len(made) / 3}

    kept = KeptRows(file, TERMS)
    first = [kept.row(name, lambda n=name: figure(n)) for name in "ab"]
    with pytest.raises(KeyboardInterrupt):
        kept.row("c", lambda: figure("c"))
    # Killed while it wrote: half a line.
    with file.open("a") as open_file:
        open_file.write('{"row": "c", "val')
    again = KeptRows(file, TERMS)
    assert "c" not in again
    assert [again.row(name, lambda n=name: figure(n)) for name in "abc"] == [*first, {"c": 4 / 3}]
    assert made == ["a", "b", "c", "c"]
    assert len(file.read_text().splitlines()) == 4
    assert KeptRows(file, TERMS).row("c", lambda: figure("c")) == {"c": 4 / 3}


def test_a_file_that_was_killed_at_its_first_line_begins_anew(tmp_path: Path) -> None:
    from kept_rows import KeptRows

    file = tmp_path / "rows.jsonl"
    file.write_text('{"terms": {"com')
    KeptRows(file, TERMS).row("a", lambda: 1)
    assert KeptRows(file, TERMS).row("a", lambda: 2) == 1


def test_rows_of_another_commit_are_refused(tmp_path: Path) -> None:
    from kept_rows import KeptRows

    KeptRows(tmp_path / "rows.jsonl", TERMS).row("a", lambda: 1)
    with pytest.raises(SystemExit, match="commit is 'abc' there and 'abd' here; remove it"):
        KeptRows(tmp_path / "rows.jsonl", {**TERMS, "commit": "abd"})


def test_a_section_of_a_page_is_replaced_and_the_rest_stays(page: Path) -> None:
    from pages import replace_section, table

    for text in ("FORMER", "LATTER"):
        replace_section(page, "benchmarks/blcf.py", table(["a", "b"], [[text, "3"]]))
    text = page.read_text()
    assert "| LATTER | 3 |" in text
    assert "FORMER" not in text
    assert text.startswith("Before.")
    assert text.endswith("After.\n")
    with pytest.raises(SystemExit, match=r"it has no <!-- written by benchmarks/other\.py -->"):
        replace_section(page, "benchmarks/other.py", [])
