"""Fits of NetVLAD: what learning its layer starts from, and a whitening of its vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from resight.channels.channel import Arrays, Channel
from resight.channels.fitting.contract import Fitted, Fitting, Pass, Sample, Terms
from resight.channels.fitting.naming import pooling_name, seen, weights_and_layer
from resight.channels.fitting.whitening import VECTOR_ARRAYS, whole_vectors
from resight.channels.fitting.words import SAMPLE_PER_WORD
from resight.descriptors.kinds import NetVlad
from resight.features.extractor import Extractor
from resight.features.kinds import FeaturesKind
from resight.learned.codebook import affordable_size, fit_codebook
from resight.learned.whitening import POWER_ON_OTHERS

if TYPE_CHECKING:
    from resight.features.maps import ImageMaps


class NetVladFitting(Fitting[NetVlad]):
    """A codebook and a sharpness, unless the layer comes with the network; a whitening of the whole vectors, where the
    method has one."""

    @property
    def needs(self) -> set[str]:
        words = {"centroids", "alpha"} if self.method.words == "fitted" else set()
        return words | (VECTOR_ARRAYS if self.method.whitening == "pca" else set())

    @property
    def meets_features(self) -> str | None:
        return "centroids" if self.method.words == "fitted" else None

    @property
    def passes(self) -> tuple[Pass, ...]:
        passes = []
        if self.method.words == "fitted":
            passes.append(Pass(SAMPLE_PER_WORD * self.method.size, _positions_of, self._fit))
        if self.method.whitening == "pca":
            plain = NetVladFitting(self.method.model_copy(update={"whitening": "none"}))
            passes.append(whole_vectors(plain, self.method.dimensions))
        return tuple(passes)

    def shipped_name(self, features: FeaturesKind) -> str:
        return f"{weights_and_layer(features)}-netvlad-{self.method.size}"

    def fitted_for(self, features: FeaturesKind, power: float = POWER_ON_OTHERS) -> str:
        if self.method.whitening == "none":
            return seen(features, "netvlad")
        return f"{seen(features, pooling_name(self.method))}, power={power:g}"

    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        from resight.channels.netvlad import NetVladChannel
        from resight.features.maps import MapExtractor

        assert isinstance(extractor, MapExtractor), "a recipe makes it of nothing else"
        return NetVladChannel(extractor, self.method, arrays)

    def _fit(self, sample: Sample, terms: Terms) -> Fitted:
        """Centroids (K, C) and alpha (1,) that learning starts from, on rows of `positions`."""
        from resight.descriptors.netvlad import starting_alpha

        size = max(2, affordable_size(len(sample), self.method.size))
        centroids = fit_codebook(sample, size, np.random.default_rng(terms.seed))
        alpha = starting_alpha(sample, centroids)
        return {"centroids": np.asarray(centroids, np.float32), "alpha": np.array([alpha], np.float32)}


def _positions_of(extractor: Extractor[Any, Any], arrays: Arrays) -> Callable[[ImageMaps], Sample]:
    return positions


def positions(features: ImageMaps) -> Sample:
    """(m, C) L2-normalised activations of all positions of all scales: what words are fitted on."""
    import torch

    with torch.inference_mode():
        rows = torch.cat([maps.flatten(1).T for maps in features.maps])
        return np.ascontiguousarray(torch.nn.functional.normalize(rows, dim=1).cpu().numpy(), np.float32)
