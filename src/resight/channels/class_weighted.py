"""Channels of class-weighted vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.channels.pooled import dimensions, whitening_of
from resight.channels.vectors import Vector, VectorChannel
from resight.descriptors.class_weighted import class_weighted_vectors
from resight.descriptors.kinds import Cam
from resight.descriptors.pooled import unit_sum
from resight.features.class_maps import ClassedMaps
from resight.features.extractor import Extractor

Fitted = Mapping[str, NDArray[Any]]


class CamChannel(VectorChannel):
    """The vectors of the likeliest classes, each whitened, summed."""

    def __init__(self, extractor: Extractor[Any, ClassedMaps], method: Cam, fitted: Fitted) -> None:
        self._method = method
        self._whitening = whitening_of(method, fitted)
        super().__init__(extractor, dimensions(extractor, self._whitening))

    def aggregate(self, features: ClassedMaps) -> Vector:
        rows = class_weighted_vectors(features, self._method.classes)
        if not len(rows):
            return np.zeros(self.size, np.float32)
        return unit_sum(rows if self._whitening is None else self._whitening.apply(rows))

    def encode(self, features: ClassedMaps, size: tuple[int, int]) -> tuple[Vector, int]:
        """The vector, which counts as one feature."""
        return self.aggregate(features), 1
