"""CroW: the parameters of `crow.crow`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from resight.descriptors.methods.pooling import SummedPooling
from resight.learned.registered import register

if TYPE_CHECKING:
    from resight.arrays import Arrays
    from resight.libraries import AnyArray


@register
class Crow(SummedPooling):
    """Cross-dimensional weighting (Kalantidis et al., ECCV 2016 workshops)."""

    kind: Literal["crow"] = "crow"
    a: float = Field(default=2.0, gt=0.0, le=1000.0, description="Power of the norm of the spatial weights: 2.")
    b: float = Field(default=2.0, gt=0.0, le=1000.0, description="Root taken of the spatial weights: 2.")

    def pool(self, maps: AnyArray, mask: AnyArray | None) -> AnyArray:
        from resight.descriptors.crow import crow

        return crow(maps if mask is None else maps * mask, self.a, self.b)

    def positions(self, maps: AnyArray, mask: AnyArray | None, fitted: Arrays) -> AnyArray:
        from resight.descriptors.crow import channel_weights, spatial_weights

        kept = (maps if mask is None else maps * mask)[None]
        return kept[0] * spatial_weights(kept, self.a, self.b)[0] * channel_weights(kept)[0][:, None, None]
