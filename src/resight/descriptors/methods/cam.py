"""Class-weighted features: the parameters of `class_weighted.class_weighted_vectors`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from resight.descriptors.methods.whitened import Whitened
from resight.learned.registered import register

if TYPE_CHECKING:
    from resight.arrays import Arrays, Vector
    from resight.features.class_maps import ClassedMaps
    from resight.features.extractor import Extractor
    from resight.learned.method import Encoder


@register
class Cam(Whitened):
    """Class-weighted convolutional features (Jimenez et al., BMVC 2017)."""

    made_of: ClassVar[frozenset[str]] = frozenset({"class-maps"})
    # It is fitted on the vector of the likeliest class, however many are summed over.
    not_in_fit: ClassVar[frozenset[str]] = Whitened.not_in_fit | {"classes"}

    kind: Literal["cam"] = "cam"
    # Section 4.2.
    classes: int = Field(
        default=64, ge=1, le=1_000_000, description="Classes, the likeliest of each photo, that are summed over."
    )

    def vectors_of(self, features: ClassedMaps) -> Vector:
        """Returns (1, C) vector of the likeliest class; (0, C) where it is seen nowhere.

        Source: the authors' code: its principal components are those of vectors of one class.
        """
        from resight.descriptors.class_weighted import class_weighted_vectors

        return class_weighted_vectors(features, 1)

    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        from resight.descriptors.class_weighted import class_weighted_descriptor
        from resight.descriptors.encoding import VectorEncoder

        whitening = self.whitening_of(arrays)
        return VectorEncoder(
            self.length(extractor, whitening),
            lambda features: class_weighted_descriptor(features, self.classes, whitening),
        )
