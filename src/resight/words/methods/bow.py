"""Bags of visual words by tf-idf: the parameters of `bow.bow_scores`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from resight.learned.registered import register
from resight.words.methods.of_words import BagOfWords

if TYPE_CHECKING:
    from resight.arrays import Float64, Int64


@register
class Bow(BagOfWords):
    """Bag of visual words: cosine of tf-idf vectors (Sivic & Zisserman, ICCV 2003)."""

    kind: Literal["bow"] = "bow"
    # Philbin et al. (CVPR 2008) give a feature its 3 nearest words when assignment is soft; hard assignment is 1.
    query_assignment: int = Field(default=1, ge=1, le=1000, description="Nearest words of a query feature.")
    # The paper assigns those of indexed photos softly too; each then takes as many postings.
    image_assignment: int = Field(
        default=1, ge=1, le=100, description="Nearest words of a feature of an indexed photo."
    )
    # "clipped" is min(tf, 1): whether, not how often (Jegou et al., CVPR 2009, removes multiple matches likewise).
    tf: Literal["raw", "clipped", "sqrt"] = "raw"
    idf: bool = Field(default=True, description="Whether words of few images weigh more.")
    # Jegou et al. (CVPR 2009), section 4.2.
    burstiness: bool = Field(default=False, description="Divide a match by the root of its number in the image.")

    @model_validator(mode="after")
    def _one_remedy(self) -> Bow:
        if self.burstiness and self.tf != "raw":
            raise ValueError(f'burstiness already damps repeated words: it goes with tf = "raw", not "{self.tf}"')
        if self.image_assignment > 1 and self.soft_sigma == 0.0:
            raise ValueError("features of indexed photos have several words by their distance alone: set soft_sigma")
        return self

    @property
    def indexed_assignment(self) -> int:
        return self.image_assignment

    @property
    def is_counted(self) -> bool:
        return self.idf

    def count_gain(self, count: Float64) -> Float64:
        from resight.words.bow import term_gain

        return term_gain(count, self.tf)

    def matched_gain(self, count: Float64) -> Float64:
        from resight.words.bow import burst_gain

        gain = self.count_gain(count)
        return burst_gain(gain, count) if self.burstiness else gain

    def word_weights(self, frequency: Int64, images: int) -> Float64:
        import numpy as np

        from resight.words.bow import inverse_document_frequency

        return inverse_document_frequency(frequency, images) if self.idf else np.ones(len(frequency))
