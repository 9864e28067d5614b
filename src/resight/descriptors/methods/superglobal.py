"""SuperGlobal: the parameters of `superglobal.superglobal_vector`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from resight.descriptors.methods.pooling import OfMaps
from resight.learned.registered import register

if TYPE_CHECKING:
    from resight.arrays import Arrays, Vector
    from resight.features.image_maps import ImageMaps
    from resight.learned.whitening import Whitening


@register
class SuperGlobalPooling(OfMaps):
    """Generalised mean of regional generalised means (Shao et al., ICCV 2023, section 3.2).

    Each scale is whitened by itself; of each component the largest over the scales counts.
    """

    kind: Literal["superglobal"] = "superglobal"
    # That of the authors' code.
    p: float = Field(default=4.6, gt=0.0, le=1000.0)

    def rows(self, image: ImageMaps, fitted: Arrays) -> Vector:
        from resight.descriptors.pooled import superglobal_scales

        return superglobal_scales(image, self.p)

    def describe(self, image: ImageMaps, whitening: Whitening | None, fitted: Arrays) -> Vector:
        from resight.descriptors.pooled import largest_of_scales, whitened_rows

        return largest_of_scales(whitened_rows(self.rows(image, fitted), whitening))
