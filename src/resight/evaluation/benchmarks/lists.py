"""Reads the plain text lists that benchmarks come with: a row a line, blanks between its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resight.errors import UsageError
from resight.evaluation.benchmarks.lines import at_line, read_lines
from resight.evaluation.documents import is_below
from resight.folders import escape_name
from resight.images import displayed


@dataclass(frozen=True)
class Row:
    """One line of a list: where it stands, and its cells by column."""

    where: str
    cells: Mapping[str, str]

    def wrong(self, what: str) -> UsageError:
        """The error that something is wrong with this line."""
        return UsageError(f"{self.where}: {what}")

    def number(self, column: str) -> int:
        """A cell as a whole number from 0 on."""
        text = self.cells[column]
        if not (text.isascii() and text.isdecimal()):
            raise self.wrong(f"{column} {text!r} is not a whole number")
        return int(text)

    def photo(self, column: str) -> str:
        """A cell as the escaped name of a photo below a folder."""
        text = self.cells[column]
        if not is_below(text):
            raise self.wrong(f"{column} {text!r} is not the path of a file below the folder of photos")
        return escape_name(text)


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """The lines of a list that are not empty, at least one; the last cell is the rest of its line.

    Raises UsageError where the file cannot be read or a line has too few cells.
    """
    rows = []
    for number, line in enumerate(read_lines(path), start=1):
        cells = line.strip().split(maxsplit=len(columns) - 1)
        if not cells:
            continue
        where = at_line(path, number)
        if len(cells) < len(columns):
            raise UsageError(f"{where}: {line.strip()!r} where {' '.join(columns)} is expected")
        rows.append(Row(where, dict(zip(columns, cells, strict=True))))
    if not rows:
        raise UsageError(f"{displayed(path)}: is empty; a line each of {' '.join(columns)} is expected")
    return rows
