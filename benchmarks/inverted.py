"""Inverted files: ratios against the `asmk` package and scipy's sparse product, and growth with the collection.

python benchmarks/inverted.py [--images N] [--features M] [--growth N,N,...] [--json FILE]

Words are drawn with log-normal popularity, as those of k-means codebooks are; a query repeats half the words of an
image that is in the collection. Every time is of one query on one thread, a median over queries, with the two sides
taking turns in one process; before any time is taken, both sides have to give the same scores. What `asmk` is asked
is its `IVF.search` with words and signatures given, as ours are: neither side assigns words.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import asmk.inverted_file
import asmk.kernel
import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from resight.features.local import LocalFeatures
from resight.search.inverted import Block, InvertedFile, PostingRows
from resight.words.evidence import ImageWords
from resight.words.kinds import Asmk, Bow, Hamming
from resight.words.postings import Kind, Postings, build_postings, run_starts
from resight.words.quantise import quantise_asmk

Array = NDArray[Any]
SIZE = (1024, 768)
CODEBOOK = 65536
DIMENSION = 128
TOP = 100
BLOCK = 10_000  # images in a block of the growth table


def word_pool(rng: np.random.Generator) -> Array:
    """Words to draw from: some are a few times as frequent as others."""
    popularity = rng.lognormal(0.0, 0.6, CODEBOOK)
    return rng.choice(CODEBOOK, 4_000_000, p=popularity / popularity.sum()).astype(np.int32)


def image(rng: np.random.Generator, words: Array, kind: Kind) -> ImageWords:
    """An image with the given words, and random geometry and signatures."""
    words = np.sort(words)
    m = len(words)
    entries = {"bow": 0, "hamming": m, "asmk": len(run_starts(words))}[kind]
    signatures = rng.integers(0, 2**64, (entries, 2 if kind == "asmk" else 1), dtype=np.uint64)
    return ImageWords(
        words=words,
        features=np.arange(m, dtype=np.int32),
        xy=rng.random((m, 2), np.float32) * np.float32(SIZE),
        scale=np.exp2(rng.random(m, np.float32) * 5),
        angle=rng.random(m, np.float32) * np.float32(2 * np.pi),
        size=SIZE,
        signatures=signatures if kind == "hamming" else None,
        aggregated=signatures if kind == "asmk" else None,
    )


def query(rng: np.random.Generator, pool: Array, like: Postings, kind: Kind, features: int) -> ImageWords:
    """Half the words of an image of the block, others from the pool; five words a feature for ASMK."""
    row = int(rng.integers(len(like)))
    own = like.words[like.offsets[row] : like.offsets[row + 1]].astype(np.int32)
    wanted = features * (5 if kind == "asmk" else 1)
    return image(rng, np.concatenate([rng.choice(own, features // 2), rng.choice(pool, wanted - features // 2)]), kind)


def alternate(sides: dict[str, Callable[[Any], Any]], queries: Iterable[Any]) -> dict[str, float]:
    """Median seconds a query of each side; the sides take turns on every query, after one round unmeasured."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn, asked in enumerate(queries):
        for name, search in sides.items():
            start = time.perf_counter()
            search(asked)
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: float(np.median(taken)) for name, taken in times.items()}


def alive(lists: Postings, first: int = 0) -> Block:
    return Block(lists, np.arange(first, first + len(lists)), np.ones(len(lists), bool))


