"""A codebook with all that goes with it, and an image's features as words of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.errors import FitError
from resight.features.local import LocalFeatures
from resight.learned.assignment import Assigner
from resight.learned.hamming import signatures
from resight.words.evidence import ImageWords
from resight.words.kinds import Asmk, Bow, Hamming
from resight.words.quantise import quantise_asmk, quantise_bow, quantise_hamming, soft_weights

Floats = NDArray[np.float32]


class Vocabulary:
    """A frozen codebook under one method. centroids: (size, d) float32."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], method: Bow | Hamming | Asmk) -> None:
        """`arrays`: centroids; for Hamming embedding projection (bits, d) and medians (size, bits); graph: (b,) uint8,
        the saved graph of `Assigner.graph`, or absent. FitError where something is missing."""
        self.method = method
        self.centroids: Floats = np.ascontiguousarray(arrays["centroids"], np.float32)
        if isinstance(method, Hamming) and not {"projection", "medians"} <= arrays.keys():
            raise FitError("the codebook has no projection and medians for Hamming embedding; fit it for this recipe")
        self._projection = arrays.get("projection")
        self._medians = arrays.get("medians")
        self.assigner = Assigner(self.centroids, arrays.get("graph"))

    def __len__(self) -> int:
        return len(self.centroids)

    @property
    def bits(self) -> int:
        """Length of a signature."""
        if isinstance(self.method, Hamming):
            return self.method.bits
        return self.centroids.shape[1] if isinstance(self.method, Asmk) else 0

    def database_words(self, features: LocalFeatures, size: tuple[int, int]) -> ImageWords:
        """An image of the collection: each feature has its nearest word."""
        return self._words(features, size, 1)

    def query_words(self, features: LocalFeatures, size: tuple[int, int]) -> ImageWords:
        """A query: each feature has the method's number of words."""
        return self._words(features, size, min(self.method.query_assignment, len(self)))

    def _words(self, features: LocalFeatures, size: tuple[int, int], k: int) -> ImageWords:
        words, distances = self.assigner.assign(features.descriptors, k)
        match self.method:
            case Asmk():
                return quantise_asmk(features, words, self.centroids, size)
            case Hamming():
                assert self._projection is not None, "checked in the constructor"
                assert self._medians is not None, "checked in the constructor"
                rows = np.repeat(features.descriptors, k, axis=0)
                packed = signatures(rows, words.ravel(), self._projection, self._medians)
                return quantise_hamming(features, words, packed, size)
            case Bow():
                soft = k > 1 and self.method.soft_sigma > 0
                weights = soft_weights(distances, self.method.soft_sigma) if soft else None
                return quantise_bow(features, words, size, weights)
