"""Compares rows with rows, tile by tile of the matrix of their inner products; each row keeps its k most similar.

A product of matrices is fast, but its rounding depends on the shape of the tile. So it only selects candidates:
somewhat more than k, of which those that rounding could have misplaced are compared again. The final value, which is
kept, is the inner product summed in float64 in one fixed order and rounded to float32. It is bit for bit the same for
(i, j) and (j, i), in any tile, on any number of threads; lists extended by added rows equal lists built anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from resight.arrays import Float32, Int32, Mask
from resight.cores import cores
from resight.kernels.compiling import kernel

TILE = 2048
"""Rows and columns of a tile: 16 MB, which stay in a shared cache until both sides have been searched."""
CHUNK = 32
"""Similarities that are checked together; nearly always none of them is large enough."""
SPARE = 16
"""Candidates beyond k. Where more rows are as near as the k-th, the row is compared with every other one separately."""
ROUNDING = 2.0**-24
"""Half the spacing of float32 numbers around 1."""


class NearestLists:
    """The k most similar rows of each row, most similar first, ties by number; never the row itself.

    x: (n, d) float32, finite; a row whose squared length is 0 in float32 is empty: its list is empty, and it is in no
    list.
    """

    def __init__(self, x: Float32, k: int) -> None:
        self._x = x
        self._k = k
        squares = squared_norms(x)
        self._empty = squares == 0
        # |fl(x.y) - x.y| <= d u / (1 - d u) |x| |y| in any order of summation; twice, because two products are
        # compared.
        self._error = np.float32(2.0 * (x.shape[1] + 2) * ROUNDING * float(squares.max(initial=0.0)))
        self._ids = np.full((len(x), k + SPARE), -1, np.int32)
        self._similarities = np.zeros((len(x), k + SPARE), np.float32)
        self._known = 0

    def begin_with(self, ids: Int32, similarities: Float32) -> None:
        """Starts from known neighbour lists of the first rows; -1 pads short lists."""
        self._known = len(ids)
        self._ids[: len(ids), : self._k] = ids
        self._similarities[: len(ids), : self._k] = similarities

    def compare(self, one: Int32, other: Int32) -> None:
        """Compares all rows of one side with all of the other, and updates the lists of both sides.

        one, other: row numbers; the same array, or arrays without a common row. No two rows may be compared twice.
        """
        with ThreadPoolExecutor(cores()) as pool:
            for rows, columns in _tiles(one, other):
                self._tile(pool, rows, columns, both=rows is not columns)

    def search(self, rows: Int32, among: Int32) -> None:
        """Adds the rows `among` to the lists of `rows` where they are near enough, but not the reverse."""
        with ThreadPoolExecutor(cores()) as pool:
            for start in range(0, len(rows), TILE):
                for first in range(0, len(among), TILE):
                    self._tile(pool, rows[start : start + TILE], among[first : first + TILE], both=False)

    def finished(self, rows: Int32) -> tuple[Int32, Float32]:
        """Returns the lists of `rows`, (r, k) each: ids, padded with -1, and similarities, padded with 0.

        All possible neighbours must have been compared with `rows` before.
        """
        ids, similarities = np.empty((len(rows), self._k), np.int32), np.empty((len(rows), self._k), np.float32)

        def settle(part: tuple[int, int]) -> None:
            start, end = part
            known = self._known, self._x, self._empty, self._error, self._ids, self._similarities
            arguments: tuple[Any, ...] = (rows, start, end, *known, ids, similarities)
            _settle(*arguments)

        with ThreadPoolExecutor(cores()) as pool:
            list(pool.map(settle, _parts(len(rows))))
        return ids, similarities

    def _tile(self, pool: ThreadPoolExecutor, rows: Int32, columns: Int32, *, both: bool) -> None:
        products = _taken(self._x, rows) @ _taken(self._x, columns).T
        lists: tuple[Any, ...] = (rows, columns, self._empty, self._ids, self._similarities)
        # Two jobs never write to the same list: they have different rows, or different columns.
        jobs = [pool.submit(_keep_in_rows, products, *part, *lists) for part in _parts(len(rows))]
        if both:
            jobs += [pool.submit(_keep_in_columns, products, *part, *lists) for part in _parts(len(columns))]
        for job in jobs:
            job.result()


def squared_norms(x: Float32) -> Float32:
    """Returns (n,) squared lengths of rows; not finite where a row holds NaN or infinity, or is longer than 1e19."""
    return np.asarray(np.einsum("ij,ij->i", x, x), np.float32)


def _tiles(one: Int32, other: Int32) -> Iterator[tuple[Int32, Int32]]:
    """Yields every pair of rows once: for one side with itself, the tiles on and above the diagonal."""
    for start in range(0, len(one), TILE):
        rows = one[start : start + TILE]
        if one is other:
            yield rows, rows
        for first in range(start + TILE if one is other else 0, len(other), TILE):
            yield rows, other[first : first + TILE]


def _taken(x: Float32, rows: Int32) -> Float32:
    consecutive = len(rows) > 0 and rows[-1] - rows[0] == len(rows) - 1
    return x[rows[0] : rows[-1] + 1] if consecutive else x[rows]


def _parts(n: int) -> list[tuple[int, int]]:
    bounds = np.linspace(0, n, cores() + 1).astype(int).tolist()
    return list(itertools.pairwise(bounds))


# A product of two float32 is exact in float64; only the order of the sum is left to the compiler, which decides it
# once.
@kernel(fastmath={"reassoc", "nsz", "contract"})
def inner_product(x: Float32, i: int, j: int) -> np.float32:
    """Returns the inner product of rows i and j of `x`, summed in float64."""
    total = 0.0
    for at in range(x.shape[1]):
        total += np.float64(x[i, at]) * np.float64(x[j, at])
    return np.float32(total)


@kernel()
def _insert(row: int, end: int, j: int, similarity: np.float32, ids: Int32, similarities: Float32) -> None:
    """Inserts row j into the sorted first `end` places of a list, dropping the last; ties by number."""
    place = end - 1
    while place > 0 and (
        ids[row, place - 1] < 0
        or similarity > similarities[row, place - 1]
        or (similarity == similarities[row, place - 1] and j < ids[row, place - 1])
    ):
        ids[row, place] = ids[row, place - 1]
        similarities[row, place] = similarities[row, place - 1]
        place -= 1
    ids[row, place] = j
    similarities[row, place] = similarity


@kernel()
def _least(i: int, ids: Int32, similarities: Float32) -> np.float32:
    """Returns the similarity that a row must exceed to become a candidate of row i."""
    last = ids.shape[1] - 1
    return similarities[i, last] if ids[i, last] >= 0 else np.float32(-np.inf)


@kernel()
def _keep_in_rows(
    products: Float32, start: int, end: int, rows: Int32, columns: Int32, empty: Mask, ids: Int32, similarities: Float32
) -> None:
    """Makes columns of a tile candidates of its rows from `start` to `end`."""
    for row in range(start, end):
        i = rows[row]
        least = _least(i, ids, similarities)
        for first in range(0, len(columns), CHUNK):
            after = min(first + CHUNK, len(columns))
            reached = 0
            for column in range(first, after):
                reached += products[row, column] > least
            if reached:
                for column in range(first, after):
                    j = columns[column]
                    if products[row, column] > least and i != j and not empty[i] and not empty[j]:
                        _insert(i, ids.shape[1], j, products[row, column], ids, similarities)
                        least = _least(i, ids, similarities)


@kernel()
def _keep_in_columns(
    products: Float32, start: int, end: int, rows: Int32, columns: Int32, empty: Mask, ids: Int32, similarities: Float32
) -> None:
    """Makes rows of a tile candidates of its columns from `start` to `end`."""
    least = np.empty(end - start, np.float32)
    for column in range(start, end):
        least[column - start] = _least(columns[column], ids, similarities)
    for row in range(len(rows)):
        i = rows[row]
        for first in range(start, end, CHUNK):
            after = min(first + CHUNK, end)
            reached = 0
            for column in range(first, after):
                reached += products[row, column] > least[column - start]
            if reached:
                for column in range(first, after):
                    j = columns[column]
                    if products[row, column] > least[column - start] and not empty[i] and not empty[j]:
                        _insert(j, ids.shape[1], i, products[row, column], ids, similarities)
                        least[column - start] = _least(j, ids, similarities)


@kernel()
def _settle(
    rows: Int32,
    start: int,
    end: int,
    known: int,
    x: Float32,
    empty: Mask,
    error: np.float32,
    candidates: Int32,
    products: Float32,
    ids: Int32,
    similarities: Float32,
) -> None:
    """Finds the k most similar candidates of each row, or compares all rows where there may be too few candidates.

    Similarities among the first `known` rows are already final.
    """
    k, width = ids.shape[1], candidates.shape[1]
    for row in range(start, end):
        i = rows[row]
        ids[row], similarities[row] = -1, 0.0
        least = products[i, k - 1] - error if candidates[i, k - 1] >= 0 else np.float32(-np.inf)
        if candidates[i, width - 1] < 0 or products[i, width - 1] < least:
            for at in range(width):
                j = candidates[i, at]
                if j < 0 or products[i, at] < least:
                    break
                similarity = products[i, at] if i < known and j < known else inner_product(x, i, j)
                admit(row, j, similarity, ids, similarities)
        else:
            for j in range(len(x)):
                if i != j and not empty[j]:
                    admit(row, j, inner_product(x, i, j), ids, similarities)


@kernel()
def admit(row: int, j: int, similarity: np.float32, ids: Int32, similarities: Float32) -> None:
    """Inserts row j into a list, if it is near enough."""
    last = ids.shape[1] - 1
    if (
        ids[row, last] < 0
        or similarity > similarities[row, last]
        or (similarity == similarities[row, last] and j < ids[row, last])
    ):
        _insert(row, last + 1, j, similarity, ids, similarities)
