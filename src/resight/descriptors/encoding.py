"""One photo to one vector, or to one a region: what every method of descriptors gives, whatever makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from resight.arrays import Vector


def one_feature(features: Any) -> int:
    """A vector of a whole photo counts as one feature."""
    return 1


@dataclass(frozen=True)
class VectorEncoder:
    """Features to one vector.

    vector: (size,) L2-normalised, zeros for an image without features; count: of how many features it is made.
    """

    size: int
    vector: Callable[[Any], Vector]
    count: Callable[[Any], int] = one_feature

    def encode(self, features: Any, size: tuple[int, int]) -> tuple[Vector, int]:
        """Returns the vector, and the number of features it was made of."""
        return self.vector(features), self.count(features)

    def query(self, features: Any, size: tuple[int, int]) -> Vector:
        """Returns the vector."""
        return self.vector(features)

    def nothing(self) -> tuple[Vector, int]:
        """Returns the evidence of an image without features."""
        return np.zeros(self.size, np.float32), 0


@dataclass(frozen=True)
class RegionEncoder:
    """Features to vectors of regions. regions: (r, size) L2-normalised vectors."""

    size: int
    regions: Callable[[Any], Vector]

    def encode(self, features: Any, size: tuple[int, int]) -> Vector:
        """Returns (r, size) vectors of the regions."""
        return self.regions(features)

    def query(self, features: Any, size: tuple[int, int]) -> Vector:
        """Returns (r, size) vectors of the regions."""
        return self.regions(features)

    def nothing(self) -> Vector:
        """Returns the evidence of an image without regions."""
        return np.zeros((0, self.size), np.float32)
