"""GeM: the parameters of `pooling.gem`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from resight.descriptors.methods.pooling import EXPONENT, SummedPooling
from resight.learned.registered import register

if TYPE_CHECKING:
    from resight.arrays import Arrays, Vector
    from resight.features.image_maps import ImageMaps
    from resight.libraries import AnyArray


@register
class Gem(SummedPooling):
    """Generalised-mean pooling (Radenovic et al., TPAMI 2019, eq. 3).

    Notes: a p that was learned takes the place of the method's; a single one also joins the scales, by the generalised
    mean with it, as in the authors' code.
    """

    kind: Literal["gem"] = "gem"
    # Section 5.1: learning starts from 3.
    p: float = Field(default=3.0, gt=0.0, le=1000.0)

    def pool(self, maps: AnyArray, mask: AnyArray | None) -> AnyArray:
        from resight.descriptors.pooling import gem

        return gem(maps, self.p, mask)

    def with_learned(self, fitted: Arrays) -> Callable[[AnyArray, AnyArray | None], AnyArray]:
        from resight.descriptors.pooled import pooled_by_gem

        return partial(pooled_by_gem, fitted[EXPONENT]) if EXPONENT in fitted else self.pool

    def rows(self, image: ImageMaps, fitted: Arrays) -> Vector:
        if EXPONENT not in fitted or len(fitted[EXPONENT]) != 1 or len(image.maps) == 1:
            return super().rows(image, fitted)
        from resight.descriptors.pooled import power_mean_of_scales

        return power_mean_of_scales(image, self.with_learned(fitted), float(fitted[EXPONENT][0]))

    def positions(self, maps: AnyArray, mask: AnyArray | None, fitted: Arrays) -> AnyArray:
        from resight.descriptors.contributions import gem_positions

        return gem_positions(maps, mask, fitted.get(EXPONENT, self.p))
