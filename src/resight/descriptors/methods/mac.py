"""MAC: the parameters of `pooling.mac`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from resight.descriptors.methods.pooling import SummedPooling
from resight.learned.registered import register

if TYPE_CHECKING:
    from resight.arrays import Arrays
    from resight.libraries import AnyArray


@register
class Mac(SummedPooling):
    """Maximum activations of convolutions (Tolias et al., ICLR 2016, section 3.1)."""

    kind: Literal["mac"] = "mac"

    def pool(self, maps: AnyArray, mask: AnyArray | None) -> AnyArray:
        from resight.descriptors.pooling import mac

        return mac(maps, mask)

    def positions(self, maps: AnyArray, mask: AnyArray | None, fitted: Arrays) -> AnyArray:
        from resight.descriptors.contributions import maxima
        from resight.libraries import beside, library

        return maxima(maps if mask is None else library(maps).where(mask > 0, maps, beside(-float("inf"), maps)))
