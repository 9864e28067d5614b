"""Images as their local features, which are kept as they are."""

from __future__ import annotations

from dataclasses import dataclass

from resight.features.local import LocalFeatures


@dataclass(frozen=True)
class Described:
    """Local features of an image of `size` (width, height)."""

    features: LocalFeatures
    size: tuple[int, int]


@dataclass(frozen=True)
class DescribedEncoder:
    """Features as they are. dimensions: of their descriptors."""

    dimensions: int
    size: int = 0

    def encode(self, features: LocalFeatures, size: tuple[int, int]) -> Described:
        """Returns the features of an image of `size` (width, height)."""
        return Described(features, size)

    query = encode

    def nothing(self) -> Described:
        """Returns the evidence of an image without features."""
        return Described(LocalFeatures.none(self.dimensions), (0, 0))
