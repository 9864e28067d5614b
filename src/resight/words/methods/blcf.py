"""Bags of local convolutional features: the words of the positions of a feature map, and their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from resight.features.kinds import Convolutional, FeaturesKind
from resight.learned.kinds import FitName
from resight.learned.passes import Pass, Terms
from resight.learned.registered import register
from resight.learned.words import SAMPLE_PER_WORD, descriptors_of, fit_words
from resight.words.methods.of_words import BagOfWords

if TYPE_CHECKING:
    from resight.arrays import Arrays, Float32, Float64, Int32, Int64
    from resight.features.extractor import Extractor
    from resight.features.local import LocalFeatures
    from resight.learned.method import Encoder
    from resight.learned.passes import Fitted
    from resight.words.evidence import ImageWords

MOST_SAMPLED = 3_000_000
"""Positions that a fit is given at most: the paper's."""


@register
class Blcf(BagOfWords):
    """Bag of local convolutional features: cosine of term frequencies (Mohedano et al., ICMR 2016).

    Positions are L2-normalised, whitened by principal components, normalised again, and each is its nearest word. What
    positions weigh comes with the features: the saliency of indexed photos, and what is around the box of a query.
    """

    made_of: ClassVar[frozenset[str]] = frozenset({"convolutional"})

    kind: Literal["blcf"] = "blcf"
    # The paper's, for 5,000 to 23,000 photos.
    size: int = Field(default=25_000, ge=2, le=1 << 26, description="Words in the codebook.")
    fit: FitName = Field(default="collection", description='"collection" or a path.')
    # 512 of VGG-16, all it has; fewer where the fit has fewer.
    dimensions: int = Field(default=512, ge=1, le=65_536, description="Of the whitened positions.")
    power: float = Field(default=1.0, ge=0.0, le=2.0, description="Of the whitening: 1 whitens fully.")
    # The paper tried it, and left it out.
    idf: bool = Field(default=False, description="Whether words of few images weigh more.")

    @property
    def is_counted(self) -> bool:
        return self.idf

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"centroids", "mean", "projection"})

    @property
    def meets_features(self) -> str:
        return "mean"

    @property
    def passes(self) -> tuple[Pass, ...]:
        return (Pass(min(SAMPLE_PER_WORD * self.size, MOST_SAMPLED), descriptors_of, self._fitted),)

    def fitted_for(self, features: FeaturesKind, searched: bool = False) -> str:
        # How much positions weigh does not change what their words are.
        unweighed = dict.fromkeys(("saliency", "saliency_folder", "saliency_model", "saliency_size"))
        return (features.model_copy(update=unweighed) if isinstance(features, Convolutional) else features).seen()

    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        from resight.words.whitened_vocabulary import WhitenedVocabulary

        params = getattr(extractor, "params", None)
        weighs = isinstance(params, Convolutional) and params.saliency is not None
        of_maps = isinstance(params, Convolutional) and len(params.scales) == 1
        return WhitenedVocabulary(arrays, self, weighs, of_maps)

    def count_gain(self, count: Float64) -> Float64:
        return count

    def word_weights(self, frequency: Int64, images: int) -> Float64:
        import numpy as np

        from resight.words.bow import inverse_document_frequency

        return inverse_document_frequency(frequency, images) if self.idf else np.ones(len(frequency))

    def quantised(
        self,
        features: LocalFeatures,
        words: Int32,
        distances: Float32,
        size: tuple[int, int],
        arrays: Arrays,
    ) -> ImageWords:
        from dataclasses import replace

        found = super().quantised(features, words, distances, size, arrays)
        weights = found.weights
        if features.weights is not None:
            own = features.weights[found.features]
            weights = own if weights is None else own * weights
        return replace(found, weights=weights, box=features.box)

    def _fitted(self, sample: Float32, terms: Terms) -> Fitted:
        import numpy as np

        from resight.learned.whitening import fit_pca_whitening

        # Without shrinkage: the paper's. There are many times as many positions as dimensions.
        whitening = fit_pca_whitening(sample, self.dimensions, power=self.power, shrinkage=0.0)
        words = fit_words(whitening.apply(sample), self.size, np.random.default_rng(terms.seed), terms)
        return {**words, "mean": whitening.mean, "projection": whitening.projection}