def against_asmk(images: int, features: int, rounds: int) -> dict[str, float]:
    """The same words and residuals in both; scores agree to 1e-4."""
    rng = np.random.default_rng(0)
    pool = word_pool(rng)
    centroids = rng.random((CODEBOOK, DIMENSION), np.float32) * 0.2

    def described(words: Array) -> LocalFeatures:
        x = centroids[words[:, 0]] + rng.standard_normal((len(words), DIMENSION), np.float32) * 0.05
        m = len(words)
        return LocalFeatures(np.ones((m, 2), np.float32), np.ones(m, np.float32), np.ones(m, np.float32), x)

    class Codebook:
        pass

    Codebook.centroids = centroids
    kernel = asmk.kernel.ASMKKernel(Codebook, binary=True)
    theirs = asmk.inverted_file.IVF.initialize_empty(codebook_size=CODEBOOK, use_idf=False)
    stored, locals_ = [], []
    for i in range(images):
        words = rng.choice(pool, features)[:, None]
        local = described(words)
        stored.append(quantise_asmk(local, words, centroids, SIZE))
        signatures, distinct = kernel.aggregate_image(local.descriptors, words)
        theirs.add(signatures, distinct, np.full(len(distinct), i))
        if i < rounds:
            locals_.append((local, words))
    start = time.perf_counter()
    lists = build_postings(stored, CODEBOOK, "asmk", DIMENSION)
    built = time.perf_counter() - start
    ours = InvertedFile(PostingRows([alive(lists)], Asmk(), codebook_size=CODEBOOK, bits=DIMENSION))

    def similarity(*given: Any) -> Any:
        return kernel.similarity(*given, alpha=3.0, similarity_threshold=0.0)

    queries = []
    for local, words in locals_:
        kept = np.flatnonzero(rng.random(features) < 0.5)
        several = np.concatenate([words, rng.choice(pool, (features, 4))], axis=1).astype(np.int32)[kept]
        asked = quantise_asmk(local.take(kept), several, centroids, SIZE)
        queries.append((asked, *kernel.aggregate_image(local.descriptors[kept], several)))
    for asked, signatures, distinct in queries[:3]:
        found = ours.search(asked, TOP)
        ranks, scores = theirs.search(signatures, distinct, similarity_func=similarity, topk=images)
        np.testing.assert_allclose(found.scores, scores[np.argsort(ranks)][found.ids], atol=1e-4)
        np.testing.assert_allclose(found.scores, scores[: len(found)], atol=1e-4)
    medians = alternate(
        {
            "ours": lambda q: ours.search(q[0], TOP),
            "asmk": lambda q: theirs.search(q[1], q[2], similarity_func=similarity, topk=TOP),
        },
        queries,
    )
    return {**medians, "ratio": medians["asmk"] / medians["ours"], "build_postings": built}


def against_scipy(images: int, features: int, rounds: int) -> dict[str, float]:
    """tf-idf cosine; scipy multiplies normalised float32 rows in both ways it can; scores agree to 1e-5."""
    rng = np.random.default_rng(1)
    pool = word_pool(rng)
    lists = build_postings([image(rng, rng.choice(pool, features), "bow") for _ in range(images)], CODEBOOK, "bow")
    ours = InvertedFile(PostingRows([alive(lists)], Bow(), codebook_size=CODEBOOK))

    def counts(words: Array, offsets: Array) -> Any:
        ones = np.ones(len(words), np.float32)
        matrix = scipy.sparse.csr_array(
            (ones, words.astype(np.int32), offsets.astype(np.int32)), (len(offsets) - 1, CODEBOOK)
        )
        matrix.sum_duplicates()
        return matrix

    def normalised(matrix: Any) -> Any:
        weighted = (matrix @ scipy.sparse.diags_array(idf)).tocsr()
        norms = np.sqrt(weighted.multiply(weighted).sum(axis=1))
        return (scipy.sparse.diags_array(1 / norms) @ weighted).tocsr().astype(np.float32)

    database = counts(lists.words, lists.offsets)
    frequency = np.diff(database.tocsc().indptr)
    idf = np.where(frequency > 0, np.log(images / np.maximum(frequency, 1)), 0)
    rows = normalised(database)
    by_word = rows.T.tocsr()
    queries = [query(rng, pool, lists, "bow", features) for _ in range(rounds)]

    def row(asked: ImageWords) -> Any:
        starts = run_starts(asked.words)
        words = asked.words[starts]
        values = np.diff(starts, append=len(asked)) * idf[words]
        values = (values / np.linalg.norm(values)).astype(np.float32)
        return scipy.sparse.csr_array((values, words, np.array([0, len(words)], np.int32)), (1, CODEBOOK))

    def top(scores: Array) -> tuple[Array, Array]:
        best = np.argpartition(-scores, TOP)[:TOP]
        best = best[np.argsort(-scores[best])]
        return best, scores[best]

    def by_words(asked: ImageWords) -> Array:
        return (row(asked) @ by_word).toarray().ravel()

    def by_images(asked: ImageWords) -> Array:
        return rows @ row(asked).toarray().ravel()

    for asked in queries[:3]:
        found = ours.search(asked, TOP)
        for way in (by_words, by_images):
            np.testing.assert_allclose(found.scores, way(asked)[found.ids], atol=1e-5)
            np.testing.assert_allclose(found.scores, top(way(asked))[1], atol=1e-5)
    medians = alternate(
        {
            "ours": lambda q: ours.search(q, TOP),
            "scipy_by_word": lambda q: top(by_words(q)),
            "scipy_by_image": lambda q: top(by_images(q)),
        },
        queries,
    )
    fastest = min(medians["scipy_by_word"], medians["scipy_by_image"])
    return {**medians, "ratio": fastest / medians["ours"]}


