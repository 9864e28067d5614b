"""Nearest words of descriptors in a codebook: fast, and independent of the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

import faiss
import numpy as np

from resight.arrays import Float32, Int32, Int64, UInt8
from resight.errors import FitError
from resight.forks import single_threaded_in_forks
from resight.kernels.compiling import kernel

FLAT_LIMIT = 2048
"""Largest codebook in which a descriptor is compared with all words."""
FILTER_LIMIT = 65_536
"""Largest codebook that is filtered by short codes; their cost grows with the number of words, that of a graph hardly.

On one core, a descriptor among 16,384 words (128-D): all distances 76 us; short codes with the distances of 48
candidates 25 us and of 120 for ten words 40 us, 99.9 and 99.97 % the same words, 0.1 s to make; a graph 31 us, 99.9 %,
1.2 s to make. A graph over 65,536 words takes 15 s to make."""

# Short codes: 32 parts of 4 bits (Andre, Kermarrec and Le Scouarnec, VLDB 2015), and the number of their candidates.
_PARTS, _FEWEST, _FOR_EACH = 32, 48, 12
# They are trained by fewer rounds on fewer centroids than faiss would: in a fifth of the time, with as many of the same
# words among the candidates.
_ROUNDS, _POINTS = 10, 128
# The graph: 32 links, and lists of 100 while building and of 64 while searching; it finds 99.9 % of the nearest words.
_LINKS, _BUILD_LIST, _SEARCH_LIST = 32, 100, 64
# Candidates beyond the k wanted. They are sorted again by exact distances, because some builds of faiss expand the
# square into a product of matrices, whose rounding depends on the batch.
_SPARE = 2
_BLOCK = 8192


class Assigner:
    """A search for the nearest words of descriptors.

    Up to `FLAT_LIMIT` words it compares with all of them; up to `FILTER_LIMIT` it uses short codes (product
    quantisation, Jegou, Douze and Schmid, TPAMI 2011), above an HNSW graph (Malkov and Yashunin, TPAMI 2020).

    A descriptor gets the same words in any batch and on any number of threads.
    """

    def __init__(
        self,
        centroids: Float32,
        graph: UInt8 | None = None,
        flat_limit: int = FLAT_LIMIT,
        filter_limit: int = FILTER_LIMIT,
    ) -> None:
        """Sets up the search.

        centroids: (size, d); graph: bytes from `graph()` of an assigner with the same centroids, which saves building
        it; flat_limit and filter_limit: as in the module.
        """
        single_threaded_in_forks("faiss", faiss.omp_set_num_threads)
        self.centroids = np.ascontiguousarray(centroids, np.float32)
        size, dimensions = self.centroids.shape
        self._least, self._each = _SPARE, 1
        self._made: Callable[[Float32], faiss.Index] = _flat
        if flat_limit < size <= filter_limit and dimensions % _PARTS == 0:
            self._least, self._each = _FEWEST, _FOR_EACH
            self._made = _short_codes
        elif size > max(flat_limit, filter_limit):
            self._made = _built_graph
            if graph is not None:
                # Looked at now: nobody wants to be told later that a file is damaged.
                restored = _restored_graph(self.centroids, graph)
                self._made = lambda _: restored

    @cached_property
    def _index(self) -> faiss.Index:
        # Not before it is needed: an index may be opened to be counted, or to be searched by what it has already.
        return self._made(self.centroids)

    def assign(self, x: Float32, k: int = 1) -> tuple[Int32, Float32]:
        """Returns the k nearest words of each descriptor of `x` (n, d), nearest first, and their distances.

        Words are (n, k) int32, of equally near ones the lowest number first; squared distances are (n, k) float32. `k`
        is at most the number of words.
        """
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
            _, candidates = self._index.search(points[block], min(max(k * self._each + _SPARE, self._least), size))
            unreached = np.flatnonzero((candidates < 0).any(axis=1))
            if len(unreached):  # a graph over many equal centroids may be disconnected
                candidates[unreached] = _flat(self.centroids).search(points[block][unreached], candidates.shape[1])[1]
            _nearest_first(points[block], self.centroids, candidates, words[block], distances[block])
        return words, distances

    def graph(self) -> UInt8:
        """Returns the HNSW graph as bytes (including the centroids) for an artefact.

        Raises FitError where there is none.
        """
        if not isinstance(self._index, faiss.IndexHNSWFlat):
            raise FitError(
                f"a codebook of {len(self.centroids)} words is searched without a graph; there is none to save"
            )
        return np.asarray(faiss.serialize_index(self._index), np.uint8)


def _flat(centroids: Float32) -> faiss.IndexFlatL2:
    index = faiss.IndexFlatL2(centroids.shape[1])
    index.add(centroids)
    return index


def _short_codes(centroids: Float32) -> faiss.IndexPQFastScan:
    index = faiss.IndexPQFastScan(centroids.shape[1], _PARTS, 4, faiss.METRIC_L2)
    index.pq.cp.niter, index.pq.cp.max_points_per_centroid = _ROUNDS, _POINTS
    with _one_thread():
        index.train(centroids)
        index.add(centroids)
    return index


@contextmanager
def _one_thread() -> Iterator[None]:
    # OpenMP keeps this number for each calling thread, so other threads' searches are not slowed down.
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _built_graph(centroids: Float32) -> faiss.IndexHNSWFlat:
    index = faiss.IndexHNSWFlat(centroids.shape[1], _LINKS)
    index.hnsw.efConstruction = _BUILD_LIST
    with _one_thread():  # several threads would add links in an order that varies
        index.add(centroids)
    index.hnsw.efSearch = _SEARCH_LIST
    return index


def _restored_graph(centroids: Float32, graph: UInt8) -> faiss.IndexHNSWFlat:
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


@kernel(fastmath={"reassoc"})
def _nearest_first(x: Float32, centroids: Float32, candidates: Int64, words: Int32, distances: Float32) -> None:
    """Sorts each row's candidates by their exact distance, then by number, into `words` and `distances` (n, k)."""
    k = words.shape[1]
    for row in range(len(x)):
        for seen, word in enumerate(candidates[row]):
            total = np.float32(0.0)
            for i in range(x.shape[1]):
                difference = x[row, i] - centroids[word, i]
                total += difference * difference
            distance = total
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
