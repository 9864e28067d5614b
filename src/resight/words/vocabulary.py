"""A codebook with all that goes with it, and an image's features as words of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from resight.arrays import Arrays, Float32
from resight.errors import FitError
from resight.features.local import LocalFeatures
from resight.learned.assignment import Assigner
from resight.words.evidence import ImageWords
from resight.words.methods.of_words import WordsMethod


class Vocabulary:
    """A frozen codebook under one method: what encodes its images.

    centroids: (size, d) float32. of_maps: whether features are positions of maps of one scale.
    """

    of_maps = False

    def __init__(self, arrays: Arrays, method: WordsMethod) -> None:
        """Takes the arrays of a fit. Raises FitError where something is missing.

        arrays: centroids; for Hamming embedding projection (bits, d) and medians (size, bits); graph: (b,) uint8, the
        saved graph of `Assigner.graph`, or absent.
        """
        if missing := method.needs - arrays.keys():
            raise FitError(f'the codebook has no {" and ".join(sorted(missing))} for "{method.kind}"; fit it for that')
        self.method = method
        self.centroids: Float32 = np.ascontiguousarray(arrays["centroids"], np.float32)
        self._arrays = {**arrays, "centroids": self.centroids}
        self.assigner = Assigner(self.centroids, arrays.get("graph"))
        self.bits = method.signature_bits(self.centroids.shape[1])

    @property
    def size(self) -> int:
        """Words in the codebook."""
        return len(self.centroids)

    def encode(self, features: LocalFeatures, size: tuple[int, int]) -> ImageWords:
        """Returns an image of the collection, of `size` (width, height): each feature has the words of an indexed one.

        A feature of several words is as many features of one word, each of its own weight.
        """
        k = min(self.method.indexed_assignment, self.size)
        if k == 1:
            return self._words(features, size, 1)
        found = self._words(features, size, k)
        return replace(
            found,
            features=np.arange(len(found), dtype=np.int32),
            xy=found.xy[found.features],
            scale=found.scale[found.features],
            angle=found.angle[found.features],
        )

    def query(self, features: LocalFeatures, size: tuple[int, int]) -> ImageWords:
        """Returns a query: each feature has the method's number of words."""
        return self._words(features, size, min(self.method.query_assignment, self.size))

    def nothing(self) -> ImageWords:
        """Returns an image without features."""
        return self.encode(LocalFeatures.none(self.centroids.shape[1]), (0, 0))

    def _words(self, features: LocalFeatures, size: tuple[int, int], k: int) -> ImageWords:
        words, distances = self.assigner.assign(features.descriptors, k)
        return self.method.quantised(features, words, distances, size, self._arrays)
