"""Vectors of several layers or networks joined in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from resight.arrays import Vector
from resight.errors import UsageError

if TYPE_CHECKING:
    from resight.descriptors.pooled import MapEncoder
    from resight.features.joined import JoinedImage


def join(parts: Sequence[Vector], weights: Sequence[float], how: Literal["concatenate", "sum"]) -> Vector:
    """L2-normalised concatenation, or sum, of L2-normalised vectors, each times its weight.

    Two concatenations are as similar as their parts on average, weighted by the squares of the weights. UsageError:
    vectors of unequal dimensions are to be summed.
    """
    weighted = [np.float32(weight) * part for weight, part in zip(weights, parts, strict=True)]
    if how == "sum":
        if len({len(part) for part in parts}) > 1:
            raise UsageError(f"vectors of {', '.join(str(len(part)) for part in parts)} dimensions cannot be summed")
        joined = np.sum(weighted, axis=0)
    else:
        joined = np.concatenate(weighted)
    return np.asarray(joined / max(float(np.linalg.norm(joined)), np.finfo(np.float32).tiny), np.float32)


@dataclass(frozen=True)
class JoinedEncoder:
    """Maps of several layers or networks to one vector of `size`: those of `parts`, by weight."""

    parts: Sequence[MapEncoder]
    weights: Sequence[float]
    how: Literal["concatenate", "sum"]
    size: int

    def vectors(self, features: JoinedImage) -> list[Vector]:
        """Returns the vector of each part."""
        return [part.query(image, (0, 0)) for part, image in zip(self.parts, features, strict=True)]

    def encode(self, features: JoinedImage, size: tuple[int, int]) -> tuple[Vector, int]:
        """Returns the vector, which counts as one feature."""
        return self.query(features, size), 1

    def query(self, features: JoinedImage, size: tuple[int, int]) -> Vector:
        """Returns the vector."""
        return join(self.vectors(features), self.weights, self.how)

    def nothing(self) -> tuple[Vector, int]:
        """Returns the evidence of an image without features."""
        return np.zeros(self.size, np.float32), 0