def stream_rate() -> float:
    """Bytes a second that one thread reads from memory in order."""
    column = np.ones(2**26, np.uint64)
    column.sum()
    start = time.perf_counter()
    column.sum()
    return column.nbytes / (time.perf_counter() - start)


def touched(blocks: list[Block], asked: ImageWords) -> int:
    """Bytes of posting entries that a query reads: image, and count or signature, of every list of its words."""
    total = 0
    for block in blocks:
        lists = block.postings
        _, at, _ = np.intersect1d(lists.list_words, asked.words, return_indices=True)
        entries = int(np.diff(lists.list_offsets)[at].sum())
        total += entries * (4 + lists.payload[:1].nbytes)
    return total


def growth(kind: Kind, sizes: list[int], features: int, rounds: int) -> list[dict[str, float]]:
    """Time a query, bytes on disk, resident memory, and the time that reading the touched postings alone would take."""
    rng = np.random.default_rng(2)
    pool = word_pool(rng)
    bits = {"bow": 0, "hamming": 64, "asmk": 128}[kind]
    method = {"bow": Bow(), "hamming": Hamming(size=CODEBOOK), "asmk": Asmk()}[kind]
    blocks: list[Block] = []
    rows: list[dict[str, float]] = []
    for size in sizes:
        while (held := sum(len(block.ids) for block in blocks)) < size:
            batch = [image(rng, rng.choice(pool, features), kind) for _ in range(min(BLOCK, size - held))]
            blocks.append(alive(build_postings(batch, CODEBOOK, kind, bits), held))
        start = time.perf_counter()
        searcher = InvertedFile(PostingRows(blocks, method, codebook_size=CODEBOOK, bits=bits))
        opened = time.perf_counter() - start
        queries = [query(rng, pool, blocks[0].postings, kind, features) for _ in range(rounds)]
        seconds = alternate({"ours": lambda q, s=searcher: s.search(q, TOP)}, queries)["ours"]
        read = float(np.median([touched(blocks, q) for q in queries]))
        rate = stream_rate()
        stored = sum(array.nbytes for block in blocks for array in block.postings.to_arrays().values())
        rows.append(
            {
                "images": size,
                "seconds": seconds,
                "open_seconds": opened,
                "bytes": stored,
                "bytes_a_feature": stored / (size * features),
                "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "touched_bytes": read,
                "stream_bytes_a_second": rate,
                "times_the_stream": seconds / (read / rate),
            }
        )
        print(f"{kind:8}" + "  ".join(f"{name} {value:.4g}" for name, value in rows[-1].items()), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--features", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--growth", default="1000,10000", help="numbers of images, or nothing to leave it out")
    parser.add_argument("--kinds", default="asmk,bow,hamming")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, Any] = {
        "processor": platform.processor(),
        "images": options.images,
        "features": options.features,
    }
    results["asmk"] = against_asmk(options.images, options.features, options.rounds)
    print("asmk ", {name: round(value, 5) for name, value in results["asmk"].items()}, flush=True)
    results["bow"] = against_scipy(options.images, options.features, options.rounds)
    print("scipy", {name: round(value, 5) for name, value in results["bow"].items()}, flush=True)
    sizes = [int(size) for size in options.growth.split(",") if size]
    if sizes:
        kinds: list[Any] = options.kinds.split(",")
        results["growth"] = {kind: growth(kind, sizes, options.features, options.rounds) for kind in kinds}
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
