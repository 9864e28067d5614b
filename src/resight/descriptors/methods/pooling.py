"""The common part of methods that make vectors of feature maps; a new pooling is one subclass of `Pooling`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from resight.descriptors.methods.whitened import Whitened

if TYPE_CHECKING:
    from resight.arrays import Arrays, Vector
    from resight.features.extractor import Extractor
    from resight.features.image_maps import ImageMaps
    from resight.features.networks.retrieval import RetrievalHead
    from resight.learned.method import Encoder
    from resight.learned.whitening import Whitening
    from resight.libraries import AnyArray

EXPONENT = "exponent"
"""AnyArray of a checkpoint's p of GeM."""
BY_SCALE = "by_scale"
"""AnyArray that is there, with nothing in it, where every scale is whitened by itself."""


class OfMaps(Whitened):
    """One vector of the feature maps of an image at one scale or several, whitened or not."""

    made_of: ClassVar[frozenset[str]] = frozenset({"maps", "edges", "edge-orientations"})

    @abstractmethod
    def rows(self, image: ImageMaps, fitted: Arrays) -> Vector:
        """Returns (m, C) L2-normalised vectors before whitening: one an image, a scale or a region."""

    def describe(self, image: ImageMaps, whitening: Whitening | None, fitted: Arrays) -> Vector:
        """Returns (d,) L2-normalised vector of an image.

        It is the sum of its rows, each whitened where there is a whitening.
        """
        from resight.descriptors.pooled import unit_sum, whitened_rows

        return unit_sum(whitened_rows(self.rows(image, fitted), whitening))

    def vectors_of(self, features: Any) -> Vector:
        return self.rows(features, {})

    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        from resight.descriptors.pooled import MapEncoder

        whitening = self.whitening_of(arrays)
        return MapEncoder(self, self.length(extractor, whitening), whitening, arrays)

    def suits(self, head: RetrievalHead) -> bool:
        return head.pooling == self.kind


class Pooling(OfMaps):
    """A global pooling: each map becomes one vector, and those of several scales are averaged."""

    @abstractmethod
    def pool(self, maps: AnyArray, mask: AnyArray | None) -> AnyArray:
        """Returns (B, C) of maps (B, C, h, w), not negative.

        mask: (h, w), the positions that count; None where all do.
        """

    def with_learned(self, fitted: Arrays) -> Callable[[AnyArray, AnyArray | None], AnyArray]:
        """`pool`, with what was learned beside the whitening; most poolings learn nothing."""
        return self.pool

    def rows(self, image: ImageMaps, fitted: Arrays) -> Vector:
        """Returns (1, C): the L2-normalised mean over scales.

        Source: for the scales Radenovic, Tolias & Chum, TPAMI 2019, section 4.2, and its authors' code.
        """
        from resight.descriptors.pooled import mean_of_scales

        return mean_of_scales(image, self.with_learned(fitted))

    def describe(self, image: ImageMaps, whitening: Whitening | None, fitted: Arrays) -> Vector:
        from resight.descriptors.pooled import whitened_by_scale

        if whitening is not None and BY_SCALE in fitted:
            return whitened_by_scale(image, self.with_learned(fitted), whitening)
        return super().describe(image, whitening, fitted)


class SummedPooling(Pooling):
    """A pooling that is a sum over positions, so that each position's part in a similarity is known."""

    @abstractmethod
    def positions(self, maps: AnyArray, mask: AnyArray | None, fitted: Arrays) -> AnyArray:
        """Returns (C, h, w) that sum over positions to what `pool` makes of a map (C, h, w)."""
