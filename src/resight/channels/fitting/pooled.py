"""Fits of vectors pooled from feature maps: a whitening, or nothing."""

from __future__ import annotations

from typing import Any

from resight.channels.channel import Arrays, Channel
from resight.channels.fitting.contract import Sample
from resight.channels.fitting.naming import seen, weights_and_layer
from resight.channels.fitting.whitening import WhitenedFitting
from resight.descriptors.kinds import Cam, Gem, PooledKind, Regions, Rmac, Spoc, SuperGlobalPooling
from resight.features.extractor import Extractor
from resight.features.kinds import ClassMaps, FeaturesKind, Maps


class PooledFitting(WhitenedFitting[PooledKind]):
    """Whitening of one vector an image, or of a vector a region."""

    def vectors_of(self, features: Any) -> Sample:
        from resight.descriptors.pooled import raw_vectors

        return raw_vectors(features, self.method)

    def shipped_name(self, features: FeaturesKind) -> str:
        assert isinstance(features, Maps), "a recipe pools nothing else"
        return f"{weights_and_layer(features)}-{len(features.scales)}-{self._pooling}-{self.power():g}"

    def fitted_for(self, features: FeaturesKind) -> str:
        return seen(features, self._pooling)

    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        from resight.channels.pooled import PooledChannel, RegionChannel

        if isinstance(self.method, Regions):
            return RegionChannel(extractor, self.method, arrays)
        return PooledChannel(extractor, self.method, arrays)

    @property
    def _pooling(self) -> str:
        method = self.method
        match method:
            case Gem():
                return f"gem{method.p:g}"
            case SuperGlobalPooling():
                return f"superglobal{method.p:g}"
            case Spoc():
                return "spoc-centred" if method.centre_prior else "spoc"
            case Rmac() | Regions():
                # Both whiten the same vectors.
                return f"regions{method.levels}"
            case _:
                return method.kind


class CamFitting(WhitenedFitting[Cam]):
    """Whitening of class-weighted vectors.

    Source: the code of Jimenez et al., BMVC 2017: its principal components are those of vectors of one class.
    """

    def vectors_of(self, features: Any) -> Sample:
        """(1, C) vector of the likeliest class; (0, C) where it is seen nowhere."""
        from resight.descriptors.class_weighted import class_weighted_vectors

        return class_weighted_vectors(features, 1)

    def shipped_name(self, features: FeaturesKind) -> str:
        assert isinstance(features, ClassMaps), "a recipe weighs nothing else by classes"
        return f"{weights_and_layer(features)}-{len(features.scales)}-cam-{self.power():g}"

    def fitted_for(self, features: FeaturesKind) -> str:
        return seen(features)

    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        from resight.channels.class_weighted import CamChannel

        return CamChannel(extractor, self.method, arrays)
