"""An inverted file: vectors in cells around centroids, as product codes of 4 bits for 2 or 4 numbers, by faiss.

Source: Jegou, Douze & Schmid, "Product quantization for nearest neighbor search", TPAMI 2011, section IV; codes of 4
bits are compared in registers, 32 vectors at once, as in Andre, Kermarrec & Le Scouarnec, "Cache locality is not
enough", VLDB 2015.

Notes: codes are kept in the order of the cells. On vectors whose neighbours are as far as those of photos most cells
are to be looked at, whatever the codes; these cost a seventh of comparing the vectors, and 64 to 256 of the best have
the 10 nearest (`benchmarks/approximate.py`). Codes of 8 bits a number are no quicker than the vectors themselves, and
RaBitQ's of 1 bit find less than product codes of the same length.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from resight.arrays import Arrays, Float32, Int64, Mask, Vectors
from resight.forks import single_threaded_in_forks
from resight.kernels.soundness import finite, misshapen
from resight.progress import Progress
from resight.search.approximate.selected import selector
from resight.search.approximate.source import Source

CELLS = 2.0
"""Number of cells, relative to the square root of the number of vectors."""
TRAINED = 40
"""Vectors a cell on which centroids are fitted; faiss warns below 39."""
ROUNDS = 8
"""Iterations of k-means."""
CODE_BITS = 4
REACH = 4096
"""Candidates that are taken of the cells: reading them costs more than keeping the best."""
CHEAPER = 7.0
"""Codes that are compared in the time of one vector."""


def make_cells(source: Source, together: int, rng: np.random.Generator, progress: Progress | None = None) -> Arrays:
    """Returns the arrays of an inverted file of all vectors of a source.

    together: how many numbers have a code of 4 bits. `ids` of its arrays are by position, and positions are in the
    order of the cells.
    """
    single_threaded_in_forks("faiss", faiss.omp_set_num_threads)
    count, dimension = len(source.ids), source.dimension
    cells = max(1, min(int(CELLS * count**0.5), count))
    sample = source.drawn(max(cells * TRAINED, 1 << 12), rng)[1]
    index = _empty(_centroids(sample[: cells * TRAINED], cells, rng), parts_of(dimension, together))
    index.pq.cp.min_points_per_centroid = 1
    index.train(sample)
    del sample
    where, coded = np.empty(count, np.int64), np.empty((count, index.code_size), np.uint8)
    for start, vectors in source.parts():
        end = start + len(vectors)
        where[start:end] = index.quantizer.assign(vectors, 1).ravel()
        given = vectors, where[start:end], coded[start:end]
        index.encode_vectors(len(vectors), *(faiss.swig_ptr(one) for one in given), False)
        if progress is not None:
            progress(end, count)
    order = np.argsort(where, kind="stable")
    return {
        "ids": source.ids[order],
        "codes": np.take(coded, order, axis=0),
        "sizes": np.bincount(where, minlength=cells).astype(np.int64),
        "centroids": index.quantizer.reconstruct_n(0, cells),
        "book": faiss.vector_to_array(index.pq.centroids).reshape(index.pq.M, 1 << CODE_BITS, -1),
    }


def parts_of(dimension: int, together: int) -> int:
    """Returns the number of codes of a vector: an even one that divides its dimensions, of `together` each or more."""
    most = max(1, dimension // together)
    return next((parts for parts in range(most, 1, -1) if dimension % parts == 0 and parts % 2 == 0), 1)


def cells_fault(arrays: Arrays) -> tuple[str, str] | None:
    """Returns the first array that `make_cells` cannot have made and what is wrong with it: faiss trusts them."""
    shapes: dict[str, Any] = {
        "centroids": (np.float32, (None, None)),
        "book": (np.float32, (None, 1 << CODE_BITS, None)),
    }
    if found := misshapen(arrays, {"ids": (np.int64, (None,)), "sizes": (np.int64, (None,)), **shapes}):
        return found
    count, (cells, dimension), (parts, _, together) = (arrays[name].shape for name in ("ids", "centroids", "book"))
    if not parts or parts * together != dimension or not cells:
        return "book", f"is not of {dimension} dimensions"
    expected = {"codes": (np.uint8, (*count, (parts + 1) // 2)), "sizes": (np.int64, (cells,))}
    if found := misshapen(arrays, expected):
        return found
    if arrays["sizes"].min() < 0 or arrays["sizes"].sum() != count[0]:
        return "sizes", f"does not share out the {count[0]} vectors"
    endless = (name for name in ("centroids", "book") if not finite(arrays[name]))
    return next(((name, "has numbers that are not finite") for name in endless), None)


class Cells:
    """An inverted file that was kept. Safe to share between threads."""

    def __init__(self, arrays: Arrays) -> None:
        """arrays: of `make_cells`, without a fault; copied."""
        single_threaded_in_forks("faiss", faiss.omp_set_num_threads)
        plain = _empty(np.array(arrays["centroids"]), len(arrays["book"]))
        faiss.copy_array_to_vector(np.array(arrays["book"]).ravel(), plain.pq.centroids)
        ends = np.cumsum(arrays["sizes"])
        for cell, (end, size) in enumerate(zip(ends.tolist(), arrays["sizes"].tolist(), strict=True)):
            if size:
                places, codes = np.arange(end - size, end), np.ascontiguousarray(arrays["codes"][end - size : end])
                plain.invlists.add_entries(cell, size, faiss.swig_ptr(places), faiss.swig_ptr(codes))
        plain.ntotal, plain.is_trained = len(arrays["ids"]), True
        self._index = faiss.IndexIVFPQFastScan(plain)
        self._quantizer = plain.quantizer  # which faiss does not copy

    @property
    def most(self) -> int:
        """The number of cells."""
        return int(self._index.nlist)

    def reach(self, probes: int) -> int:
        """Returns a number of candidates that cost little beside the cells."""
        return REACH

    def cost(self, probes: int) -> float:
        """Returns how many vectors are compared in the time in which the codes of so many cells are."""
        return float(self._index.ntotal * probes / self.most / CHEAPER)

    def search(self, queries: Vectors, count: int, probes: int, chosen: Mask | None = None) -> Int64:
        """Returns (q, count) positions of the nearest in the nearest cells; see `Structure`. probes: cells."""
        given = np.ascontiguousarray(queries, np.float32)
        parameters = faiss.SearchParametersIVF(nprobe=min(probes, self.most))  # type: ignore[call-arg]
        with selector(parameters, chosen):
            _, places = self._index.search(given, count, params=parameters)
        return np.asarray(places, np.int64)


def _empty(centroids: Float32, parts: int) -> Any:
    """Returns faiss's inverted file without vectors."""
    cells, dimension = centroids.shape
    coarse = faiss.IndexFlatIP(dimension)
    coarse.add(np.ascontiguousarray(centroids))
    index: Any = faiss.IndexIVFPQ(coarse, dimension, cells, parts, CODE_BITS, faiss.METRIC_INNER_PRODUCT)
    # faiss would fit the centroids anew.
    index.quantizer_trains_alone = 1
    return index


def _centroids(sample: Vectors, cells: int, rng: np.random.Generator) -> Float32:
    """Returns (cells, d) centroids of unit length."""
    fit = faiss.Kmeans(
        sample.shape[1], cells, niter=ROUNDS, spherical=True, seed=int(rng.integers(1 << 30)), min_points_per_centroid=1
    )
    fit.train(sample)
    return np.asarray(fit.centroids, np.float32)
