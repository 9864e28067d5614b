"""Fits of visual words: a codebook, and with it the signatures of Hamming embedding."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np

from resight.channels.channel import Arrays, Channel
from resight.channels.fitting.contract import Fitted, Fitting, Pass, Sample, Terms
from resight.channels.fitting.naming import seen, weights_and_layer
from resight.channels.fitting.sizes import affordable
from resight.features.extractor import Extractor
from resight.features.kinds import FeaturesKind
from resight.learned.artefact import dequantise, quantise
from resight.learned.assignment import FILTER_LIMIT, Assigner
from resight.learned.codebook import fit_codebook
from resight.learned.hamming import fit_medians, fit_projection
from resight.learned.whitening import POWER_ON_OTHERS
from resight.words.kinds import Asmk, Bow, Hamming

SAMPLE_PER_WORD = 100
"""Descriptors a word that a fit is given at most; more move the centroids by less than the noise of their start."""
HAMMING_BITS = 64


class WordsFitting(Fitting[Bow | Hamming | Asmk]):
    """A codebook of local descriptors."""

    @property
    def needs(self) -> set[str]:
        return {"centroids"}

    @property
    def meets_features(self) -> str:
        return "centroids"

    @property
    def passes(self) -> tuple[Pass, ...]:
        return (Pass(SAMPLE_PER_WORD * self.method.size, descriptors_of, self._fit),)

    def shipped_name(self, features: FeaturesKind) -> str:
        return codebook_name(features, self.method.size)

    def fitted_for(self, features: FeaturesKind, power: float = POWER_ON_OTHERS) -> str:
        return seen(features)

    def build(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Channel:
        from resight.channels.words import WordsChannel

        return WordsChannel(extractor, self.method, arrays)

    def _fit(self, sample: Sample, terms: Terms) -> Fitted:
        return fit_words(sample, self.method.size, np.random.default_rng(terms.seed), terms)


class HammingFitting(WordsFitting):
    """A codebook, and a projection and medians for the signatures of descriptors in their words."""

    @property
    def needs(self) -> set[str]:
        return {"centroids", "projection", "medians"}

    def _fit(self, sample: Sample, terms: Terms) -> Fitted:
        rng = np.random.default_rng(terms.seed)
        arrays = fit_words(sample, self.method.size, rng, terms)
        return arrays | fit_signatures(sample, dequantise(arrays)["centroids"], rng)


def descriptors_of(extractor: Extractor[Any, Any], arrays: Arrays) -> Callable[[Any], Sample]:
    """The local descriptors (m, d) of a photo, as they are."""
    return attrgetter("descriptors")


def codebook_name(features: FeaturesKind, size: int) -> str:
    """What a codebook that ships is called: methods of as many words share it."""
    return f"{weights_and_layer(features)}-codebook-{size}"


def fit_words(sample: Sample, size: int, rng: np.random.Generator, terms: Terms) -> Fitted:
    """Centroids in uint8, at most `size`, of descriptors (n, d); of a large codebook the graph that it is searched by.

    FitError where there is nothing to fit on.
    """
    size = affordable("words", size, len(sample))
    arrays = quantise({"centroids": fit_codebook(sample, size, rng, progress=terms.progress)})
    if size > FILTER_LIMIT:
        # Built once: for a million words it takes minutes, and every opening would wait for it.
        arrays["graph"] = Assigner(dequantise(arrays)["centroids"]).graph()
    return arrays


def fit_signatures(sample: Sample, centroids: Sample, rng: np.random.Generator) -> Fitted:
    """Projection and uint8 medians of Hamming embedding for a codebook, on descriptors (n, d)."""
    projection = fit_projection(sample.shape[1], HAMMING_BITS, rng)
    words = Assigner(centroids).assign(sample)[0][:, 0]
    medians = fit_medians(sample, words, projection, len(centroids))
    return {"projection": projection, **quantise({"medians": medians})}
