"""Spatial pyramid: the parameters of `spatial.pyramid`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from resight.descriptors.methods.pooling import Pooling
from resight.learned.registered import register

if TYPE_CHECKING:
    from resight.arrays import Arrays, Vector
    from resight.features.extractor import Extractor
    from resight.features.image_maps import ImageMaps
    from resight.learned.whitening import Whitening
    from resight.libraries import AnyArray


@register
class Pyramid(Pooling):
    """Pooled by GeM in each cell of grids over the map, one vector after the other: what is where counts.

    Source: Lazebnik, Schmid & Ponce, "Beyond bags of features: spatial pyramid matching", CVPR 2006; of feature maps
    He et al., "Spatial pyramid pooling in deep convolutional networks", ECCV 2014.
    """

    kind: Literal["pyramid"] = "pyramid"
    # CVPR 2006 has 1, 2 and 4.
    levels: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(
        default=(3,), min_length=1, max_length=8, description="Cells along each side of each grid."
    )
    p: float = Field(default=3.0, gt=0.0, le=1000.0, description="Of GeM in a cell.")
    # Ours: one whitening of all cells is fitted on as many rows as there are cells in all photos.
    whitened: Literal["whole", "cells"] = Field(
        default="whole", description="Whether the whole vector is whitened, or each cell, before they are joined."
    )

    @property
    def cells(self) -> int:
        """Number of cells of all grids."""
        return sum(one * one for one in self.levels)

    @property
    def vectors_name(self) -> str:
        # A name from before there were cells to whiten stays what it was.
        return super().vectors_name.removesuffix("-whitened=whole")

    @property
    def meets_features(self) -> str | None:
        """The mean, of cells; None of whole vectors, which are longer than the maps have channels."""
        return "mean" if self.needs and self.whitened == "cells" else None

    def pool(self, maps: AnyArray, mask: AnyArray | None) -> AnyArray:
        from resight.descriptors.spatial import pyramid

        return pyramid(maps, self.levels, self.p, mask)

    def vectors_of(self, features: Any) -> Vector:
        whole = super().vectors_of(features)
        return whole.reshape(self.cells, -1) if self.whitened == "cells" else whole

    def describe(self, image: ImageMaps, whitening: Whitening | None, fitted: Arrays) -> Vector:
        if whitening is None or self.whitened == "whole":
            return super().describe(image, whitening, fitted)
        from resight.descriptors.pooled import unit_sum

        # An all but empty cell stays weak: cells are not normalised one by one.
        rows = whitening.projected(self.vectors_of(image))
        return unit_sum(rows.reshape(1, -1))

    def length(self, extractor: Extractor[Any, Any], whitening: Whitening | None) -> int:
        if whitening is None:
            return self.cells * extractor.dimensions
        return whitening.dimensions * (self.cells if self.whitened == "cells" else 1)
