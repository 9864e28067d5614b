"""Offline diffusion: a sparse row of scores for every image, solved once; a query sums the rows of its neighbours.

graph: (n, n) S, y: (n,) or (n, q), as in `signal`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Array, Float32, Float64, Floating, Int32, Int64, Integer
from resight.cores import cores
from resight.errors import UsageError
from resight.kernels.compiling import kernel
from resight.manifold.conjugate import INDEFINITE, conjugate_gradient
from resight.manifold.edges import edges_between
from resight.manifold.signal import checked_alpha, checked_graph, checked_signal
from resight.progress import Progress

ITERATIONS = 20
TOLERANCE = 1e-6
CHUNK = 64
"""Items that a thread solves before it reports progress."""


def diffusion_rows(
    graph: csr_array,
    items: Integer,
    nearest: Integer,
    alpha: float = 0.99,
    *,
    progress: Progress | None = None,
) -> csr_array:
    """Returns (m, n) float32: row i is the solution f for y = 1 at items[i].

    f = (1 - alpha)(I - alpha S)^-1 y on the part of the graph that nearest[i] spans. Scores of 0, for nodes that are
    not connected there, are not stored.

    items: (m,) nodes; nearest: (m, t) the t nearest nodes of each (1000 in the paper), padded with -1. `progress` is
    called with the number of rows solved and the total. At most m t scores are held: solve a large graph in blocks of
    items. Raises UsageError for anything but a graph, or nodes that it does not have.

    Source: Yang, Hinami, Matsui, Ly & Satoh, "Efficient image retrieval via decoupling diffusion into online and
    offline processing", AAAI 2019 (S is normalised before it is cut: "late truncation").

    Notes: an item is a node of its own row wherever it is among its nearest, behind its duplicates or not at all; in
    the last case it replaces the last of them.
    """
    s = checked_graph(graph)
    chosen, lists = _checked_lists(items, nearest, s.shape[0])
    rows, width = lists.shape
    # A row never has more nodes than the graph, however long the lists.
    width = min(max(width, 1), s.shape[0])
    counts, ids = np.zeros(rows, np.int64), np.empty((rows, width), np.int32)
    scores = np.empty((rows, width), np.float32)

    def solve(start: int) -> bool:
        end = min(start + CHUNK, rows)
        return bool(
            _solve_rows(
                s.indptr,
                s.indices,
                s.data,
                checked_alpha(alpha),
                chosen[start:end],
                lists[start:end],
                counts[start:end],
                ids[start:end],
                scores[start:end],
            )
        )

    with ThreadPoolExecutor(cores()) as pool:
        starts = range(0, rows, CHUNK)
        for start, good in zip(starts, pool.map(solve, starts), strict=True):
            if not good:
                raise UsageError("the graph has an eigenvalue above 1; normalise it before diffusion")
            if progress is not None:
                progress(min(start + CHUNK, rows), rows)
    stored = np.arange(width) < counts[:, None]
    found = csr_array((scores[stored], ids[stored], np.concatenate([[0], np.cumsum(counts)])), shape=(rows, s.shape[0]))
    found.sort_indices()
    return found


def diffusion_row_reference(graph: csr_array, item: int, nearest: Integer, alpha: float) -> Float64:
    """Returns (n,) one row of `diffusion_rows`, solved exactly."""
    nodes = list(dict.fromkeys([item, *(node for node in nearest.tolist() if node >= 0)]))[: len(nearest)]
    part = np.eye(len(nodes)) - alpha * graph.toarray()[np.ix_(nodes, nodes)]
    row = np.zeros(graph.shape[0])
    row[nodes] = (1.0 - alpha) * np.linalg.solve(part, np.eye(len(nodes))[0])
    return row


class Offline:
    """A solver that sums the rows of a query's neighbours, f = sum over i of y_i row_i.

    rows: (n, n) from `diffusion_rows` for all nodes in order.

    Source: Yang et al., AAAI 2019.
    """

    def __init__(self, rows: csr_array) -> None:
        if rows.ndim != 2 or rows.shape[0] != rows.shape[1]:
            raise UsageError(f"rows of shape {rows.shape} are not those of all nodes; solve one for each, in turn")
        self._rows = rows

    def __call__(self, y: Floating) -> Float32:
        """Returns diffused scores of y, float32, in its shape.

        Raises UsageError where y is of another graph, or not finite.

        Notes: its cost is the number of scores in the rows of nodes at which y is not 0.
        """
        y = checked_signal(y, self._rows.shape[0])
        nodes = np.flatnonzero(y if y.ndim == 1 else y.any(axis=1))
        return np.asarray(self._rows[nodes].T @ y[nodes].astype(np.float32), np.float32)


def _checked_lists(items: Array, nearest: Array, nodes: int) -> tuple[Int32, Int32]:
    if items.ndim != 1 or nearest.ndim != 2 or len(items) != len(nearest):
        raise UsageError(
            f"items {items.shape} and their nearest {nearest.shape} do not go together: give a list for each"
        )
    if len(items) and not (items.min() >= 0 and items.max() < nodes):
        raise UsageError(f"items {items.min()} to {items.max()} are not all nodes of a graph of {nodes}")
    if nearest.size and not (nearest.min() >= -1 and nearest.max() < nodes):
        raise UsageError(f"nearest {nearest.min()} to {nearest.max()} are not all nodes of a graph of {nodes}")
    return np.ascontiguousarray(items, np.int32), np.ascontiguousarray(nearest, np.int32)


@kernel()
def _solve_rows(
    indptr: Int32,
    indices: Int32,
    data: Float64,
    alpha: float,
    items: Int32,
    nearest: Int32,
    counts: Int64,
    ids: Int32,
    scores: Float32,
) -> bool:
    """Fills counts, ids and scores of the items; returns False where a part of the graph is not positive definite."""
    place = np.full(len(indptr) - 1, -1, np.int32)
    for item in range(len(items)):
        nodes = ids[item].copy()
        size = _span(items[item], nearest[item], nodes, place)
        starts, columns, values = edges_between(indptr, indices, data, nodes[:size], place)
        place[nodes[:size]] = -1
        y, x = np.zeros(size), np.zeros(size)
        y[0] = 1.0
        taken, _ = conjugate_gradient(starts, columns, values, alpha, y, x, TOLERANCE, ITERATIONS)
        if taken == INDEFINITE:
            return False
        for node in range(size):
            if x[node] != 0.0:
                ids[item, counts[item]] = nodes[node]
                scores[item, counts[item]] = (1.0 - alpha) * x[node]
                counts[item] += 1
    return True


@kernel()
def _span(item: int, nearest: Int32, nodes: Int32, place: Int32) -> int:
    """Writes the item and then its nearest into `nodes`, each once, up to its length; returns their number."""
    nodes[0], place[item], size = item, 0, 1
    for node in nearest:
        if node >= 0 and place[node] < 0 and size < len(nodes):
            nodes[size], place[node] = node, size
            size += 1
    return size
