"""Codebooks of visual words: k-means centroids (Sivic and Zisserman, ICCV 2003), and descriptors' nearest words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import faiss
import numba
import numpy as np
from numpy.typing import NDArray

from resight.errors import FitError

Floats = NDArray[np.float32]
Words = NDArray[np.int32]
Progress = Callable[[str], None]

POINTS_PER_WORD = 30
"""Training descriptors that a word should have. A median over m of them splits new descriptors to within 1/(2 sqrt(m))
of a half: 9 % with 30, which costs a Hamming signature next to nothing; with 5 it would be 22 %."""
ONE_LEVEL_LIMIT = 32_768
"""Largest codebook that is fitted in one level; an iteration costs points times words."""
EXACT_LIMIT = 65_536
"""Largest codebook that is searched exactly. On one core an exact search takes 66 us a descriptor (128-D) among 16 k
words and 266 us among 65 k; HNSW takes 70 and 180 us for 99.9 % the same words, after 2 and 15 s of building."""

# The graph: 32 links, and lists of 100 in building and of 64 in searching, 99.9 % the same words as exact search.
_LINKS, _BUILD_LIST, _SEARCH_LIST = 32, 100, 64
# Candidates beyond the k wanted. They are ordered again by exact distances, because some builds of faiss expand the
# square into a product of matrices, whose rounding depends on the batch.
_SPARE = 2
_BLOCK = 8192


def affordable_size(n: int, size: int) -> int:
    """The number of words, at most `size`, that `n` training descriptors are enough for; FitError where n is 0."""
    if n < 1:
        raise FitError("no descriptors to fit a codebook on; are there readable photos with some texture?")
    return max(1, min(size, n // POINTS_PER_WORD))


def fit_codebook(
    x: Floats,
    size: int,
    rng: np.random.Generator | int,
    iterations: int = 10,
    progress: Progress | None = None,
) -> Floats:
    """(size, d) float32 centroids of the descriptors `x` (n, d) by Lloyd's k-means from `size` of them drawn at random.

    `progress` is told a line after each iteration. FitError where there are fewer descriptors than words
    (`affordable_size` says how many make sense).

    Notes
    -----
    Above `ONE_LEVEL_LIMIT` words there are two levels (Nister and Stewenius, CVPR 2006, section 3): about sqrt(size)
    cells, and in each as many words as its share of the descriptors. The words are then one flat codebook; a descriptor
    belongs to the nearest of all of them, not to the nearest in its cell.
    """
    if not 1 <= size <= len(x):
        raise FitError(
            f"a codebook of {size} words cannot be fitted to {len(x)} descriptors; give more photos to fit on"
        )
    rng = np.random.default_rng(rng)
    points = np.ascontiguousarray(x, np.float32)
    if size <= ONE_LEVEL_LIMIT:
        return _lloyd(points, size, rng, iterations, progress)
    return _two_levels(points, size, rng, iterations, progress)


class Assigner:
    """Finds the nearest words: exactly up to `EXACT_LIMIT` of them, above by an HNSW graph (Malkov and Yashunin, TPAMI
    2020).

    The same descriptor gets the same words in any batch and on any number of threads.
    """

    def __init__(
        self, centroids: Floats, graph: NDArray[np.uint8] | None = None, exact_limit: int = EXACT_LIMIT
    ) -> None:
        """centroids: (size, d); graph: what `graph()` of an assigner with the same centroids returned, to save the
        building; exact_limit: most words that are searched exactly."""
        self.centroids = np.ascontiguousarray(centroids, np.float32)
        self.exact = len(centroids) <= exact_limit
        self._index: faiss.Index
        if self.exact:
            self._index = _flat(self.centroids)
        else:
            self._index = _built_graph(self.centroids) if graph is None else _restored_graph(self.centroids, graph)

    def assign(self, x: Floats, k: int = 1) -> tuple[Words, Floats]:
        """The k nearest words of each descriptor of `x` (n, d): (n, k) int32 words, nearest first, of equally near
        ones the lowest, and (n, k) float32 squared distances. `k` is at most the number of words."""
        size = len(self.centroids)
        if not 1 <= k <= size:
            raise FitError(
                f"{k} nearest words were asked for in a codebook of {size}; fit a larger one or ask for fewer"
            )
        points = np.ascontiguousarray(x, np.float32)
        words = np.empty((len(points), k), np.int32)
        distances = np.empty((len(points), k), np.float32)
        for start in range(0, len(points), _BLOCK):
            block = slice(start, start + _BLOCK)
            _, candidates = self._index.search(points[block], min(k + _SPARE, size))
            unreached = np.flatnonzero((candidates < 0).any(axis=1))
            if len(unreached):  # a graph over many equal centroids may fall apart
                candidates[unreached] = _flat(self.centroids).search(points[block][unreached], candidates.shape[1])[1]
            _nearest_first(points[block], self.centroids, candidates, words[block], distances[block])
        return words, distances

    def graph(self) -> NDArray[np.uint8]:
        """The HNSW graph as bytes (with the centroids inside) for an artefact; FitError where the search is exact."""
        if self.exact:
            raise FitError(f"a codebook of {len(self.centroids)} words is searched exactly and has no graph to save")
        return np.asarray(faiss.serialize_index(self._index), np.uint8)


def _flat(centroids: Floats) -> faiss.IndexFlatL2:
    index = faiss.IndexFlatL2(centroids.shape[1])
    index.add(centroids)
    return index


def _lloyd(x: Floats, size: int, rng: np.random.Generator, iterations: int, progress: Progress | None) -> Floats:
    centroids = x[np.sort(rng.choice(len(x), size, replace=False))]
    before: Words | None = None
    for iteration in range(1, iterations + 1):
        words, distances = Assigner(centroids, exact_limit=size).assign(x)
        centroids = _means(x, words[:, 0], distances[:, 0], size)
        if progress is not None:
            progress(f"k-means, {size} words: iteration {iteration} of {iterations}, error {distances.mean():.5f}")
        if before is not None and np.array_equal(words, before):
            break
        before = words
    return centroids


def _means(x: Floats, words: Words, distances: Floats, size: int) -> Floats:
    """The means of the words' descriptors; a word that has none takes one of the descriptors farthest from theirs."""
    sums, counts = _sum_words(x, words, size)
    empty = np.flatnonzero(counts == 0)
    farthest = np.argsort(-distances, kind="stable")[: len(empty)]
    sums[empty], counts[empty] = x[farthest], 1
    return np.asarray(sums / counts[:, None], np.float32)


