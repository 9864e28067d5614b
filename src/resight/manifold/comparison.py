"""Rows compared with rows, tile by tile of the matrix of their inner products; each keeps its k most similar.

A product of matrices is fast, but its rounding depends on the shape of the tile. So it only tells which pairs can
matter: those within its greatest error of the k-th so far. What counts, and is kept, is the inner product summed in
float64 in one fixed order and rounded to float32. It is the same bit for bit for (i, j) and (j, i), in any tile, on
any number of threads; lists that grow by added rows are those that are built anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import NDArray

from resight.cores import cores

Floats = NDArray[np.float32]
Ids = NDArray[np.int32]

TILE = 2048
"""Rows and columns of a tile: 16 MB, which stays in a shared cache until both sides have looked through it."""
CHUNK = 32
"""Similarities that are looked at together; nearly always none of them matters."""
ROUNDING = 2.0**-24
"""Half the distance of two neighbouring float32 around 1."""


class NearestLists:
    """The k most similar rows of each row, most similar first, equally similar ones by number; never the row itself.

    x: (n, d) float32, finite; a row whose squared length is 0 in float32 is empty. ids: (n, k) int32, -1 past the end of a list; similarities: (n, k) float32, 0 there;
    both are changed in place. An empty row has an empty list and is in no list.
    """

    def __init__(self, x: Floats, ids: Ids, similarities: Floats) -> None:
        self._x = x
        self._ids = ids
        self._similarities = similarities
        squares = squared_norms(x)
        self._empty = squares == 0
        # |fl(x.y) - x.y| <= d u / (1 - d u) |x| |y| in any order of summation; doubled for the rounding of what is kept.
        self._error = np.float32(2.0 * (x.shape[1] + 2) * ROUNDING * float(squares.max(initial=0.0)))

    def compare(self, one: Ids, other: Ids) -> None:
        """Compares all rows of the one side with all of the other, and puts either into the lists of the other side.

        one, other: row numbers; the same array, or no row in common. No two rows may meet twice.
        """
        with ThreadPoolExecutor(cores()) as pool:
            for rows, columns in _tiles(one, other):
                self._tile(pool, rows, columns, both=rows is not columns)

    def search(self, rows: Ids, among: Ids) -> None:
        """Puts those of the rows `among` into the lists of `rows` that belong there, but not the reverse.

        No row of `among` may be in a list of `rows` yet.
        """
        with ThreadPoolExecutor(cores()) as pool:
            for start in range(0, len(rows), TILE):
                for first in range(0, len(among), TILE):
                    self._tile(pool, rows[start : start + TILE], among[first : first + TILE], both=False)

    def _tile(self, pool: ThreadPoolExecutor, rows: Ids, columns: Ids, *, both: bool) -> None:
        products = _taken(self._x, rows) @ _taken(self._x, columns).T
        lists = self._x, self._empty, self._error, self._ids, self._similarities
        # Two jobs never write to the same list: of the rows, or of the columns, which are other rows.
        jobs = [pool.submit(_keep_in_rows, products, *part, rows, columns, *lists) for part in _parts(len(rows))]
        if both:
            jobs += [
                pool.submit(_keep_in_columns, products, *part, rows, columns, *lists) for part in _parts(len(columns))
            ]
        for job in jobs:
            job.result()


def squared_norms(x: Floats) -> Floats:
    """(n,) squared lengths of rows; not finite where a row holds NaN or infinity, or is longer than 1e19."""
    return np.asarray(np.einsum("ij,ij->i", x, x), np.float32)


def _tiles(one: Ids, other: Ids) -> Iterator[tuple[Ids, Ids]]:
    """Every pair of rows once: of one side with itself the tiles on and above the diagonal."""
    for start in range(0, len(one), TILE):
        rows = one[start : start + TILE]
        if one is other:
            yield rows, rows
        for first in range(start + TILE if one is other else 0, len(other), TILE):
            yield rows, other[first : first + TILE]


def _taken(x: Floats, rows: Ids) -> Floats:
    consecutive = len(rows) > 0 and rows[-1] - rows[0] == len(rows) - 1
    return x[rows[0] : rows[-1] + 1] if consecutive else x[rows]


def _parts(n: int) -> list[tuple[int, int]]:
    bounds = np.linspace(0, n, cores() + 1).astype(int).tolist()
    return list(zip(bounds[:-1], bounds[1:], strict=True))


@numba.njit(cache=True, nogil=True)
def inner_product(x: Floats, i: int, j: int) -> np.float32:
    """The inner product of rows i and j of `x`, summed in float64 in one fixed order of eight lanes."""
    a = b = c = d = e = f = g = h = 0.0
    whole = x.shape[1] // 8 * 8
    for at in range(0, whole, 8):
        a += np.float64(x[i, at]) * np.float64(x[j, at])
        b += np.float64(x[i, at + 1]) * np.float64(x[j, at + 1])
        c += np.float64(x[i, at + 2]) * np.float64(x[j, at + 2])
        d += np.float64(x[i, at + 3]) * np.float64(x[j, at + 3])
        e += np.float64(x[i, at + 4]) * np.float64(x[j, at + 4])
        f += np.float64(x[i, at + 5]) * np.float64(x[j, at + 5])
        g += np.float64(x[i, at + 6]) * np.float64(x[j, at + 6])
        h += np.float64(x[i, at + 7]) * np.float64(x[j, at + 7])
    for at in range(whole, x.shape[1]):
        a += np.float64(x[i, at]) * np.float64(x[j, at])
    return np.float32(((a + b) + (c + d)) + ((e + f) + (g + h)))


@numba.njit(cache=True, nogil=True)
def _offer(x: Floats, empty: NDArray[np.bool_], i: int, j: int, ids: Ids, similarities: Floats) -> None:
    """Row j into the list of row i, if it belongs there."""
    if i == j or empty[i] or empty[j]:
        return
    k = ids.shape[1]
    similarity = inner_product(x, i, j)
    place = k
    while place > 0 and (
        ids[i, place - 1] < 0
        or similarity > similarities[i, place - 1]
        or (similarity == similarities[i, place - 1] and j < ids[i, place - 1])
    ):
        place -= 1
    if place < k:
        for at in range(k - 1, place, -1):
            ids[i, at] = ids[i, at - 1]
            similarities[i, at] = similarities[i, at - 1]
        ids[i, place] = j
        similarities[i, place] = similarity


@numba.njit(cache=True, nogil=True)
def _least(i: int, error: np.float32, ids: Ids, similarities: Floats) -> np.float32:
    """What a product has to reach for a row to be offered to the list of row i."""
    last = ids.shape[1] - 1
    return np.float32(similarities[i, last] - error) if ids[i, last] >= 0 else np.float32(-np.inf)


@numba.njit(cache=True, nogil=True)
def _keep_in_rows(
    products: Floats,
    start: int,
    end: int,
    rows: Ids,
    columns: Ids,
    x: Floats,
    empty: NDArray[np.bool_],
    error: np.float32,
    ids: Ids,
    similarities: Floats,
) -> None:
    """Offers the columns to the lists of the rows from `start` to `end` of a tile."""
    width = len(columns)
    for row in range(start, end):
        i = rows[row]
        least = _least(i, error, ids, similarities)
        for first in range(0, width, CHUNK):
            after = min(first + CHUNK, width)
            reached = 0
            for column in range(first, after):
                reached += products[row, column] >= least
            if reached:
                for column in range(first, after):
                    if products[row, column] >= least:
                        _offer(x, empty, i, columns[column], ids, similarities)
                        least = _least(i, error, ids, similarities)


@numba.njit(cache=True, nogil=True)
def _keep_in_columns(
    products: Floats,
    start: int,
    end: int,
    rows: Ids,
    columns: Ids,
    x: Floats,
    empty: NDArray[np.bool_],
    error: np.float32,
    ids: Ids,
    similarities: Floats,
) -> None:
    """Offers the rows to the lists of the columns from `start` to `end` of a tile."""
    least = np.empty(end - start, np.float32)
    for column in range(start, end):
        least[column - start] = _least(columns[column], error, ids, similarities)
    for row in range(len(rows)):
        for first in range(start, end, CHUNK):
            after = min(first + CHUNK, end)
            reached = 0
            for column in range(first, after):
                reached += products[row, column] >= least[column - start]
            if reached:
                for column in range(first, after):
                    if products[row, column] >= least[column - start]:
                        _offer(x, empty, columns[column], rows[row], ids, similarities)
                        least[column - start] = _least(columns[column], error, ids, similarities)
