"""Fits of activations of a photo or of its regions: a whitening, or of MOP a codebook of each level as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from resight.channels.channel import Arrays, Channel
from resight.channels.fitting.contract import Fitted, Fitting, Pass, Sample, Terms
from resight.channels.fitting.naming import seen, weights_and_layer
from resight.channels.fitting.whitening import VECTOR_ARRAYS, WhitenedFitting, whole_vectors
from resight.channels.fitting.words import SAMPLE_PER_WORD
from resight.descriptors.codes import PATCH_LEVELS, neural_codes
from resight.descriptors.kinds import CodeKind, Mop, NeuralCodes
from resight.features.extractor import Extractor
from resight.features.kinds import FeaturesKind
from resight.learned.codebook import affordable_size, fit_codebook
from resight.learned.mixture import fit_pca
from resight.learned.whitening import POWER_ON_OTHERS

if TYPE_CHECKING:
    from resight.features.codes import ImageCodes

SAMPLE_OF_CODES = 50_000
"""Vectors of a fully connected layer, which have 4096 dimensions: 0.8 GB."""


class CodesFitting(WhitenedFitting[CodeKind]):
    """Whitening of the activations of the whole photo, or of each region."""

    limit = SAMPLE_OF_CODES

    def vectors_of(self, features: ImageCodes) -> Sample:
        from resight.channels.codes import code_vectors

        return code_vectors(features, self.method)

    def shipped_name(self, features: FeaturesKind) -> str:
        return f"{weights_and_layer(features)}-{self.method.kind}-power={self.power():g}"

    @property
    def vectors_name(self) -> str:
        return "codes"

    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        from resight.channels.codes import CodeChannel, RegionCodeChannel

        if isinstance(self.method, NeuralCodes):
            return CodeChannel(extractor, self.method, arrays)
        return RegionCodeChannel(extractor, self.method, arrays)


class MopFitting(Fitting[Mop]):
    """Principal components and a codebook of each level of patches, and a whitening of the whole vectors, where the
    method has one."""

    @property
    def needs(self) -> set[str]:
        levels = {f"{level}.{name}" for level in PATCH_LEVELS for name in ("mean", "components", "centroids")}
        return levels | (VECTOR_ARRAYS if self.method.whitening == "pca" else set())

    @property
    def meets_features(self) -> str:
        return f"{PATCH_LEVELS[0]}.mean"

    @property
    def passes(self) -> tuple[Pass, ...]:
        limit = len(PATCH_LEVELS) * SAMPLE_PER_WORD * self.method.size
        patches = Pass(limit, _patches_of, self._fit)
        if self.method.whitening == "none":
            return (patches,)
        plain = MopFitting(self.method.model_copy(update={"whitening": "none"}))
        return patches, whole_vectors(plain, self.method.dimensions)

    def shipped_name(self, features: FeaturesKind) -> str:
        return f"{weights_and_layer(features)}-mop-{self.method.size}x{self.method.pca}"

    def fitted_for(self, features: FeaturesKind, power: float = POWER_ON_OTHERS) -> str:
        whitened = f", power={power:g}" if self.method.whitening == "pca" else ""
        return f"{seen(features)}{whitened}"

    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        from resight.channels.codes import MopChannel

        return MopChannel(extractor, self.method, arrays)

    def _fit(self, sample: Sample, terms: Terms) -> Fitted:
        rng = np.random.default_rng(terms.seed)
        arrays: Fitted = {}
        for level in PATCH_LEVELS:
            own = sample[sample[:, -1] == level, :-1]
            pca = fit_pca(own, min(self.method.pca, own.shape[1], max(1, len(own) // 2)))
            centroids = fit_codebook(pca.apply(own), affordable_size(len(own), self.method.size), rng)
            fitted = {"mean": pca.mean, "components": pca.components, "centroids": centroids}
            arrays |= {f"{level}.{name}": array for name, array in fitted.items()}
        return arrays


def _patches_of(extractor: Extractor[Any, Any], arrays: Arrays) -> Callable[[ImageCodes], Sample]:
    return patch_vectors


def patch_vectors(features: ImageCodes) -> Sample:
    """(m, C + 1): L2-normalised activations of patches, and their level: what codebooks are fitted on."""
    finer = features.levels > 0
    return np.concatenate([neural_codes(features.rows[finer]), features.levels[finer, None]], axis=1, dtype=np.float32)
