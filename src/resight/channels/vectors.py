"""Channels of one vector an image, searched exactly; VLAD and Fisher vectors of local features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Arrays, Rows
from resight.descriptors.fisher import fisher_vector
from resight.descriptors.kinds import Fisher, Vlad
from resight.descriptors.vlad import vlad
from resight.features.extractor import Extractor
from resight.features.local import LocalFeatures
from resight.kernels.soundness import finite, misshapen
from resight.learned.assignment import Assigner
from resight.learned.mixture import Mixture, Projection
from resight.learned.whitening import VECTORS, from_arrays
from resight.search.vectors import VectorBlock, VectorRows

Vector = NDArray[np.float32]
Fitted = Mapping[str, NDArray[Any]]


class VectorChannel(ABC):
    """Features aggregated to one vector; subclasses say how."""

    def __init__(self, extractor: Extractor[Any, Any], size: int) -> None:
        self.extractor = extractor
        self.size = size

    @abstractmethod
    def aggregate(self, features: Any) -> Vector:
        """(size,) L2-normalised vector of one image; zeros where it has no features."""

    def encode(self, features: Any, size: tuple[int, int]) -> tuple[Vector, int]:
        """The vector, and the number of features it was made of."""
        return self.aggregate(features), len(features)

    def nothing(self) -> tuple[Vector, int]:
        """What an image without features has."""
        return np.zeros(self.size, np.float32), 0

    def query(self, features: Any, size: tuple[int, int]) -> Vector:
        """The vector."""
        return self.aggregate(features)

    def as_query(self, kept: tuple[Vector, int]) -> Vector:
        """An indexed image as a query."""
        return kept[0]

    def pack(self, images: Sequence[tuple[Vector, int]]) -> dict[str, NDArray[Any]]:
        """Vectors (n, size) and numbers of features (n,) of a batch: 0 for a vector of zeros, which finds nothing."""
        vectors = np.stack([vector for vector, _ in images]) if images else np.empty((0, self.size), np.float32)
        features = np.array([count if vector.any() else 0 for vector, count in images], np.int32)
        return {"vectors": vectors, "features": features}

    def merge(self, segments: Sequence[Rows]) -> dict[str, NDArray[Any]]:
        """The live rows of several segments."""
        return {
            name: np.concatenate([segment.arrays[name][segment.alive] for segment in segments])
            for name in ("vectors", "features")
        }

    def layout(self, segments: Sequence[Rows]) -> VectorRows:
        """The segments' vectors, which stay where they are."""
        blocks = [VectorBlock(segment.arrays["vectors"], segment.ids, segment.alive) for segment in segments]
        return VectorRows(blocks, self.size)

    def evidence(self, arrays: Arrays, row: int) -> tuple[Vector, int]:
        """The vector and the number of features of one image."""
        return np.asarray(arrays["vectors"][row]), int(arrays["features"][row])

    def fault(self, arrays: Arrays, images: int) -> tuple[str, str] | None:
        """The first array that is not as `pack` makes it; see `Channel.fault`."""
        if found := misshapen(
            arrays, {"vectors": (np.float32, (images, self.size)), "features": (np.int32, (images,))}
        ):
            return found
        return None if finite(arrays["vectors"]) else ("vectors", "has numbers that are not finite")

    def features_of(self, arrays: Arrays) -> NDArray[np.int64]:
        """(n,) number of features of each image."""
        return arrays["features"].astype(np.int64)

    def words_of(self, arrays: Arrays) -> NDArray[np.int64]:
        """(n,) zeros: vectors have no words."""
        return np.zeros(len(arrays["features"]), np.int64)


class VladChannel(VectorChannel):
    """Vectors of locally aggregated descriptors."""

    def __init__(self, extractor: Extractor[Any, LocalFeatures], method: Vlad, fitted: Fitted) -> None:
        self._method = method
        self._assigner = Assigner(np.asarray(fitted["centroids"], np.float32))
        self._whitening = from_arrays(fitted, VECTORS) if method.whitening == "pca" else None
        whitened = self._whitening and min(self._whitening.dimensions, method.dimensions)
        super().__init__(extractor, whitened or self._assigner.centroids.size)

    def aggregate(self, features: LocalFeatures) -> Vector:
        vector = self.raw(features)
        if self._whitening is None:
            return vector
        if not vector.any():
            return np.zeros(self.size, np.float32)
        return np.asarray(self._whitening.reduced(self.size).apply(vector[None])[0])

    def raw(self, features: LocalFeatures) -> Vector:
        """(words * d,) vector before whitening."""
        words = self._assigner.assign(features.descriptors)[0][:, 0]
        method = self._method
        return vlad(
            features.descriptors,
            words,
            self._assigner.centroids,
            normalisation=method.normalisation,
            power=method.power,
        )


class FisherChannel(VectorChannel):
    """Fisher vectors of a Gaussian mixture over projected descriptors."""

    def __init__(self, extractor: Extractor[Any, LocalFeatures], method: Fisher, fitted: Fitted) -> None:
        self._method = method
        self._pca = Projection(np.asarray(fitted["mean"], np.float32), np.asarray(fitted["components"], np.float32))
        weights, means, variances = (np.asarray(fitted[name], np.float64) for name in ("weights", "means", "variances"))
        self._mixture = Mixture(weights, means, variances)
        super().__init__(extractor, len(self.aggregate(LocalFeatures.none(extractor.dimensions))))

    def aggregate(self, features: LocalFeatures) -> Vector:
        projected = self._pca.apply(features.descriptors)
        method = self._method
        return fisher_vector(projected, self._mixture, gradients=method.gradients, power=method.power)
