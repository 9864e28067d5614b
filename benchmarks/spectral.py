"""Fast diffusion: its cost a query, offline and in bytes, and what of the exact ranking it keeps.

OPENBLAS_NUM_THREADS=1 python benchmarks/spectral.py [--images N,N,...] [--ranks R,R,...] [--manifold M] [--json FILE]

Descriptors are random curves of M images on average, with noise, among as many images that are on none, around common
themes; queries are new points of the curves. Graph: 50 nearest, mutual, cubed; alpha 0.99; 10 nearest of a query. Times
a query are of one thread, medians over queries, all methods taking turns; ratios are to scipy's conjugate gradient, 20
iterations. Exact is conjugate gradient to 1e-10. "kept" is the mean part of the exact top 100 in a method's top 100.
Vectors are eigenvectors or those of a subspace fitted by what it keeps.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, eye_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import cg, eigsh

from resight.manifold.diffusion import ConjugateGradient
from resight.manifold.eigenvectors import fit_spectrum
from resight.manifold.hybrid import Hybrid
from resight.manifold.offline import diffusion_rows
from resight.manifold.spectral import Spectral, Spectrum
from resight.manifold.subspace import fit_subspace

Array = NDArray[Any]
ALPHA, K, KQ, GAMMA, TOP = 0.99, 50, 10, 3.0, 100
DIMENSION, TRUNCATION, QUERIES = 64, 1000, 50


def descriptors(rng: np.random.Generator, count: int, manifold: int) -> tuple[Array, Array]:
    """Images and queries, L2-normalised."""
    themes = rng.standard_normal((max(4, count // 1000), DIMENSION))
    rows: list[Array] = []
    total = 0
    while total < 0.7 * count:
        size = int(np.clip(rng.lognormal(np.log(manifold), 0.7), 5, 20 * manifold))
        place = np.sort(rng.uniform(0, 1, (size, 1)), axis=0)
        centre = themes[rng.integers(len(themes))] + 0.8 * rng.standard_normal(DIMENSION)
        along = rng.standard_normal((2, DIMENSION))
        curve = centre + np.sin(3 * place) * along[0] + np.cos(4 * place) * along[1]
        rows.append(curve + 0.45 * rng.standard_normal((size, DIMENSION)))
        total += size
    on_curves = np.concatenate(rows)
    asked = on_curves[rng.choice(total, QUERIES, replace=False)] + 0.3 * rng.standard_normal((QUERIES, DIMENSION))
    others = themes[rng.integers(len(themes), size=count)] + 1.2 * rng.standard_normal((count, DIMENSION))
    x = rng.permutation(np.concatenate([on_curves, others])[:count])
    return unit(x), unit(asked)


def unit(x: Array) -> Array:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def graph_of(x: Array, index: faiss.Index) -> csr_array:
    """S of the mutual nearest neighbours, themselves not counted."""
    similarities, ids = index.search(x, K + 1)
    values = np.maximum(similarities.ravel(), 0.0).astype(np.float64) ** GAMMA
    one_way = csr_array((values, ids.ravel(), np.arange(0, ids.size + 1, K + 1)), shape=(len(x), len(x)))
    one_way.setdiag(0.0)
    affinity = one_way.minimum(one_way.T)
    affinity.eliminate_zeros()
    degrees = affinity.sum(axis=1)
    scale = diags_array(np.where(degrees > 0, 1.0 / np.sqrt(np.maximum(degrees, 1e-300)), 0.0))
    return csr_array(scale @ affinity @ scale)


def top(f: Array) -> Array:
    best = np.argpartition(-f, TOP)[:TOP]
    return best[np.argsort(-f[best])]


def kept(exact: list[Array], found: list[Array]) -> float:
    return float(np.mean([len(np.intersect1d(a, b)) / TOP for a, b in zip(exact, found, strict=True)]))


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def turns(methods: dict[str, Callable[[Array], Array]], ys: list[Array]) -> dict[str, tuple[float, list[Array]]]:
    """Median seconds a query and the top of each method; each starts a turn as often as the others."""
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    found: dict[str, list[Array]] = {name: [] for name in methods}
    names = list(methods)
    for name in names:
        methods[name](ys[0])
    for turn, y in enumerate(ys):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            best, spent = timed(lambda name=name, y=y: methods[name](y))
            seconds[name].append(spent)
            found[name].append(best)
    return {name: (float(np.median(seconds[name])), found[name]) for name in names}


def measure(count: int, ranks: list[int], manifold: int) -> dict[str, Any]:
    """All figures of one size."""
    x, asked = descriptors(np.random.default_rng(0), count, manifold)
    index = faiss.IndexFlatIP(DIMENSION)
    index.add(x)
    graph, spent = timed(lambda: graph_of(x, index))
    system = csr_array(eye_array(count) - ALPHA * graph)
    components = connected_components(graph)[0]
    print(f"\n{count} images, {graph.nnz / count:.1f} edges each, {components} components, graph in {spent:.0f} s")
    similarities, ids = index.search(asked, KQ)
    ys = []
    for row, nodes in zip(similarities, ids, strict=True):
        y = np.zeros(count)
        y[nodes] = np.maximum(row, 0.0) ** GAMMA
        ys.append(y)
    exactly = ConjugateGradient(graph, ALPHA, tolerance=1e-10, iterations=1000)
    exact = [top(exactly(y)) for y in ys]
    nearly = ConjugateGradient(graph, ALPHA, tolerance=1e-6, iterations=1000)
    rest = np.mean([nearly.solve(y).iterations[0] for y in ys])
    result: dict[str, Any] = {"images": count, "components": components, "iterations to 1e-6": float(rest)}

    whole, spent = timed(lambda: fit_spectrum(graph, max(ranks)))
    spectra = {rank: Spectrum(np.ascontiguousarray(whole.vectors[:, :rank]), whole.values[:rank]) for rank in ranks}
    small, small_spent = timed(lambda: fit_spectrum(graph, min(ranks)))
    result["fit"] = {str(whole.rank): spent, str(small.rank): small_spent}
    print(f"spectrum of rank {whole.rank}: {spent:.0f} s; of rank {small.rank}: {small_spent:.0f} s")
    print("eigenvalues", {rank: round(float(spectrum.values[-1]), 4) for rank, spectrum in spectra.items()})
    if count <= 20_000:
        (values, _), peer = timed(lambda: eigsh(graph, max(ranks), which="LA", tol=1e-4))
        off = float(np.abs(np.sort(values)[::-1] - whole.values).max())
        print(f"eigsh, which='LA', tol=1e-4: {peer / spent:.1f} times as long; eigenvalues differ by {off:.1e}")
        result["eigsh"] = {"ratio": peer / spent, "difference": off}

    needed = np.unique(ids)
    nearest = index.search(x[needed], TRUNCATION)[1]
    rows, spent = timed(lambda: diffusion_rows(graph, needed, nearest, ALPHA))
    rows, spent = timed(lambda: diffusion_rows(graph, needed, nearest, ALPHA))
    place = {int(node): row for row, node in enumerate(needed)}

    def offline(y: Array) -> Array:
        nodes = np.flatnonzero(y)
        return top(rows[[place[int(node)] for node in nodes]].T @ y[nodes].astype(np.float32))

    ours = ConjugateGradient(graph, ALPHA)
    methods: dict[str, Callable[[Array], Array]] = {
        "scipy cg, 20": lambda y: top(cg(system, y, rtol=1e-6, atol=0.0, maxiter=20)[0]),
        "conjugate gradient, 20": lambda y: top(ours(y)),
        "offline rows": offline,
    }
    bytes_of = {
        "scipy cg, 20": graph.nnz * 12,
        "conjugate gradient, 20": graph.nnz * 12,
        "offline rows": int(rows.nnz * 8 / len(needed) * count),
    }
    for rank, spectrum in spectra.items():
        exactly_spectral = Spectral(spectrum, ALPHA)
        methods[f"eigenvectors {rank}"] = lambda y, diffuse=exactly_spectral: top(diffuse(y))
        bytes_of[f"eigenvectors {rank}"] = spectrum.vectors.nbytes
        fitted, spent_fitting = timed(lambda rank=rank: fit_subspace(graph, rank, ALPHA))
        print(f"subspace of rank {rank}: {spent_fitting:.0f} s, keeps {fitted.kept:.3f} by its own count", flush=True)
        result["fit"][f"subspace {rank}"] = spent_fitting
        diffuse = Spectral(fitted.spectrum, ALPHA)
        methods[f"subspace {rank}"] = lambda y, diffuse=diffuse: top(diffuse(y))
        flat = faiss.IndexHNSWFlat(fitted.spectrum.rank, 32, faiss.METRIC_INNER_PRODUCT)
        flat.hnsw.efConstruction, flat.hnsw.efSearch = 100, 256
        flat.add(diffuse.embedding())
        methods[f"subspace {rank}, HNSW"] = lambda y, diffuse=diffuse, flat=flat: searched(diffuse, flat, y)
        bytes_of[f"subspace {rank}"] = spectrum.vectors.nbytes
        bytes_of[f"subspace {rank}, HNSW"] = spectrum.vectors.nbytes * 2 + 256 * count
        hybrid = Hybrid(graph, spectrum, ALPHA, iterations=5)
        methods[f"hybrid {rank}, 5"] = lambda y, hybrid=hybrid: top(hybrid(y))
        bytes_of[f"hybrid {rank}, 5"] = spectrum.vectors.nbytes + graph.nnz * 12
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    measured = turns(methods, ys)
    faiss.omp_set_num_threads(threads)
    base = measured["scipy cg, 20"][0]
    print(f"{'method':<26}{'ms':>8}{'ratio':>8}{'kept':>8}{'MB':>9}")
    for name, (seconds, found) in measured.items():
        share = kept(exact, found)
        print(f"{name:<26}{seconds * 1e3:>8.2f}{base / seconds:>8.1f}{share:>8.3f}{bytes_of[name] / 1e6:>9.1f}")
        result[name] = {"ms": seconds * 1e3, "ratio": base / seconds, "kept": share, "bytes": bytes_of[name]}
    row_bytes, row_ms = rows.nnz * 8 / len(needed), spent * 1e3 / len(needed)
    print(f"an offline row: {row_ms:.2f} ms on all cores, {row_bytes:.0f} bytes")
    result["row"] = {"ms": row_ms, "bytes": row_bytes}
    result["table"] = table(graph, spectra, ys, exact)
    return result


def searched(diffuse: Spectral, index: faiss.Index, y: Array) -> Array:
    """The top by inner product, of which the nodes of the query itself get what the embedding has not."""
    scores, ids = index.search(diffuse.embed(y)[None], TOP)
    scores[0] += (1.0 - ALPHA) * y[ids[0]].astype(np.float32)
    return np.asarray(ids[0][np.argsort(-scores[0])])


def table(graph: csr_array, spectra: dict[int, Spectrum], ys: list[Array], exact: list[Array]) -> dict[str, Any]:
    """What is kept by rank and iterations, and the iterations to a residual of 1e-6."""
    steps = (0, 1, 2, 3, 5, 8, 12, 20)
    print(f"{'kept: rank, iterations':<24}" + "".join(f"{step:>7}" for step in steps) + "   to 1e-6")
    result: dict[str, Any] = {}
    nothing = Spectrum(np.zeros((graph.shape[0], 1), np.float32), np.zeros(1))
    for rank, spectrum in {0: nothing, **spectra}.items():
        shares = []
        for step in steps:
            hybrid = Hybrid(graph, spectrum, ALPHA, iterations=step, tolerance=0.0)
            shares.append(kept(exact, [top(hybrid(y)) for y in ys]))
        taken = Hybrid(graph, spectrum, ALPHA, iterations=1000).solve(np.array(ys).T)[1].mean()
        print(f"{rank:<24}" + "".join(f"{share:>7.3f}" for share in shares) + f"{taken:>10.1f}")
        result[str(rank)] = {"kept": dict(zip(map(str, steps), shares, strict=True)), "to 1e-6": float(taken)}
    return result


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="10000,100000")
    parser.add_argument("--ranks", default="100,200,500")
    parser.add_argument("--manifold", type=int, default=300)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    ranks = [int(rank) for rank in given.ranks.split(",")]
    results = [measure(int(count), ranks, given.manifold) for count in given.images.split(",")]
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
