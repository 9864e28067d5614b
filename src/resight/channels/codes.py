"""Channels of activations of a photo or of its regions, each warped and run by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.channels.pooled import dimensions, whitening_of
from resight.channels.regions import RegionVectorChannel
from resight.channels.vectors import Vector, VectorChannel
from resight.descriptors.codes import PATCH_LEVELS, mop, neural_codes
from resight.descriptors.kinds import CodeKind, Mop, NeuralCodes, RegionCodes
from resight.features.codes import ImageCodes
from resight.features.extractor import Extractor
from resight.learned.assignment import Assigner
from resight.learned.mixture import Projection
from resight.learned.whitening import VECTORS, from_arrays

Fitted = Mapping[str, NDArray[Any]]


class CodeChannel(VectorChannel):
    """The activations of the whole photo."""

    def __init__(self, extractor: Extractor[Any, ImageCodes], method: NeuralCodes, fitted: Fitted) -> None:
        self._method = method
        self._whitening = whitening_of(method, fitted)
        super().__init__(extractor, dimensions(extractor, self._whitening))

    def aggregate(self, features: ImageCodes) -> Vector:
        rows = code_vectors(features, self._method)
        whitened = rows if self._whitening is None else self._whitening.apply(rows)
        return np.asarray(whitened[0])

    def encode(self, features: ImageCodes, size: tuple[int, int]) -> tuple[Vector, int]:
        """The vector, which counts as one feature."""
        return self.aggregate(features), 1


class RegionCodeChannel(RegionVectorChannel):
    """The activations of every region."""

    def __init__(self, extractor: Extractor[Any, ImageCodes], method: RegionCodes, fitted: Fitted) -> None:
        self._method = method
        self._whitening = whitening_of(method, fitted)
        super().__init__(extractor, dimensions(extractor, self._whitening), method.matching)

    def encode(self, features: ImageCodes, size: tuple[int, int]) -> Vector:
        """(r, size) vectors of the regions."""
        rows = code_vectors(features, self._method)
        return rows if self._whitening is None else self._whitening.apply(rows)


class MopChannel(VectorChannel):
    """Multi-scale orderless pooling of the activations of patches."""

    def __init__(self, extractor: Extractor[Any, ImageCodes], method: Mop, fitted: Fitted) -> None:
        arrays = {name: np.asarray(array, np.float32) for name, array in fitted.items()}
        self._pca = [Projection(arrays[f"{level}.mean"], arrays[f"{level}.components"]) for level in PATCH_LEVELS]
        self._codebooks = [Assigner(arrays[f"{level}.centroids"]) for level in PATCH_LEVELS]
        self._whitening = from_arrays(fitted, VECTORS) if method.whitening == "pca" else None
        whitened = self._whitening and min(self._whitening.dimensions, method.dimensions)
        raw = extractor.dimensions + sum(codebook.centroids.size for codebook in self._codebooks)
        super().__init__(extractor, whitened or raw)

    def aggregate(self, features: ImageCodes) -> Vector:
        vector = self.raw(features)
        return vector if self._whitening is None else self._whitening.reduced(self.size).apply(vector[None])[0]

    def raw(self, features: ImageCodes) -> Vector:
        """Vector before whitening."""
        finer = [
            pca.apply(neural_codes(features.rows[features.levels == level]))
            for level, pca in zip(PATCH_LEVELS, self._pca, strict=True)
        ]
        return mop([features.rows[:1], *finer], self._codebooks)

    def encode(self, features: ImageCodes, size: tuple[int, int]) -> tuple[Vector, int]:
        """The vector, and the number of regions it was made of."""
        return self.aggregate(features), len(features)


def code_vectors(features: ImageCodes, method: CodeKind) -> Vector:
    """(m, C) L2-normalised activations, on which a whitening is fitted: of the whole photo, or of each region."""
    return neural_codes(features.rows if isinstance(method, RegionCodes) else features.rows[:1])
