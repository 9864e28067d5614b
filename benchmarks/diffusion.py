"""Graphs and diffusion: ratios against faiss and scipy, and how near the memory's bandwidth an iteration comes.

python benchmarks/diffusion.py [--sizes N,N,...] [--rounds R] [--queries Q] [--json FILE]

Features are clustered, each cluster a smooth surface with noise: 128 dimensions, L2-normalised. k = 50 neighbours,
gamma 3, alpha 0.99. The two sides of a ratio take turns in one process, and times are medians; what is compared has to
give the same answer before it is timed. `faiss` is `IndexFlatIP.search` of the same vectors for k + 1, with as many
threads; above 200,000 rows only approximate neighbours are found. `scipy` is `scipy.sparse.linalg.cg` on a matrix made
before, from zero to 1e-6 or 20 iterations.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import cg

from resight.cores import cores
from resight.manifold.approximate import approximate_neighbours
from resight.manifold.diffusion import ConjugateGradient, query_affinity
from resight.manifold.graph import Neighbours, mutual_affinity, nearest_neighbours, normalised, with_added
from resight.manifold.truncation import sub_graph

Array = NDArray[Any]
DIMENSIONS = 128
K = 50
QUERY_K = 10
ALPHA = 0.99
TOLERANCE = 1e-6
ITERATIONS = 20
TRUNCATED = 5000
TOP = 100
CLUSTER = 500  # rows, on average
APPROXIMATE = 100_000  # rows from which approximate neighbours are timed
EXACT = 200_000  # rows up to which exact ones are found


def on_manifolds(rng: np.random.Generator, n: int, queries: int) -> tuple[Array, Array]:
    """(n, d) and (queries, d) unit rows of the same clusters: waves over two parameters around a centre, and noise."""
    clusters = max(2, n // CLUSTER)
    total = n + queries
    cluster = rng.choice(clusters, total, p=rng.dirichlet(np.full(clusters, 2.0)))
    place = rng.uniform(-1.0, 1.0, (total, 2)).astype(np.float32)
    waves = np.concatenate([np.sin(np.pi * place), np.cos(np.pi * place), place], axis=1)
    centres = rng.standard_normal((clusters, DIMENSIONS), np.float32)
    directions = rng.standard_normal((clusters, waves.shape[1], DIMENSIONS), np.float32) * 0.5
    x = centres[cluster] + 0.3 * rng.standard_normal((total, DIMENSIONS), np.float32)
    for start in range(0, total, 10_000):
        part = slice(start, start + 10_000)
        x[part] += np.einsum("nw,nwd->nd", waves[part], directions[cluster[part]])
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x[:n], x[n:]


def alternate(sides: dict[str, Callable[[Any], Any]], turns: list[Any]) -> dict[str, float]:
    """Median seconds of each side; the sides take turns on everything that is asked."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in turns:
        for name, side in sides.items():
            start = time.perf_counter()
            side(turn)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def building(x: Array, rounds: int) -> tuple[dict[str, float], Neighbours]:
    """Neighbours of all rows against faiss, and 1 % of them added against all of them anew; the same lists."""
    index = faiss.IndexFlatIP(DIMENSIONS)
    index.add(x)
    faiss.omp_set_num_threads(cores())
    old = len(x) - max(1, len(x) // 100)
    before = nearest_neighbours(x[:old], K)
    found: dict[str, Any] = {}

    def keep(name: str, value: Any) -> None:
        found[name] = value

    medians = alternate(
        {
            "build": lambda _: keep("build", nearest_neighbours(x, K)),
            "faiss": lambda _: keep("faiss", index.search(x, K + 1)),
            "add": lambda _: keep("add", with_added(before, x[:old], x[old:])),
        },
        list(range(rounds)),
    )
    neighbours: Neighbours = found["build"]
    np.testing.assert_array_equal(neighbours.ids, found["add"].ids)
    np.testing.assert_array_equal(neighbours.similarities, found["add"].similarities)
    np.testing.assert_allclose(neighbours.similarities, found["faiss"][0][:, 1:], atol=1e-5)
    return {
        **medians,
        "build over faiss": medians["build"] / medians["faiss"],
        "add over build": medians["add"] / medians["build"],
    }, neighbours


def approximately(x: Array) -> tuple[dict[str, float], Neighbours]:
    """Approximate neighbours, and their recall."""
    start = time.perf_counter()
    neighbours, recall = approximate_neighbours(x, K)
    return {"approximate": time.perf_counter() - start, "approximate recall": recall}, neighbours


def solving(affinity: csr_array, signals: Array) -> dict[str, float]:
    """A query after the other by ours and by scipy's conjugate gradients, on the same graph, with the same answer."""
    graph = normalised(affinity)
    ours = ConjugateGradient(graph, ALPHA, tolerance=TOLERANCE, iterations=ITERATIONS)
    system = csr_array(eye_array(graph.shape[0], format="csr") - ALPHA * graph.astype(np.float64))

    def theirs(y: Array) -> Array:
        x, _ = cg(system, y, rtol=TOLERANCE, atol=0.0, maxiter=ITERATIONS)
        return (1.0 - ALPHA) * x

    for y in signals[:3]:
        expected = theirs(y)
        np.testing.assert_allclose(ours(y), expected, atol=1e-6 * expected.max())
    medians = alternate({"solve": ours, "scipy": theirs}, list(signals))
    taken = statistics.mean(int(ours.solve(y).iterations[0]) for y in signals[:10])
    rate = copy_rate()
    stored = graph.data.nbytes + graph.indices.nbytes + graph.indptr.nbytes
    bound = stored / rate
    return {
        **medians,
        "scipy over solve": medians["scipy"] / medians["solve"],
        "iterations": taken,
        "edges a node": graph.nnz / graph.shape[0],
        "graph bytes": stored,
        "copy bytes a second": rate,
        "iteration": medians["solve"] / taken,
        "iteration bound": bound,
        "iteration over bound": medians["solve"] / taken / bound,
    }


def truncating(affinity: csr_array, similarities: Array, signals: Array) -> dict[str, float]:
    """The graph of the nodes most similar to a query, cut out, normalised and solved, against the whole."""
    whole = ConjugateGradient(normalised(affinity), ALPHA, tolerance=TOLERANCE, iterations=ITERATIONS)

    def truncated(turn: int) -> tuple[Array, Array]:
        rows = np.sort(np.argpartition(-similarities[turn], TRUNCATED)[:TRUNCATED])
        part = ConjugateGradient(
            normalised(sub_graph(affinity, rows)), ALPHA, tolerance=TOLERANCE, iterations=ITERATIONS, once=True
        )
        return rows, part(signals[turn][rows])

    shared = []
    for turn in range(len(signals)):
        rows, f = truncated(turn)
        best = rows[np.argsort(-f, kind="stable")[:TOP]]
        shared.append(len(np.intersect1d(best, np.argsort(-whole(signals[turn]), kind="stable")[:TOP])) / TOP)
    medians = alternate({"whole": lambda turn: whole(signals[turn]), "truncated": truncated}, list(range(len(signals))))
    return {
        **medians,
        "whole over truncated": medians["whole"] / medians["truncated"],
        "truncated top shared": statistics.mean(shared),
    }


def copy_rate() -> float:
    """Bytes a second that one thread reads and writes in copying, best of five."""
    source, target = np.ones(2**24), np.zeros(2**24)
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        np.copyto(target, source)
        taken.append(time.perf_counter() - start)
    return 2 * source.nbytes / min(taken)


def measured(n: int, rounds: int, queries: int) -> dict[str, float]:
    x, asked = on_manifolds(np.random.default_rng(n), n, queries)
    row: dict[str, float] = {"rows": n}
    if n >= APPROXIMATE:
        built, neighbours = approximately(x)
        row.update(built)
    if n <= EXACT:
        built, neighbours = building(x, rounds)
        row.update(built)
    affinity = mutual_affinity(neighbours, K)
    similarities = asked @ x.T
    signals = np.stack([query_affinity(similarity, QUERY_K) for similarity in similarities])
    row.update(solving(affinity, signals))
    if n > TRUNCATED:
        row.update(truncating(affinity, similarities, signals))
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="10000,100000")
    parser.add_argument("--rounds", type=int, default=3, help="of building")
    parser.add_argument("--queries", type=int, default=30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    # Compiles everything before anything is timed.
    measured(TRUNCATED + 1, 1, 3)
    table = [measured(int(size), options.rounds, options.queries) for size in options.sizes.split(",")]
    for name in dict.fromkeys(name for row in table for name in row):
        print(f"{name:24}" + "".join(f"{row[name]:>14.4g}" if name in row else " " * 14 for row in table), flush=True)
    if options.json:
        found = {"processor": platform.processor(), "cores": cores(), "faiss": faiss.__version__, "sizes": table}
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
