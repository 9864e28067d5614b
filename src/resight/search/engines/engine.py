"""What a search engine must offer: a collection of vectors by id on another machine. Nothing here is of any engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from resight.arrays import Int64, Vectors


class Engine(Protocol):
    """A connection to one collection of an engine: rows of an id, a number (its sum) and a vector.

    What was written is there when the call returns, and whoever asks later sees it (strong consistency). Without a
    collection it is as with an empty one, but for `put`. All raise EngineError. Safe to share between threads.
    """

    @property
    def most(self) -> int:
        """The number of rows that one search gives at most."""
        ...

    def prepare(self, dimension: int) -> None:
        """Makes the collection where there is none. EngineError where it has vectors of another dimension."""
        ...

    def count(self, first: int, last: int) -> int:
        """Returns the number of rows whose ids are in [first, last)."""
        ...

    def sums(self, first: int, last: int) -> tuple[Int64, Int64]:
        """Returns ids (n,) in [first, last), in any order, and their sums (n,). At most `PAGE` rows are asked for."""
        ...

    def put(self, ids: Int64, sums: Int64, vectors: Vectors) -> None:
        """Writes rows: ids (n,), sums (n,), vectors (n, d). A row takes the place of one of the same id."""
        ...

    def delete(self, ids: Int64) -> None:
        """Deletes the rows of n ids; one that is not there is passed over."""
        ...

    def search(self, queries: Vectors, k: int) -> Sequence[Int64]:
        """Returns ids of the k rows with the largest inner product with each query (q, d), nearest first."""
        ...

    def close(self) -> None:
        """Ends the connection."""
        ...


PAGE = 10_000
"""Rows whose ids and sums are asked for at once."""
