"""Small collections of one vector an image: things seen several times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resight.index.views import Once
from resight.search.dense import DenseSearch
from resight.search.ranking import Ranking
from resight.search.vectors import VectorBlock, VectorRows

Vectors = NDArray[np.float32]


def unit(rows: NDArray[np.floating]) -> Vectors:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def views(seed: int, things: int = 6, each: int = 8, dimension: int = 16, noise: float = 0.4) -> Vectors:
    """(things * each, dimension): `each` views of every thing, one thing after the other."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.normal(size=(things, dimension)))
    return unit(np.repeat(centres, each, axis=0) + noise * rng.normal(size=(things * each, dimension)) / dimension**0.5)


class Vectored:
    """The `VectorCollection` of some vectors, whose ids are their places plus `first`; counts what is asked."""

    allowed: NDArray[np.bool_] | None = None

    def __init__(self, vectors: Vectors, first: int = 0) -> None:
        ids = np.arange(first, first + len(vectors))
        self.rows = VectorRows([VectorBlock(vectors, ids, np.ones(len(ids), bool))], vectors.shape[1])
        self.file = DenseSearch(self.rows)
        self.searches: list[Vectors] = []
        self.once = Once()

    def evidence(self, image: int) -> tuple[Vectors, int]:
        return self.descriptors(np.array([image]))[0], 1

    @property
    def count(self) -> int:
        return len(self.rows)

    def kept(self, key: str) -> None:
        raise KeyError(key)

    def vectors(self) -> tuple[NDArray[np.int64], Vectors]:
        return self.rows.images, self.descriptors(self.rows.images)

    def descriptors(self, images: NDArray[np.int64]) -> Vectors:
        return self.rows.descriptors(images)

    def search(self, query: Vectors, k: int) -> Ranking:
        self.searches.append(query)
        return self.file.search(query, k, self.allowed)
