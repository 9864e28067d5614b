"""Output of commands: text that cannot take control of a terminal, and JSON that any program can read."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any


def shown(text: object) -> str:
    """Returns a line safe for a terminal: control characters, bidirectional marks and stray bytes become escapes."""
    return "".join(one if one.isprintable() else _escaped(one) for one in str(text))


def readable(text: object) -> str:
    """Returns text that every encoding of JSON accepts: bytes of names that are not UTF-8 become backslash escapes."""
    return str(text).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def say(message: str) -> None:
    """Prints a message for the person to standard error, separate from the results. Line breaks stay, indented."""
    if sys.stderr is None:
        return  # closed by the caller of the command; print would fall back to standard output, where results go
    print("\n  ".join(shown(line) for line in message.split("\n")), file=sys.stderr)


def print_json(value: Any) -> None:
    """Prints one JSON document to standard output, in ASCII: no part of a name can reach the terminal unescaped."""
    print(json.dumps(value, indent=2, allow_nan=False))


def print_fields(fields: Sequence[tuple[str, object]]) -> None:
    """Prints two aligned columns: labels and values."""
    width = max((len(label) for label, _ in fields), default=0)
    for label, value in fields:
        print(f"{label:<{width}}  {shown(value)}")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object] | str]) -> None:
    """Prints aligned columns below their names, numbers to the right. The last column is never padded, nothing is cut.

    A row that is a text is printed as a line across all columns.
    """
    heads = [shown(column) for column in columns]
    texts = [[shown(cell) for cell in row] for row in rows if not isinstance(row, str)]
    widths = [max(len(line[column]) for line in [heads, *texts]) for column in range(len(columns))]
    last = len(columns) - 1
    right = [column < last and all(_is_number(line[column]) for line in texts) for column in range(len(columns))]
    aligned = iter(texts)
    for row in [columns, *rows]:
        if isinstance(row, str):
            print(f"  {shown(row)}")
            continue
        line = heads if row is columns else next(aligned)
        cells = [
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ]
        print("  " + "  ".join(cells).rstrip())


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.replace(".", "", 1).lstrip("+-").isdecimal()


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # surrogates, to which os.fsdecode maps bytes that are not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