def _two_levels(x: Floats, size: int, rng: np.random.Generator, iterations: int, progress: Progress | None) -> Floats:
    cells = round(size**0.5)
    words = Assigner(_lloyd(x, cells, rng, iterations, progress), exact_limit=cells).assign(x)[0][:, 0]
    counts = np.bincount(words, minlength=cells)
    order = np.argsort(words, kind="stable")
    ends = np.cumsum(counts)
    parts = []
    for cell, (end, count, share) in enumerate(zip(ends, counts, _shares(counts, size), strict=True), start=1):
        if share:
            parts.append(_lloyd(x[order[end - count : end]], int(share), rng, iterations, None))
        if progress is not None and (cell % 32 == 0 or cell == cells):
            progress(f"k-means, {size} words: cell {cell} of {cells}")
    return np.concatenate(parts)


def _shares(counts: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """`size` divided in proportion to `counts` by largest remainders; no share exceeds its count when size <= sum."""
    quotas = counts * (size / counts.sum())
    shares: NDArray[np.intp] = np.floor(quotas).astype(np.intp)
    order = np.argsort(shares - quotas, kind="stable")
    shares[order[: size - shares.sum()]] += 1
    return shares


@contextmanager
def _one_thread() -> Iterator[None]:
    # OpenMP keeps this number for each calling thread, so other threads' searches are not slowed down.
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _built_graph(centroids: Floats) -> faiss.IndexHNSWFlat:
    index = faiss.IndexHNSWFlat(centroids.shape[1], _LINKS)
    index.hnsw.efConstruction = _BUILD_LIST
    with _one_thread():  # several would link in the order in which they happen to run
        index.add(centroids)
    index.hnsw.efSearch = _SEARCH_LIST
    return index


def _restored_graph(centroids: Floats, graph: NDArray[np.uint8]) -> faiss.IndexHNSWFlat:
    try:
        index = faiss.deserialize_index(graph)
    except RuntimeError as error:
        raise FitError(f"the codebook's graph is damaged ({error}); fit it again") from error
    if not isinstance(index, faiss.IndexHNSWFlat) or (index.ntotal, index.d) != centroids.shape:
        raise FitError("the codebook's graph belongs to a codebook of another size; fit it again")
    if not np.array_equal(index.reconstruct_n(0, len(centroids)), centroids):
        raise FitError("the codebook's graph belongs to other centroids; fit it again")
    index.hnsw.efSearch = _SEARCH_LIST
    return index


@numba.njit(cache=True, nogil=True)
def _sum_words(x: Floats, words: Words, size: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    sums = np.zeros((size, x.shape[1]), np.float64)
    counts = np.zeros(size, np.int64)
    for row in range(len(x)):
        word = words[row]
        counts[word] += 1
        for i in range(x.shape[1]):
            sums[word, i] += x[row, i]
    return sums, counts


@numba.njit(cache=True, nogil=True)
def _nearest_first(
    x: Floats, centroids: Floats, candidates: NDArray[np.int64], words: Words, distances: Floats
) -> None:
    """Orders each row's candidates by their exact distance, then by number, into `words` and `distances` (n, k)."""
    k = words.shape[1]
    for row in range(len(x)):
        for seen, word in enumerate(candidates[row]):
            total = 0.0
            for i in range(x.shape[1]):
                total += (np.float64(x[row, i]) - np.float64(centroids[word, i])) ** 2
            distance = np.float32(total)
            place = min(seen, k)
            while place > 0 and (
                distance < distances[row, place - 1]
                or (distance == distances[row, place - 1] and word < words[row, place - 1])
            ):
                if place < k:
                    distances[row, place] = distances[row, place - 1]
                    words[row, place] = words[row, place - 1]
                place -= 1
            if place < k:
                distances[row, place] = distance
                words[row, place] = word
