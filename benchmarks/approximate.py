"""Approximate search of many vectors beside faiss called by hand, and what it costs as their number grows.

    python benchmarks/approximate.py [--against 100000] [--structures ivf hnsw] [--growth 10000 100000 1000000]
        [--queries 200] [--json FILE]

Vectors have 512 dimensions and are drawn as `drawn_vectors.py` says, so that their neighbours are as far as those of
real photos. Everything runs on one thread, one query at a time. Times are of the processor, medians, and in one run:
what is compared is asked in turn. Queries are vectors of the collection that were moved a little (similarity 0.9 on
average).

"against": the search of resight and the same faiss index called by hand with the same parameters, for comparing all, a
graph and an inverted file; by hand, candidates are compared again by `IndexRefineFlat`. "growth": for each number, the
vectors lie on the disk as float16; building, median and 99th percentile of a query for 10 images, recall of the 10
nearest on queries that steered nothing, memory of the structure, time until a vector that was added is found, and the
recall after 1 % was removed and 1 % added. Growth exponents are slopes of logarithms between the first and the last.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from drawn_vectors import drawn_vectors
from numpy.typing import NDArray

from resight.search.approximate.kept import made, opened
from resight.search.approximate.plan import Plan
from resight.search.approximate.searching import ApproximateSearch
from resight.search.approximate.source import Source
from resight.search.selection import by_id
from resight.search.vectors import VectorBlock, VectorRows

DIMENSION = 512
NEAREST = 10
LINKS = 16
TARGET = 0.98


def seconds(ask: Callable[[], Any]) -> float:
    """Processor seconds of one call."""
    begun = time.process_time()
    ask()
    return time.process_time() - begun


def moved(vectors: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Queries that resemble vectors: with a similarity of about 0.9."""
    noise = rng.standard_normal(vectors.shape, dtype=np.float32) * np.float32(0.48 / math.sqrt(vectors.shape[1]))
    queries = vectors + noise
    return np.asarray(queries / np.linalg.norm(queries, axis=1, keepdims=True), np.float32)


def against_faiss(count: int, asked: int, structures: Sequence[str]) -> dict[str, dict[str, float]]:
    """Times of resight and of faiss by hand, and their ratio, by structure."""
    vectors = np.concatenate(list(drawn_vectors(count, DIMENSION)))
    rng = np.random.default_rng(7)
    queries = moved(vectors[rng.choice(count, asked, replace=False)], rng)
    rows = VectorRows([VectorBlock(vectors, np.arange(count), np.ones(count, np.bool_))], DIMENSION)
    flat = faiss.IndexFlatIP(DIMENSION)
    flat.add(vectors)
    truth = flat.search(queries, NEAREST)[1]
    found = {"exact": in_turn(rows.exact(by_id), lambda query: flat.search(query, NEAREST)[1], queries, truth)}
    for plan in [plan for plan in (Plan("ivf"), Plan("hnsw")) if plan.structure in structures]:
        building = time.process_time()
        arrays = made(Source.of(rows), plan, LINKS, TARGET)
        building = time.process_time() - building
        search = ApproximateSearch(rows, opened(arrays))
        effort = search.made.effort
        kept = {"made": building, "measured": effort.recall, "probes": effort.probes, "candidates": effort.candidates}
        index = filled_by_hand(arrays, vectors) if plan.structure == "ivf" else search.made.structure._index
        refined = faiss.IndexRefineFlat(index, faiss.swig_ptr(vectors))
        inner: Any = (
            faiss.SearchParametersIVF(nprobe=effort.probes)
            if plan.structure == "ivf"
            else faiss.SearchParametersHNSW(efSearch=max(effort.probes, effort.candidates))
        )
        many = max(effort.candidates, NEAREST + 16) / NEAREST
        parameters = faiss.IndexRefineSearchParameters(k_factor=many, base_index_params=inner)

        def by_hand(query: NDArray[np.float32], refined: Any = refined, parameters: Any = parameters) -> Any:
            return refined.search(query, NEAREST, params=parameters)[1]

        found[plan.structure] = kept | in_turn(search, by_hand, queries, truth)
    return found


def filled_by_hand(arrays: Any, vectors: NDArray[np.float32]) -> Any:
    """An inverted file of faiss with the centroids of a structure, to which vectors are added in their order."""
    coarse = faiss.IndexFlatIP(DIMENSION)
    coarse.add(np.array(arrays["centroids"]))
    plain = faiss.IndexIVFPQ(coarse, DIMENSION, coarse.ntotal, len(arrays["book"]), 4, faiss.METRIC_INNER_PRODUCT)
    faiss.copy_array_to_vector(np.array(arrays["book"]).ravel(), plain.pq.centroids)
    plain.is_trained = True
    plain.add(vectors)
    fast = faiss.IndexIVFPQFastScan(plain)
    fast.referenced_objects = [coarse]
    return fast


def in_turn(
    search: Any, by_hand: Callable[[NDArray[np.float32]], Any], queries: NDArray[np.float32], truth: NDArray[np.int64]
) -> dict[str, float]:
    """Medians of both in milliseconds, asked in turn, their ratio, and the recall of resight."""
    ours, theirs, hits = [], [], []
    for query, near in zip(queries, truth, strict=True):
        ours.append(seconds(lambda one=query: search.search(one, NEAREST)))  # type: ignore[misc]
        theirs.append(seconds(lambda one=query: by_hand(one[None])))  # type: ignore[misc]
        hits.append(np.isin(near, search.search(query, NEAREST).ids).mean())
    medians = float(np.median(ours)), float(np.median(theirs))
    return {
        "ms": 1e3 * medians[0],
        "by hand, ms": 1e3 * medians[1],
        "ratio": float(np.median(np.array(ours) / np.array(theirs))),
        "recall": float(np.mean(hits)),
    }


