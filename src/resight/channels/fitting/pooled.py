"""Fits of vectors pooled from feature maps: a whitening, or nothing."""

from __future__ import annotations

from typing import Any

from resight.channels.channel import Arrays, Channel
from resight.channels.fitting.contract import Sample
from resight.channels.fitting.naming import pooling_name, weights_and_layer
from resight.channels.fitting.whitening import WhitenedFitting
from resight.descriptors.kinds import Cam, PooledKind, Regions
from resight.features.extractor import Extractor
from resight.features.kinds import ClassMaps, FeaturesKind, Maps


class PooledFitting(WhitenedFitting[PooledKind]):
    """Whitening of one vector an image, or of a vector a region."""

    def vectors_of(self, features: Any) -> Sample:
        from resight.descriptors.pooled import raw_vectors

        return raw_vectors(features, self.method)

    def shipped_name(self, features: FeaturesKind) -> str:
        assert isinstance(features, Maps), "a recipe pools nothing else"
        return f"{weights_and_layer(features)}-{pooling_name(self.method)}-power={self.power():g}"

    @property
    def vectors_name(self) -> str:
        return pooling_name(self.method)

    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        from resight.channels.pooled import PooledChannel, RegionChannel

        if isinstance(self.method, Regions):
            return RegionChannel(extractor, self.method, arrays)
        return PooledChannel(extractor, self.method, arrays)


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
        return f"{weights_and_layer(features)}-cam-power={self.power():g}"

    @property
    def vectors_name(self) -> str:
        # Without the number of classes that are summed over: it is fitted on the likeliest one's vector.
        return self.method.kind

    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        from resight.channels.class_weighted import CamChannel

        return CamChannel(extractor, self.method, arrays)
