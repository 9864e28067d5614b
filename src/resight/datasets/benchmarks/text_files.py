"""Text files of ground truth: their lines, the rows of columns in them, and the position that an error names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resight.errors import UsageError
from resight.folders.walking import escape_name, is_below
from resight.images import displayed


def read_lines(path: Path) -> list[str]:
    """Reads the lines of a text file without their ends. Raises UsageError where it cannot be read.

    Bytes that are not UTF-8 are decoded as os.fsdecode does: the lines hold file names.
    """
    try:
        # Not splitlines, which also splits at characters that names can have.
        return path.read_text("utf-8-sig", "surrogateescape").removesuffix("\n").split("\n")
    except FileNotFoundError:
        raise UsageError(f"{displayed(path)}: no such file; it belongs to the ground truth") from None
    except OSError as error:
        raise UsageError(f"{displayed(path)}: cannot be read: {error.strerror}") from None


def at_line(path: Path, number: int) -> str:
    """Returns the beginning of a message about line `number`, counted from 1."""
    return f"{displayed(path)}, line {number}"


def lines_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yields the lines of a text file that are not blank, each with its position. Raises UsageError."""
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip():
            yield line.strip(), at_line(path, number)


@dataclass(frozen=True)
class Row:
    """One line of a list: its position, and its cells by column."""

    where: str
    cells: Mapping[str, str]

    def wrong(self, what: str) -> UsageError:
        """Returns the error that this line is wrong."""
        return UsageError(f"{self.where}: {what}")

    def number(self, column: str) -> int:
        """Returns a cell as a whole number from 0 on."""
        text = self.cells[column]
        if not (text.isascii() and text.isdecimal()):
            raise self.wrong(f"{column} {text!r} is not a whole number")
        return int(text)

    def photo(self, column: str) -> str:
        """Returns a cell as the escaped name of a photo below a folder."""
        text = self.cells[column]
        if not is_below(text):
            raise self.wrong(f"{column} {text!r} is not the path of a file below the folder of photos")
        return escape_name(text)


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """Reads the lines of a list that are not empty, at least one; the last cell is the rest of its line.

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
