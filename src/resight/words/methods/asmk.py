"""ASMK*: the parameters of `asmk.asmk_score`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from resight.learned.registered import register
from resight.words.methods.of_words import Postings, WordsMethod

if TYPE_CHECKING:
    from resight.arrays import Arrays, Float32, Int32
    from resight.features.local import LocalFeatures
    from resight.words.evidence import ImageWords
    from resight.words.scoring import Scorer


@register
class Asmk(WordsMethod):
    """Aggregated selective match kernel, ASMK* (Tolias, Avrithis & Jegou, ICCV 2013)."""

    postings: ClassVar[Postings] = "asmk"
    score_meaning: ClassVar[str] = "similarity of visual words and their signatures, 0 to 1"

    kind: Literal["asmk"] = "asmk"
    # Section 5: multiple assignment to 5 words, on the query side only; alpha = 3, tau = 0, 65k words.
    query_assignment: int = Field(default=5, ge=1, le=1000, description="Nearest words of a query feature.")
    alpha: float = Field(default=3.0, gt=0.0, le=1000.0, description="Exponent of the similarity.")
    threshold: float = Field(default=0.0, ge=0.0, le=1.0, description="Smallest similarity that counts.")
    idf: bool = Field(default=False, description="Whether words of few images weigh more.")

    def signature_bits(self, dimensions: int) -> int:
        return dimensions

    def quantised(
        self,
        features: LocalFeatures,
        words: Int32,
        distances: Float32,
        size: tuple[int, int],
        arrays: Arrays,
    ) -> ImageWords:
        from resight.words.quantise import quantise_asmk

        return quantise_asmk(features, words, arrays["centroids"], size)

    def scorer(self, bits: int) -> Scorer:
        from resight.words.scoring import AsmkScorer

        return AsmkScorer(self, bits)
