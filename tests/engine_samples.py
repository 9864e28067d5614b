"""A search engine of one file: a table of SQLite, whose vectors are all compared, and which outlives processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from resight.arrays import Int64, Vectors
from resight.errors import EngineError
from resight.learned.registered import register
from resight.search.engines.kind import EngineSearch

BETWEEN = "FROM rows WHERE id >= ? AND id < ?"


@register
class Sqlite(EngineSearch):
    """A table of a file that must be there: sqlite:///PATH."""

    kind: Literal["sqlite"] = "sqlite"

    def connected(self) -> Table:
        return Table(Path(self.address.removeprefix("sqlite://")), self.address)


class Table:
    """A connection to the table."""

    most = 50

    def __init__(self, path: Path, address: str) -> None:
        if not path.exists():
            raise EngineError(f"{address}: there is no such file")
        self.base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.base.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, sum INTEGER, vector BLOB)")

    def prepare(self, dimension: int) -> None:
        pass

    def count(self, first: int, last: int) -> int:
        return int(self.base.execute(f"SELECT count(*) {BETWEEN}", (first, last)).fetchone()[0])

    def sums(self, first: int, last: int) -> tuple[Int64, Int64]:
        found = np.array(self.base.execute(f"SELECT id, sum {BETWEEN}", (first, last)).fetchall(), np.int64)
        ids, sums = found.reshape(-1, 2).T
        return ids, sums

    def put(self, ids: Int64, sums: Int64, vectors: Vectors) -> None:
        rows = zip(ids.tolist(), sums.tolist(), (vector.tobytes() for vector in vectors), strict=True)
        with self.base:
            self.base.execute("BEGIN")
            self.base.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", rows)

    def delete(self, ids: Int64) -> None:
        self.base.executemany("DELETE FROM rows WHERE id = ?", [(one,) for one in ids.tolist()])

    def search(self, queries: Vectors, k: int) -> Sequence[Int64]:
        assert k <= self.most
        rows = self.base.execute("SELECT id, vector FROM rows").fetchall()
        ids = np.array([one for one, _ in rows], np.int64)
        vectors = np.array([np.frombuffer(vector, np.float32) for _, vector in rows])
        return [ids[np.argsort(-(vectors @ query), kind="stable")[:k]] for query in queries]

    def close(self) -> None:
        self.base.close()


def a_table(folder: Path) -> str:
    """Makes the file of a table; returns its address."""
    path = folder / "engine.sqlite"
    path.touch()
    return f"sqlite://{path}"
