"""A graph of near neighbours on several levels (HNSW) over vectors of 8 bits a number, made and searched by faiss.

Source: Malkov & Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small
world graphs", TPAMI 2020.

Notes: where several threads insert, the graph differs from run to run.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from resight.arrays import Array, Arrays, Int64, Mask, Vectors
from resight.forks import single_threaded_in_forks
from resight.kernels.soundness import finite, misshapen, shared_out
from resight.progress import Progress
from resight.search.approximate.selected import selector
from resight.search.approximate.source import Source

INSERTING = 64
"""Length of the queue while nodes are inserted."""
MET = 8.0
"""Nodes that are compared for each in the queue, far apart in memory."""
TRAINED = 65_536
"""Vectors of which the range of each dimension is taken."""


def make_graph(source: Source, links: int, rng: np.random.Generator, progress: Progress | None = None) -> Arrays:
    """Returns the arrays of a graph of all vectors of a source; positions are those of the source."""
    single_threaded_in_forks("faiss", faiss.omp_set_num_threads)
    index = _empty(source.dimension, links)
    index.hnsw.efConstruction = INSERTING
    index.train(source.drawn(TRAINED, rng)[1])
    for start, vectors in source.parts():
        index.add(vectors)
        if progress is not None:
            progress(start + len(vectors), len(source.ids))
    hnsw, storage = index.hnsw, _storage(index)
    return {
        "ids": source.ids,
        "codes": faiss.rev_swig_ptr(storage.codes.data(), storage.codes.size()).reshape(len(source.ids), -1).copy(),
        "ranges": faiss.vector_to_array(storage.sq.trained),
        "links": faiss.rev_swig_ptr(hnsw.neighbors.data(), hnsw.neighbors.size()).copy(),
        "starts": faiss.vector_to_array(hnsw.offsets).astype(np.int64),
        "levels": faiss.vector_to_array(hnsw.levels),
        "entry": np.array([hnsw.entry_point, hnsw.max_level, links], np.int64),
    }


def graph_fault(arrays: Arrays, dimension: int) -> tuple[str, str] | None:
    """Returns the first array that `make_graph` cannot have made and what is wrong with it: faiss trusts them."""
    if found := misshapen(arrays, {"ids": (np.int64, (None,)), "entry": (np.int64, (3,))}):
        return found
    count = len(arrays["ids"])
    shapes: dict[str, Any] = {
        "codes": (np.uint8, (count, dimension)),
        "ranges": (np.float32, (2 * dimension,)),
        "links": (np.int32, (None,)),
        "starts": (np.int64, (count + 1,)),
        "levels": (np.int32, (count,)),
    }
    if found := misshapen(arrays, shapes):
        return found
    if not finite(arrays["ranges"]):
        return "ranges", "has numbers that are not finite"
    starts, levels, links = (np.asarray(arrays[name]) for name in ("starts", "levels", "links"))
    entry, top, width = arrays["entry"].tolist()
    if not count or not 1 <= width <= 1024 or not 0 <= entry < count or top != levels[entry] - 1:
        return "entry", "is no node of the highest level"
    if levels.min() < 1 or levels.max() > top + 1:
        return "levels", "has others than those of the entry"
    if not shared_out(starts, len(links)) or (np.diff(starts) != width * (levels.astype(np.int64) + 1)).any():
        return "starts", "does not share out the links by levels"
    if len(links) and (links.min() < -1 or links.max() >= count):
        return "links", f"has others than the {count} nodes"
    return (
        ("links", "leads to nodes that are not on its level") if _leads_too_high(starts, levels, links, width) else None
    )


def _leads_too_high(starts: Int64, levels: Array, links: Array, width: int) -> bool:
    """Tells whether a link of an upper level leads to a node that has no links there."""
    for level in range(1, int(levels.max())):
        rows = np.flatnonzero(levels > level)
        places = starts[rows, None] + width * (level + 1) + np.arange(width)
        to = links[places]
        if (levels[to[to >= 0]] <= level).any():
            return True
    return False


class Graph:
    """A graph that was kept. Safe to share between threads."""

    def __init__(self, arrays: Arrays) -> None:
        """arrays: of `make_graph`, without a fault; copied."""
        single_threaded_in_forks("faiss", faiss.omp_set_num_threads)
        count, dimension = arrays["codes"].shape
        entry, top, links = arrays["entry"].tolist()
        self._index = index = _empty(dimension, links)
        storage, hnsw = _storage(index), index.hnsw
        storage.codes.resize(arrays["codes"].size)
        faiss.rev_swig_ptr(storage.codes.data(), arrays["codes"].size)[:] = arrays["codes"].ravel()
        faiss.copy_array_to_vector(np.array(arrays["ranges"]), storage.sq.trained)
        hnsw.neighbors.resize(arrays["links"].size)
        faiss.rev_swig_ptr(hnsw.neighbors.data(), arrays["links"].size)[:] = arrays["links"]
        faiss.copy_array_to_vector(np.array(arrays["starts"]).astype(np.uint64), hnsw.offsets)
        faiss.copy_array_to_vector(np.array(arrays["levels"]), hnsw.levels)
        hnsw.entry_point, hnsw.max_level = entry, top
        index.ntotal = storage.ntotal = count
        index.is_trained = storage.is_trained = True

    @property
    def most(self) -> int:
        """The number of nodes."""
        return int(self._index.ntotal)

    def reach(self, probes: int) -> int:
        """Returns the length of the queue, which holds the candidates."""
        return probes

    def cost(self, probes: int) -> float:
        """Returns the number of nodes that are compared on the way: most links lead to nodes that were seen before."""
        return MET * probes

    def search(self, queries: Vectors, count: int, probes: int, chosen: Mask | None = None) -> Int64:
        """Returns (q, count) positions of the nearest that were met; see `Structure`. probes: length of the queue."""
        parameters = faiss.SearchParametersHNSW(efSearch=max(probes, count))  # type: ignore[attr-defined]
        with selector(parameters, chosen):
            _, places = self._index.search(np.ascontiguousarray(queries, np.float32), count, params=parameters)
        return np.asarray(places, np.int64)


def _empty(dimension: int, links: int) -> Any:
    kind: Any = faiss.ScalarQuantizer.QT_8bit
    return faiss.IndexHNSWSQ(dimension, kind, links, faiss.METRIC_INNER_PRODUCT)


def _storage(index: Any) -> Any:
    """Returns the part of a graph that has the codes."""
    return faiss.downcast_index(index.storage)
