"""Which codes of vectors in an inverted file find the nearest at what price: to choose by.

    python benchmarks/codes.py [--vectors 50000] [--queries 200] [--json]

Vectors of 512 dimensions drawn as `drawn_vectors.py` says, in one set of cells. For each kind of code of faiss and
number of cells looked at: the share of the 10 nearest that are among the first 16, 64, 256 and 1,024 candidates, and
the median of a query for 100 candidates on one thread, in milliseconds of the processor.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
from drawn_vectors import drawn_vectors

DIMENSION = 512
CANDIDATES = (16, 64, 256, 1024)
TIMED = 40


def kinds(cells: int, coarse: Callable[[], Any]) -> dict[str, Callable[[], Any]]:
    """Makes an empty inverted file by the name of its codes."""
    inner = faiss.METRIC_INNER_PRODUCT
    eight = faiss.ScalarQuantizer.QT_8bit
    return {
        "product codes, 4 bits for 2 numbers": lambda: faiss.IndexIVFPQFastScan(
            coarse(), DIMENSION, cells, DIMENSION // 2, 4, inner
        ),
        "product codes, 4 bits for 4 numbers": lambda: faiss.IndexIVFPQFastScan(
            coarse(), DIMENSION, cells, DIMENSION // 4, 4, inner
        ),
        "8 bits a number": lambda: faiss.IndexIVFScalarQuantizer(coarse(), DIMENSION, cells, eight, inner, False),
        "RaBitQ, 4 bits": lambda: faiss.IndexIVFRaBitQ(coarse(), DIMENSION, cells, inner, True, 4),
        "RaBitQ, 1 bit": lambda: faiss.IndexIVFRaBitQ(coarse(), DIMENSION, cells, inner),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    faiss.omp_set_num_threads(1)
    vectors = np.concatenate(list(drawn_vectors(given.vectors, DIMENSION)))
    queries = vectors[: given.queries]
    near = faiss.knn(queries, vectors, 11, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 1:]
    cells = int(2 * given.vectors**0.5)
    fit = faiss.Kmeans(DIMENSION, cells, niter=8, spherical=True, seed=0)
    fit.train(vectors[: 40 * cells])

    def coarse() -> Any:
        index = faiss.IndexFlatIP(DIMENSION)
        index.add(fit.centroids)
        return index

    told = []
    for name, make in kinds(cells, coarse).items():
        index = make()
        index.quantizer_trains_alone = 1
        index.train(vectors[: 40 * cells])
        index.add(vectors)
        for probes in (cells // 4, cells // 2, cells):
            index.nprobe = probes
            found = index.search(queries, CANDIDATES[-1] + 1)[1]
            # The query itself is the first candidate.
            shares = {
                count: float(
                    np.mean([np.isin(own, row[: count + 1]).mean() for own, row in zip(near, found, strict=True)])
                )
                for count in CANDIDATES
            }
            times = []
            for query in queries[:TIMED]:
                begun = time.process_time()
                index.search(query[None], 100)
                times.append(time.process_time() - begun)
            one = {"codes": name, "cells": probes, "found": shares, "ms": 1e3 * float(np.median(times))}
            told.append(one)
            if not given.json:
                print(one, flush=True)
    if given.json:
        print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
