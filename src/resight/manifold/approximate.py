"""Approximate nearest neighbours, and their recall, for collections too large to compare all rows with all.

An inverted file of k-means cells. On clustered features it reaches the recall of an HNSW graph several times faster:
HNSW needs a search for every row that it inserts, and another for its neighbours.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import faiss
import numpy as np

from resight.arrays import Float32, Int32, Int64
from resight.cores import cores
from resight.errors import UsageError
from resight.forks import single_threaded_in_forks
from resight.kernels.compiling import kernel
from resight.manifold.comparison import NearestLists, admit, inner_product, squared_norms
from resight.manifold.graph import Neighbours, checked, nearest_neighbours
from resight.progress import Progress

EXACT = 10_000
"""Number of rows up to which all are compared with all, which takes a second or two."""
CELLS = 2.0
"""Number of cells, relative to the square root of the number of rows."""
TRAINED = 40
"""Average number of training rows per cell; faiss warns below 39."""
ROUNDS = 8
"""Iterations of k-means."""
BLOCK = 16_384
"""Rows searched at a time."""
SPARE = 16
"""Candidates beyond k: faiss rounds inner products differently."""
DRAWN = 200
"""Rows whose exact neighbours are used to measure the recall."""


def approximate_neighbours(
    descriptors: Float32, k: int, *, probes: int = 8, seed: int = 0, progress: Progress | None = None
) -> tuple[Neighbours, float]:
    """Finds k near neighbours of every row by inner product, most of them the nearest, and measures the recall.

    descriptors: (n, d) float32, rows L2-normalised or zero; the lists are like those of `nearest_neighbours`. recall:
    the share of the exact neighbours of 200 random rows that are in their lists; one as near as the last counts.
    probes: cells searched for each row; more cells are slower and find more. `progress` is called with the number of
    rows searched and the total. Up to 10,000 rows, the lists are exact. Raises UsageError where k or probes < 1, or a
    row is not finite.

    Source: Jégou, Douze & Schmid, "Product quantization for nearest neighbor search", PAMI 2011, section IV.A, here
    with whole descriptors.

    Notes: the same rows, seed and faiss give the same lists, as far as matrix products do: another number of threads or
    another processor may round differently, and assign a row on the border of two cells to the other one.
    """
    x = checked(descriptors)
    if k < 1 or probes < 1:
        raise UsageError(f"{k} neighbours from {probes} cells were asked for; ask for at least 1 of each")
    filled = np.flatnonzero(squared_norms(x) > 0).astype(np.int32)
    if len(filled) <= EXACT:
        return nearest_neighbours(x, k, progress), 1.0
    index = _cells(x if len(filled) == len(x) else x[filled], seed)
    index.nprobe = probes
    found = Neighbours(np.full((len(x), k), -1, np.int32), np.zeros((len(x), k), np.float32))
    order = filled[_cell_by_cell(index)]
    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(order), BLOCK):
            rows = order[start : start + BLOCK]
            _, places = index.search(x[rows], k + 1 + SPARE)
            candidates = np.where(places >= 0, filled[places], -1).astype(np.int32)
            bounds = np.linspace(0, len(rows), cores() + 1).astype(int).tolist()
            keep = partial(_keep, x, rows, candidates, found.ids, found.similarities)
            list(pool.map(keep, bounds[:-1], bounds[1:]))
            if progress is not None:
                progress(start + len(rows), len(order))
    return found, _recall(x, filled, found, seed)


def _cells(x: Float32, seed: int) -> Any:
    """Builds faiss's inverted file of all rows of `x`."""
    count = int(CELLS * len(x) ** 0.5)
    single_threaded_in_forks("faiss", faiss.omp_set_num_threads)
    coarse = faiss.IndexFlatIP(x.shape[1])
    index = faiss.IndexIVFFlat(coarse, x.shape[1], count, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.seed, index.cp.spherical = ROUNDS, seed, True
    rows = np.random.default_rng(seed).choice(len(x), min(len(x), count * TRAINED), replace=False)
    index.train(x[rows])
    index.add(x)
    return index


def _cell_by_cell(index: Any) -> Int64:
    """Returns all rows, grouped by cell: rows of a cell search the same cells, which then are in the cache."""
    lists = index.invlists
    sizes = [lists.list_size(cell) for cell in range(index.nlist)]
    return np.concatenate(
        [faiss.rev_swig_ptr(lists.get_ids(cell), size).copy() for cell, size in enumerate(sizes) if size]
    )


@kernel()
def _keep(x: Float32, rows: Int32, candidates: Int32, ids: Int32, similarities: Float32, start: int, end: int) -> None:
    """Keeps the k most similar candidates of each row, except itself, by the inner products of exact lists."""
    for at in range(start, end):
        for j in candidates[at]:
            if j >= 0 and j != rows[at]:
                admit(rows[at], j, inner_product(x, rows[at], j), ids, similarities)


def _recall(x: Float32, filled: Int32, found: Neighbours, seed: int) -> float:
    drawn = np.sort(np.random.default_rng(seed).choice(filled, min(DRAWN, len(filled)), replace=False))
    lists = NearestLists(x, found.k)
    lists.search(drawn, np.arange(len(x), dtype=np.int32))
    ids, similarities = lists.finished(drawn)
    counts = np.count_nonzero(ids >= 0, axis=1)
    least = similarities[np.arange(len(drawn)), counts - 1]
    right = (found.ids[drawn] >= 0) & (found.similarities[drawn] >= least[:, None])
    return float(right.sum() / counts.sum())
