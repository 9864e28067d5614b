"""A codebook of whitened positions of feature maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from resight.arrays import Arrays
from resight.features.local import LocalFeatures
from resight.learned.whitening import Whitening
from resight.words.evidence import ImageWords
from resight.words.methods.of_words import WordsMethod
from resight.words.vocabulary import Vocabulary


class WhitenedVocabulary(Vocabulary):
    """A frozen codebook whose words are of whitened descriptors.

    mean: (d,), projection: (r, d), centroids: (size, r).
    """

    def __init__(self, arrays: Arrays, method: WordsMethod, weighs: bool, of_maps: bool = True) -> None:
        """Takes the arrays of a fit; weighs: images of the collection have weights, as all of a posting list must."""
        super().__init__(arrays, method)
        self._whitening = Whitening(
            np.asarray(arrays["mean"], np.float32), np.ascontiguousarray(arrays["projection"], np.float32)
        )
        self._dimensions = len(self._whitening.mean)
        self._weighs = weighs
        self.of_maps = of_maps

    def encode(self, features: LocalFeatures, size: tuple[int, int]) -> ImageWords:
        """Returns an image of the collection: each position has its nearest word."""
        if self._weighs and features.weights is None:
            features = replace(features, weights=np.ones(len(features), np.float32))
        return super().encode(features, size)

    def nothing(self) -> ImageWords:
        """Returns an image without features."""
        return self.encode(LocalFeatures.none(self._dimensions), (0, 0))

    def _words(self, features: LocalFeatures, size: tuple[int, int], k: int) -> ImageWords:
        whitened = replace(features, descriptors=self._whitening.apply(features.descriptors))
        return super()._words(whitened, size, k)
