"""Fits of vectors of local features: VLAD and Fisher vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from resight.channels.channel import Arrays, Channel
from resight.channels.fitting.contract import Fitted, Fitting, Pass, Sample, Terms
from resight.channels.fitting.naming import pooling_name, seen, weights_and_layer
from resight.channels.fitting.sizes import affordable
from resight.channels.fitting.whitening import VECTOR_ARRAYS, whole_vectors
from resight.channels.fitting.words import SAMPLE_PER_WORD, codebook_name, descriptors_of, fit_words
from resight.descriptors.kinds import Fisher, Vlad
from resight.features.extractor import Extractor
from resight.features.kinds import FeaturesKind
from resight.learned.mixture import fit_mixture, fit_pca
from resight.learned.whitening import POWER_ON_OTHERS

SAMPLE_PER_GAUSSIAN = 4000


class VladFitting(Fitting[Vlad]):
    """A codebook, and a whitening of the whole vectors, where the method has one."""

    @property
    def needs(self) -> set[str]:
        return {"centroids"} | (VECTOR_ARRAYS if self.method.whitening == "pca" else set())

    @property
    def meets_features(self) -> str:
        return "centroids"

    @property
    def passes(self) -> tuple[Pass, ...]:
        words = Pass(SAMPLE_PER_WORD * self.method.size, descriptors_of, self._fit)
        if self.method.whitening == "none":
            return (words,)
        plain = VladFitting(self.method.model_copy(update={"whitening": "none"}))
        return words, whole_vectors(plain, self.method.dimensions)

    def shipped_name(self, features: FeaturesKind) -> str:
        return codebook_name(features, self.method.size)

    def fitted_for(self, features: FeaturesKind, power: float = POWER_ON_OTHERS) -> str:
        vectors = pooling_name(self.method) if self.method.whitening == "pca" else ""
        return f"{seen(features)}, {vectors}, power={power:g}" if vectors else seen(features)

    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        from resight.channels.vectors import VladChannel

        return VladChannel(extractor, self.method, arrays)

    def _fit(self, sample: Sample, terms: Terms) -> Fitted:
        return fit_words(sample, self.method.size, np.random.default_rng(terms.seed), terms)


class FisherFitting(Fitting[Fisher]):
    """Principal components, and a mixture of Gaussians over what they leave."""

    @property
    def needs(self) -> set[str]:
        return {"mean", "components", "weights", "means", "variances"}

    @property
    def meets_features(self) -> str:
        return "mean"

    @property
    def passes(self) -> tuple[Pass, ...]:
        return (Pass(SAMPLE_PER_GAUSSIAN * self.method.components, descriptors_of, self._fit),)

    def shipped_name(self, features: FeaturesKind) -> str:
        return f"{weights_and_layer(features)}-fisher-{self.method.components}x{self.method.pca}"

    def fitted_for(self, features: FeaturesKind, power: float = POWER_ON_OTHERS) -> str:
        return seen(features)

    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        from resight.channels.vectors import FisherChannel

        return FisherChannel(extractor, self.method, arrays)

    def _fit(self, sample: Sample, terms: Terms) -> Fitted:
        components = affordable("Gaussians", self.method.components, len(sample))
        pca = fit_pca(sample, min(self.method.pca, sample.shape[1]))
        mixture = fit_mixture(pca.apply(sample), components, terms.seed)
        return {
            "mean": pca.mean,
            "components": pca.components,
            "weights": mixture.weights,
            "means": mixture.means,
            "variances": mixture.variances,
        }
