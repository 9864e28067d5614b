"""SPoC: the parameters of `pooling.spoc`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from resight.descriptors.methods.pooling import SummedPooling
from resight.learned.registered import register

if TYPE_CHECKING:
    from resight.arrays import Arrays
    from resight.features.networks.retrieval import RetrievalHead
    from resight.libraries import AnyArray


@register
class Spoc(SummedPooling):
    """Sum-pooled convolutional features (Babenko & Lempitsky, ICCV 2015)."""

    kind: Literal["spoc"] = "spoc"
    # The paper weighs positions by a Gaussian around the centre for Oxford, and not for Holidays.
    centre_prior: bool = False

    def pool(self, maps: AnyArray, mask: AnyArray | None) -> AnyArray:
        from resight.descriptors.pooling import spoc

        return spoc(maps, self._weights(maps, mask))

    def positions(self, maps: AnyArray, mask: AnyArray | None, fitted: Arrays) -> AnyArray:
        weights = self._weights(maps, mask)
        if weights is None:
            return maps / (maps.shape[1] * maps.shape[2])
        # Where no position counts, the sum is 0 whatever it is divided by.
        return maps * (weights / (float(weights.sum()) or 1.0))

    def suits(self, head: RetrievalHead) -> bool:
        return super().suits(head) and not self.centre_prior

    def _weights(self, maps: AnyArray, mask: AnyArray | None) -> AnyArray | None:
        """Returns (h, w) of positions of maps (..., h, w); None where all weigh the same."""
        if not self.centre_prior:
            return mask
        from resight.descriptors.priors import centre_prior
        from resight.libraries import beside

        prior = beside(centre_prior(*maps.shape[-2:]), maps)
        return prior if mask is None else prior * mask
