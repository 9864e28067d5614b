"""R-MAC: the parameters of `regional.rmac`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from resight.descriptors.methods.pooling import OfMaps
from resight.learned.registered import register

if TYPE_CHECKING:
    from resight.arrays import Arrays, Vector
    from resight.features.image_maps import ImageMaps
    from resight.learned.whitening import Whitening


@register
class Rmac(OfMaps):
    """Sum of whitened regional maxima (Tolias et al., ICLR 2016, section 3.2)."""

    # One region more changes how many vectors there are, not what they mean.
    not_in_fit: ClassVar[frozenset[str]] = OfMaps.not_in_fit | {"whole"}

    kind: Literal["rmac"] = "rmac"
    # Section 5.1.
    levels: int = Field(default=3, ge=1, le=8)
    # The paper's regions are those of the grid; the code of Radenovic, Tolias & Chum, TPAMI 2019, adds it.
    whole: bool = Field(default=False, description="Whether the maximum of the whole map is one more region.")

    @property
    def vectors_name(self) -> str:
        # It sums the whitened vectors of the regions that "regions" keeps: both whiten the same.
        return super().vectors_name.replace(self.kind, "regions", 1)

    def rows(self, image: ImageMaps, fitted: Arrays) -> Vector:
        from resight.descriptors.pooled import regions_of

        return regions_of(image, self.levels, whole=self.whole)

    def describe(self, image: ImageMaps, whitening: Whitening | None, fitted: Arrays) -> Vector:
        from resight.descriptors.pooled import rmac_of

        return rmac_of(image, self.levels, whitening, whole=self.whole)