@dataclass(frozen=True)
class Disk:
    """Vectors as float16 on the disk, with some more that come later."""

    rows: VectorRows
    later: VectorRows
    queries: NDArray[np.float32]


def on_disk(folder: Path, count: int, asked: int) -> Disk:
    """Writes drawn vectors, of which the last 1 % come later."""
    more = count // 100
    path = folder / f"{count}.npy"
    kept = np.lib.format.open_memmap(path, "w+", np.float16, (count + more, DIMENSION))
    start = 0
    for part in drawn_vectors(count + more, DIMENSION):
        kept[start : start + len(part)] = part
        start += len(part)
    kept.flush()
    vectors = np.load(path, mmap_mode="r")
    rng = np.random.default_rng(7)
    queries = moved(np.asarray(vectors[np.sort(rng.choice(count, asked, replace=False))], np.float32), rng)
    first = VectorBlock(vectors[:count], np.arange(count), np.ones(count, np.bool_))
    last = VectorBlock(vectors[count:], np.arange(count, count + more), np.ones(more, np.bool_))
    return Disk(VectorRows([first], DIMENSION), VectorRows([first, last], DIMENSION), queries)


def nearest(rows: VectorRows, queries: NDArray[np.float32]) -> NDArray[np.int64]:
    """(q, 10) ids of the nearest, of all compared."""
    source = Source.of(rows)
    scores = np.full((len(queries), NEAREST), -np.inf, np.float32)
    ids = np.full((len(queries), NEAREST), -1, np.int64)
    for start, vectors in source.parts():
        every = np.concatenate([scores, queries @ vectors.T], axis=1)
        named = np.concatenate(
            [ids, np.broadcast_to(source.ids[start : start + len(vectors)], every[:, NEAREST:].shape)], axis=1
        )
        order = np.argsort(-every, axis=1)[:, :NEAREST]
        scores, ids = np.take_along_axis(every, order, axis=1), np.take_along_axis(named, order, axis=1)
    return ids


def recall(search: Any, queries: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """Share of the nearest that a search finds."""
    return float(
        np.mean(
            [np.isin(near, search.search(one, NEAREST).ids).mean() for one, near in zip(queries, truth, strict=True)]
        )
    )


def growth(folder: Path, count: int, asked: int) -> dict[str, float]:
    """Cost and recall of an inverted file of so many vectors."""
    disk = on_disk(folder, count, asked)
    begun = time.process_time()
    arrays = made(Source.of(disk.rows), Plan("ivf"), LINKS, TARGET)
    building = time.process_time() - begun
    begun = time.process_time()
    approximation = opened(arrays)
    search = ApproximateSearch(disk.rows, approximation)
    told: dict[str, float] = {"made, s": building, "opened, s": time.process_time() - begun}
    told |= {"bytes a vector": sum(array.nbytes for array in arrays.values()) / count}
    effort = approximation.effort
    told |= {"recall, told": effort.recall, "probes": effort.probes, "candidates": effort.candidates}
    truth = nearest(disk.rows, disk.queries)
    told["recall"] = recall(search, disk.queries, truth)
    for k in (NEAREST, 1000):
        times = [seconds(lambda one=query, k=k: search.search(one, k)) for query in disk.queries]  # type: ignore[misc]
        told |= {
            f"median of {k}, ms": 1e3 * float(np.median(times)),
            f"99 % of {k}, ms": 1e3 * float(np.quantile(times, 0.99)),
        }
    begun = time.process_time()
    changed = ApproximateSearch(disk.later, approximation)
    newest = disk.later.blocks[1]
    first = changed.search(np.asarray(newest.vectors[0], np.float32), 1).ids
    told["added one is found, s"] = time.process_time() - begun
    assert first.tolist() == [count]
    alive = np.random.default_rng(8).random(count) > 0.01
    churned = VectorRows([replace(disk.later.blocks[0], alive=alive), newest], DIMENSION)
    later = ApproximateSearch(churned, approximation)
    told["recall after 1 % went and came"] = recall(later, disk.queries, nearest(churned, disk.queries))
    times = [seconds(lambda one=query: later.search(one, NEAREST)) for query in disk.queries]  # type: ignore[misc]
    told["median then, ms"] = 1e3 * float(np.median(times))
    return told


def exponents(every: dict[int, dict[str, float]]) -> dict[str, float]:
    """Slopes between the first and the last number, on logarithmic scales."""
    first, last = min(every), max(every)
    named = ("made, s", "opened, s", "median of 10, ms", "99 % of 10, ms", "median of 1000, ms", "bytes a vector")
    ratio = math.log(last / first)
    return {name: math.log(every[last][name] / every[first][name]) / ratio for name in named} if ratio else {}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=int, default=100_000)
    parser.add_argument("--structures", nargs="*", default=["ivf", "hnsw"])
    parser.add_argument("--growth", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    faiss.omp_set_num_threads(1)
    told: dict[str, Any] = {}
    if given.against:
        told["against faiss"] = against_faiss(given.against, given.queries, given.structures)
        print(json.dumps(told["against faiss"], indent=2), flush=True)
    every: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in given.growth:
            every[count] = growth(Path(folder), count, given.queries)
            print(count, json.dumps(every[count], indent=2), flush=True)
    told["growth"] = every
    if len(every) > 1:
        told["exponents"] = exponents(every)
        print(json.dumps(told["exponents"], indent=2))
    if given.json:
        given.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
