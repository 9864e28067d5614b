"""Spatial pyramid: the parameters of `spatial.pyramid`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from resight.descriptors.methods.pooling import Pooling
from resight.learned.registered import register

if TYPE_CHECKING:
    from resight.features.extractor import Extractor
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

    @property
    def cells(self) -> int:
        """Number of cells of all grids."""
        return sum(one * one for one in self.levels)

    @property
    def meets_features(self) -> str | None:
        """None: the vectors are longer than the maps have channels."""
        return None

    def pool(self, maps: AnyArray, mask: AnyArray | None) -> AnyArray:
        from resight.descriptors.spatial import pyramid

        return pyramid(maps, self.levels, self.p, mask)

    def length(self, extractor: Extractor[Any, Any], whitening: Whitening | None) -> int:
        return self.cells * extractor.dimensions if whitening is None else whitening.dimensions
