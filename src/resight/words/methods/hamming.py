"""Hamming embedding: the parameters of `hamming.hamming_score`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from resight.learned.passes import Pass, Terms
from resight.learned.registered import register
from resight.learned.words import SAMPLE_PER_WORD, descriptors_of, fit_words
from resight.words.methods.of_words import Postings, WordsMethod

if TYPE_CHECKING:
    import numpy as np

    from resight.arrays import Arrays, Float32, Int32
    from resight.features.local import LocalFeatures
    from resight.learned.passes import Fitted
    from resight.words.evidence import ImageWords
    from resight.words.scoring import Scorer

HAMMING_BITS = 64


@register
class Hamming(WordsMethod):
    """Hamming embedding with weak geometric consistency (Jegou et al., ECCV 2008).

    It is fitted on a codebook, and a projection and medians for the signatures of descriptors in their words.
    """

    postings: ClassVar[Postings] = "hamming"
    score_meaning: ClassVar[str] = (
        "similarity of visual words whose signatures agree; it compares photos of one query alone"
    )

    kind: Literal["hamming"] = "hamming"
    # The paper's codebooks have 20,000 and 200,000 words; its threshold is 24 for the first and 22 for the second.
    size: int = Field(default=20000, ge=2, le=1 << 26, description="Words in the codebook.")
    bits: int = Field(default=64, ge=64, le=64, description="Bits of a signature.")
    threshold: int = Field(default=24, ge=0, le=64, description="Largest Hamming distance of a match.")
    # Jegou et al. (CVPR 2009), section 3, weigh a match by its distance; sigma = 16 there.
    sigma: float = Field(
        default=16.0, ge=0.0, le=1e6, description="A match weighs exp(-h^2 / sigma^2); 0: every match 1."
    )
    wgc: bool = Field(default=True, description="Keep only what agrees on one rotation and one change of scale.")
    idf: bool = Field(default=True, description="Whether words of few images weigh more.")
    # Jegou et al. (CVPR 2009), section 4.2.
    burstiness: bool = Field(default=False, description="Divide a match by the root of its number in the image.")

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"centroids", "projection", "medians"})

    @property
    def passes(self) -> tuple[Pass, ...]:
        return (Pass(SAMPLE_PER_WORD * self.size, descriptors_of, self._fitted),)

    def signature_bits(self, dimensions: int) -> int:
        return self.bits

    def quantised(
        self,
        features: LocalFeatures,
        words: Int32,
        distances: Float32,
        size: tuple[int, int],
        arrays: Arrays,
    ) -> ImageWords:
        import numpy as np

        from resight.learned.hamming import signatures
        from resight.words.quantise import quantise_hamming

        rows = np.repeat(features.descriptors, words.shape[1], axis=0)
        packed = signatures(rows, words.ravel(), arrays["projection"], arrays["medians"])
        return quantise_hamming(features, words, packed, size)

    def scorer(self, bits: int) -> Scorer:
        from resight.words.scoring import HammingScorer

        return HammingScorer(self)

    def _fitted(self, sample: Float32, terms: Terms) -> Fitted:
        import numpy as np

        from resight.learned.artefact import dequantise

        rng = np.random.default_rng(terms.seed)
        arrays = fit_words(sample, self.size, rng, terms)
        return arrays | fit_signatures(sample, dequantise(arrays)["centroids"], rng)


def fit_signatures(sample: Float32, centroids: Float32, rng: np.random.Generator) -> Fitted:
    """Returns the projection and uint8 medians of Hamming embedding for a codebook, on descriptors (n, d)."""
    from resight.learned.artefact import quantise
    from resight.learned.assignment import Assigner
    from resight.learned.hamming import fit_medians, fit_projection

    projection = fit_projection(sample.shape[1], HAMMING_BITS, rng)
    words = Assigner(centroids).assign(sample)[0][:, 0]
    medians = fit_medians(sample, words, projection, len(centroids))
    return {"projection": projection, **quantise({"medians": medians})}
