"""Neural codes: the parameters of `codes.neural_codes`, for the whole photo or for each region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from resight.descriptors.methods.regions import Matching, Regional
from resight.descriptors.methods.whitened import Whitened
from resight.features.kinds import FeaturesKind
from resight.learned.registered import register

if TYPE_CHECKING:
    from resight.arrays import Arrays, Vector
    from resight.features.codes import ImageCodes
    from resight.features.extractor import Extractor
    from resight.learned.method import Encoder

SAMPLE_OF_CODES = 50_000
"""Vectors of a fully connected layer, which have 4096 dimensions: 0.8 GB."""


@register
class NeuralCodes(Whitened):
    """The activations of the whole photo (Babenko et al., ECCV 2014).

    As in the paper, power 0 only turns vectors to their principal components.
    """

    made_of: ClassVar[frozenset[str]] = frozenset({"codes"})
    limit: ClassVar[int] = SAMPLE_OF_CODES

    kind: Literal["codes"] = "codes"

    def vectors_of(self, features: ImageCodes) -> Vector:
        from resight.descriptors.codes import neural_codes

        return neural_codes(features.rows[:1])

    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        from resight.descriptors.encoding import VectorEncoder
        from resight.descriptors.pooled import whitened_rows

        whitening = self.whitening_of(arrays)
        return VectorEncoder(
            self.length(extractor, whitening), lambda features: whitened_rows(self.vectors_of(features), whitening)[0]
        )


@register
class RegionCodes(Regional):
    """The activations of every region; images are compared region by region (Razavian et al., 2016)."""

    made_of: ClassVar[frozenset[str]] = frozenset({"codes", "region-maps"})
    limit: ClassVar[int] = SAMPLE_OF_CODES

    kind: Literal["region-codes"] = "region-codes"
    # Section 3: by the mean distance of each region of the query to the nearest of the image.
    matching: Matching = "distance"

    def fitted_for(self, features: FeaturesKind, searched: bool = False) -> str:
        # What whitens the regions whitens them whoever sums them.
        return f"{features.seen('codes')}, {self.terms(searched).name}"

    def vectors_of(self, features: ImageCodes) -> Vector:
        from resight.descriptors.codes import neural_codes

        return neural_codes(features.rows)
