"""Sections of docs pages that a benchmark writes, between two comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


def replace_section(page: Path, command: str, lines: Iterable[str]) -> None:
    """Replaces what is between the comments of a command. Raises SystemExit where the page lacks them."""
    start, end = f"<!-- written by {command} -->", f"<!-- end of {command} -->"
    before, opened, rest = page.read_text(encoding="utf-8").partition(start)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise SystemExit(f"{page}: it has no {start} and {end}: put both where the figures belong")
    page.write_text(before + "\n".join([start, "", *lines, "", end]) + after, encoding="utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yields the lines of a table."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(row)} |" for row in rows)
