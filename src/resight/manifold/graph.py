"""The reciprocal nearest-neighbour graph of a collection, on which diffusion runs.

Here k never counts the image itself. The papers and their authors' code count it: their k = 50 is k = 49 here.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Array, Float32, Int32, Int64, Integer
from resight.cores import cores
from resight.errors import UsageError
from resight.kernels.compiling import kernel
from resight.manifold.comparison import TILE, NearestLists, squared_norms
from resight.manifold.edges import normalised_values
from resight.progress import Progress

MOST = 100_000
"""Most neighbours of a row: lists have the length asked for, however few rows there are."""


@dataclass(frozen=True)
class Neighbours:
    """The k nearest neighbours of each row of a collection, nearest first, ties by row number.

    ids: (n, k) int32 row numbers; -1 where a row has fewer than k. similarities: (n, k) float32 inner products; 0
    there. A row is never its own neighbour, whatever copies of it there are, so that k is one less than in papers and
    their authors' code, which count the row itself. Rows that are zero (images without features) have no neighbours and
    are in no list.
    """

    ids: Int32
    similarities: Float32

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def k(self) -> int:
        """Number of neighbours of a row where there are enough rows."""
        return int(self.ids.shape[1])


def nearest_neighbours(descriptors: Float32, k: int, progress: Progress | None = None) -> Neighbours:
    """Finds the k nearest neighbours of every row by inner product, exactly, the same on any number of threads.

    descriptors: (n, d) float32, rows L2-normalised or zero. Where k exceeds n - 1, the lists end with -1. `progress` is
    called with the number of pairs compared and the total. Raises UsageError where k < 1 or above `MOST`, or a row is
    not finite.
    """
    x = checked(descriptors)
    if not 1 <= k <= MOST:
        raise UsageError(f"{k} neighbours were asked for; ask for 1 to {MOST}")
    lists = NearestLists(x, k)
    rows = np.arange(len(x), dtype=np.int32)
    for start in range(0, len(x), TILE):
        block, rest = rows[start : start + TILE], rows[start + TILE :]
        lists.compare(block, block)
        lists.compare(block, rest)
        if progress is not None:
            progress(_pairs(len(x)) - _pairs(len(rest)), _pairs(len(x)))
    return Neighbours(*lists.finished(rows))


def with_added(neighbours: Neighbours, old_descriptors: Float32, new_descriptors: Float32) -> Neighbours:
    """Returns `nearest_neighbours` of the old rows followed by the new ones, comparing only the new ones.

    neighbours: of the (n, d) old descriptors. Raises UsageError where n or d differ, or a row is not finite.
    """
    if len(neighbours) != len(old_descriptors):
        raise UsageError(f"neighbours of {len(neighbours)} rows do not belong to {len(old_descriptors)} descriptors")
    if new_descriptors.ndim != 2 or new_descriptors.shape[1] != old_descriptors.shape[1]:
        raise UsageError(f"descriptors {new_descriptors.shape} cannot be added to {old_descriptors.shape}")
    x = checked(np.concatenate([old_descriptors, new_descriptors]))
    rows = np.arange(len(x), dtype=np.int32)
    old, new = rows[: len(neighbours)], rows[len(neighbours) :]
    lists = NearestLists(x, neighbours.k)
    lists.begin_with(neighbours.ids, neighbours.similarities)
    lists.compare(old, new)
    lists.compare(new, new)
    return Neighbours(*lists.finished(rows))


def without(neighbours: Neighbours, removed_rows: Integer, descriptors: Float32) -> Neighbours:
    """Returns `nearest_neighbours` of the remaining rows, renumbered in their order.

    neighbours: of the (n, d) descriptors, which still hold the removed rows. Only rows that lose a neighbour, and could
    have another, are searched again. Raises UsageError where rows do not exist, n differs, or a row is not finite.
    """
    n = len(neighbours)
    if len(descriptors) != n:
        raise UsageError(f"neighbours of {n} rows do not belong to {len(descriptors)} descriptors")
    removed = row_numbers(removed_rows)
    if len(removed) and not (removed.min() >= 0 and removed.max() < n):
        raise UsageError(f"rows {removed.min()} to {removed.max()} cannot all be removed from {n}")
    kept = np.ones(n, np.bool_)
    kept[removed] = False
    x = checked(descriptors[kept])
    number = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
    ids, similarities = neighbours.ids[kept], neighbours.similarities[kept]
    _forget(ids, similarities, number)
    alive = squared_norms(x) > 0
    # If all other rows are in the list, there is nothing to search for.
    others = np.count_nonzero(alive) - 1
    lost = np.flatnonzero(alive & (np.count_nonzero(ids >= 0, axis=1) < min(neighbours.k, others))).astype(np.int32)
    lists = NearestLists(x, neighbours.k)
    lists.search(lost, np.arange(len(x), dtype=np.int32))
    ids[lost], similarities[lost] = lists.finished(lost)
    return Neighbours(ids, similarities)


def mutual_affinity(neighbours: Neighbours, k: int, gamma: float = 3.0) -> csr_array:
    """Returns the (n, n) float32 affinity max(similarity, 0)**gamma of rows among the k nearest of each other.

    Symmetric, zero diagonal, ascending columns. Raises UsageError where k < 1 or more than the lists hold, or gamma is
    not positive.

    Source: Iscen, Tolias, Avrithis, Furon & Chum, "Efficient diffusion on region manifolds", CVPR 2017, section 3.1.

    Notes: k does not count the row itself; for the k of the paper give k - 1. Rows whose similarity is not positive are
    not connected. Where the two similarities of a pair differ, as in searches by weighted words, their mean is used.
    """
    if not 1 <= k <= neighbours.k:
        raise UsageError(f"a graph of {k} neighbours was asked for, and the lists hold {neighbours.k}")
    if not 0 < gamma < np.inf:
        raise UsageError(f"gamma is {gamma}; it has to be positive, 3 in the papers")
    n = len(neighbours)
    ids, similarities = neighbours.ids[:, :k], neighbours.similarities[:, :k]
    mutual = np.zeros((n, k), np.float32)
    counts = np.zeros(n + 1, np.int64)
    bounds = np.linspace(0, n, cores() + 1).astype(int).tolist()
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(partial(_find_mutual, ids, similarities, mutual, counts[1:]), bounds[:-1], bounds[1:]))
        starts = np.cumsum(counts)
        index = np.int32 if starts[-1] < 2**31 else np.int64
        columns, values = np.empty(starts[-1], index), np.empty(starts[-1], np.float32)
        fill = partial(_fill_mutual, ids, mutual, float(gamma), starts, columns, values)
        list(pool.map(fill, bounds[:-1], bounds[1:]))
    return csr_array((values, columns, starts.astype(index)), shape=(n, n))


def mutual_affinity_reference(neighbours: Neighbours, k: int, gamma: float = 3.0) -> csr_array:
    """Computes `mutual_affinity` pair by pair."""
    lists = [[j for j in row if j >= 0] for row in neighbours.ids[:, :k].tolist()]
    affinity = np.zeros((len(lists), len(lists)), np.float32)
    for i, row in enumerate(lists):
        for place, j in enumerate(row):
            if i in lists[j]:
                sides = neighbours.similarities[i, place], neighbours.similarities[j, lists[j].index(i)]
                affinity[i, j] = float(np.mean(sides)) ** gamma if min(sides) > 0 else 0.0
    return csr_array(affinity)


def normalised(affinity: csr_array) -> csr_array:
    """Returns D^-1/2 A D^-1/2 with D the row sums of A (n, n); a row without neighbours stays zero.

    Its eigenvalues are in [-1, 1], and each connected component has the eigenvalue 1 once. Raises UsageError where A is
    not square, or has negative or infinite affinities. Source: Zhou, Weston, Gretton, Bousquet & Scholkopf, "Ranking on
    data manifolds", NIPS 2003, step 3.
    """
    if affinity.shape[0] != affinity.shape[1] or not (affinity.data >= 0).all() or not np.isfinite(affinity.data).all():
        raise UsageError(f"an affinity of shape {affinity.shape} has to be square, and nowhere negative or not finite")
    values = normalised_values(affinity.indptr, affinity.indices, affinity.data)
    values = values.astype(np.result_type(affinity.dtype, np.float32))
    return csr_array((values, affinity.indices, affinity.indptr), shape=affinity.shape)


def row_numbers(rows: Array) -> Int64:
    """Returns row numbers (m,) as int64.

    Raises UsageError for another shape, or for masks and fractions, which are not row numbers.
    """
    given = np.asarray(rows)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise UsageError(f"rows of shape {given.shape} and type {given.dtype} are no (m,) row numbers")
    return given.astype(np.int64)


def checked(descriptors: Float32) -> Float32:
    """Returns descriptors (n, d) as contiguous float32.

    Raises UsageError where the shape differs, or a row is not finite.
    """
    if descriptors.ndim != 2:
        raise UsageError(f"descriptors are {descriptors.shape}, not (n, d)")
    x = np.ascontiguousarray(descriptors, np.float32)
    wrong = np.flatnonzero(~np.isfinite(squared_norms(x)))
    if len(wrong):
        raise UsageError(f"row {wrong[0]} of the descriptors is not finite ({len(wrong)} are not); extract it again")
    return x


def _pairs(n: int) -> int:
    return n * (n - 1) // 2


@kernel()
def _forget(ids: Int32, similarities: Float32, number: Int32) -> None:
    """Renumbers the entries of lists and removes those whose number is negative."""
    for row in range(len(ids)):
        length = 0
        for place in range(ids.shape[1]):
            if ids[row, place] >= 0 and number[ids[row, place]] >= 0:
                ids[row, length] = number[ids[row, place]]
                similarities[row, length] = similarities[row, place]
                length += 1
        ids[row, length:] = -1
        similarities[row, length:] = 0.0


@kernel()
def _find_mutual(ids: Int32, similarities: Float32, mutual: Float32, counts: Int64, start: int, end: int) -> None:
    """Finds the similarity of each list entry that is connected with its row, and counts these entries per row."""
    for row in range(start, end):
        for at in range(ids.shape[1]):
            other = ids[row, at]
            if other < 0 or not similarities[row, at] > 0:
                continue
            # No early exit: a whole list is compared at once.
            found = 0
            for place in range(ids.shape[1]):
                found += ids[other, place] == row
            if not found:
                continue
            place = 0
            while ids[other, place] != row:
                place += 1
            if similarities[other, place] > 0:
                mutual[row, at] = (similarities[row, at] + similarities[other, place]) / np.float32(2)
                counts[row] += 1


@kernel()
def _fill_mutual(
    ids: Int32,
    mutual: Float32,
    gamma: float,
    starts: Int64,
    columns: Integer,
    values: Float32,
    start: int,
    end: int,
) -> None:
    """Writes the connected rows of each row, sorted by number."""
    for row in range(start, end):
        length = starts[row]
        for at in range(ids.shape[1]):
            if mutual[row, at] > 0:
                place = length
                while place > starts[row] and columns[place - 1] > ids[row, at]:
                    columns[place] = columns[place - 1]
                    values[place] = values[place - 1]
                    place -= 1
                columns[place] = ids[row, at]
                values[place] = np.float64(mutual[row, at]) ** gamma
                length += 1
