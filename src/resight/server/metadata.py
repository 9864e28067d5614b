"""Metadata of photos: a table by name, and what the files themselves hold."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from resight.errors import UsageError
from resight.folders.names import composed
from resight.images import displayed

NAME_COLUMNS = ("name", "file", "filename", "path", "image", "photo")
"""Headings of the column that has the names of photos; the first column where none of them is there."""
MOST_BYTES = 256 << 20
_Fields = Mapping[str, str]


class Metadata:
    """Fields of photos by name. Safe to share between threads, also while more becomes known."""

    def __init__(self, table: Mapping[str, _Fields] | None = None) -> None:
        self._table = {composed(name): fields for name, fields in (table or {}).items()}
        self._embedded: dict[str, _Fields] = {}
        self._fields = list(dict.fromkeys(field for fields in self._table.values() for field in fields))
        self._lock = threading.Lock()

    @property
    def fields(self) -> list[str]:
        """Names of all fields: those of the table in its order, then those of the files."""
        with self._lock:
            return list(self._fields)

    def of(self, name: str) -> _Fields:
        """The fields of a photo; what the table says wins over what its file says."""
        own, embedded = self._table.get(composed(name), {}), self._embedded.get(name, {})
        return {**embedded, **own} if own and embedded else own or embedded

    def learn(self, found: Iterable[tuple[str, _Fields]]) -> None:
        """Takes in what files hold, by name."""
        with self._lock:
            for name, fields in found:
                self._embedded[name] = fields
                self._fields += [field for field in fields if field not in self._fields]


def read_table(path: Path) -> dict[str, dict[str, str]]:
    """Reads a CSV file with a heading and a row a photo; empty values are left out.

    Commas, semicolons and tabs part columns, whichever the heading has most of. Raises UsageError.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{displayed(path)}: over {MOST_BYTES >> 20} MiB; leave columns out that nobody looks for")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{displayed(path)}: the metadata cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{displayed(path)}: the metadata are not UTF-8; save the table as CSV in UTF-8") from None
    heading = text.split("\n", 1)[0]
    parted = max(",;\t", key=heading.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=parted)
    try:
        return _table(path, rows)
    except csv.Error as error:
        raise UsageError(f"{displayed(path)}, line {rows.line_num}: {error}") from None


def _table(path: Path, rows: Any) -> dict[str, dict[str, str]]:
    """Returns fields by name. rows: a reader of `csv`, at the heading. Raises UsageError and csv.Error."""
    columns = [column.strip() for column in next(rows, [])]
    if len(columns) < 2:
        raise UsageError(
            f"{displayed(path)}: a heading with a column of names and one more is needed, such as name,title"
        )
    if len(set(columns)) < len(columns):
        raise UsageError(f"{displayed(path)}: two columns have one heading; give each its own")
    key = next((number for number, column in enumerate(columns) if column.lower() in NAME_COLUMNS), 0)
    table: dict[str, dict[str, str]] = {}
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(columns):
            raise UsageError(f"{displayed(path)}, line {rows.line_num}: {len(row)} values for {len(columns)} columns")
        fields = zip(columns, row, strict=True)
        table[row[key].strip()] = {
            column: cell.strip()
            for place, (column, cell) in enumerate(fields)
            if place != key and column and cell.strip()
        }
    return table
