"""VLAD: the parameters of `vlad.vlad`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from resight.descriptors.methods.whitened import VECTOR_ARRAYS, WHOLE_KEYS, WholeWhitened
from resight.features.kinds import FeaturesKind
from resight.learned.kinds import FitName
from resight.learned.passes import Pass
from resight.learned.registered import register
from resight.learned.words import LOCAL_FEATURES, codebook_name, codebook_pass

if TYPE_CHECKING:
    from resight.arrays import Arrays, Vector
    from resight.features.extractor import Extractor
    from resight.features.local import LocalFeatures
    from resight.learned.method import Encoder


@register
class Vlad(WholeWhitened):
    """Vector of locally aggregated descriptors (Jegou et al., CVPR 2010 and TPAMI 2012)."""

    made_of: ClassVar[frozenset[str]] = LOCAL_FEATURES
    not_in_fit: ClassVar[frozenset[str]] = frozenset({"kind", "fit", "whitening", "dimensions", *WHOLE_KEYS})

    kind: Literal["vlad"] = "vlad"
    # CVPR 2010, section 2: k between 16 and 256; 64 is that of TPAMI 2012, section 3.
    size: int = Field(default=64, ge=1, le=65_536, description="Words in the codebook.")
    fit: FitName = Field(default="builtin", description='"builtin", "collection" or a path.')
    # "power": signed power, then L2 (TPAMI 2012, section 3.3); "intra": L2 of each word's block, then L2
    # (Arandjelovic & Zisserman, CVPR 2013, section 3.1); "power-intra": the power before "intra"; "l2": L2 alone.
    normalisation: Literal["power", "intra", "power-intra", "l2"] = "intra"
    power: float = Field(default=0.5, gt=0.0, le=1.0, description="Exponent of the power normalisations.")
    # Of the whole vector, to so many dimensions: Jegou & Chum, ECCV 2012, section 4; 128 as in Ng et al., CVPR 2015
    # workshops, section 4.
    whitening: Literal["none", "pca"] = "none"
    dimensions: int = Field(default=128, ge=1, le=65_536, description="Of the whitened vector.")

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"centroids"}) | (VECTOR_ARRAYS if self.whitening == "pca" else frozenset())

    @property
    def meets_features(self) -> str:
        return "centroids"

    @property
    def passes(self) -> tuple[Pass, ...]:
        words = codebook_pass(self.size)
        if self.whitening == "none":
            return (words,)
        from resight.descriptors.whitened import whole_vectors

        return words, whole_vectors(self.model_copy(update={"whitening": "none"}), self.dimensions, self.terms)

    def shipped_name(self, features: FeaturesKind) -> str:
        return codebook_name(features, self.size)

    def fitted_for(self, features: FeaturesKind, searched: bool = False) -> str:
        return features.seen() + (
            f", {self.vectors_name}, {self.terms(searched).name}" if self.whitening == "pca" else ""
        )

    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        import numpy as np

        from resight.descriptors.encoding import VectorEncoder
        from resight.descriptors.vlad import vlad
        from resight.descriptors.whitened import whole_vector_encoder
        from resight.learned.assignment import Assigner

        assigner = Assigner(np.asarray(arrays["centroids"], np.float32))

        def vector(features: LocalFeatures) -> Vector:
            words = assigner.assign(features.descriptors)[0][:, 0]
            return vlad(
                features.descriptors,
                words,
                assigner.centroids,
                normalisation=self.normalisation,
                power=self.power,
            )

        if self.whitening == "pca":
            return whole_vector_encoder(vector, self.dimensions, arrays, len)
        return VectorEncoder(assigner.centroids.size, vector, len)
