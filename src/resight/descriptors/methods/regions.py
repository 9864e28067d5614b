"""The regions of R-MAC, each kept by itself: the parameters of `regional.regional_maxima`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from resight.descriptors.methods.pooling import OfMaps
from resight.descriptors.methods.whitened import Whitened
from resight.learned.kinds import Keeps
from resight.learned.method import Layout
from resight.learned.registered import register

if TYPE_CHECKING:
    from resight.arrays import Arrays, Vector
    from resight.features.extractor import Extractor
    from resight.features.image_maps import ImageMaps
    from resight.features.networks.retrieval import RetrievalHead
    from resight.learned.method import Encoder

Matching = Literal["query", "distance", "image", "image-sum", "symmetric"]
"""The comparison of images region by region: `descriptors.cross_matching`."""


class Regional(Whitened):
    """A vector for each region of an image, whitened or not; images are compared region by region."""

    layout: ClassVar[Layout] = "regions"
    keeps: ClassVar[frozenset[Keeps]] = frozenset({Keeps.REGIONS})
    score_meaning: ClassVar[str] = "how alike the best regions are, 1 at most"
    not_in_fit: ClassVar[frozenset[str]] = Whitened.not_in_fit | {"matching"}

    matching: Matching = "query"

    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        from resight.descriptors.encoding import RegionEncoder
        from resight.descriptors.pooled import whitened_rows

        whitening = self.whitening_of(arrays)
        return RegionEncoder(
            self.length(extractor, whitening), lambda features: whitened_rows(self.vectors_of(features), whitening)
        )


@register
class Regions(Regional):
    """A vector for each region of R-MAC's grid.

    Images are compared region by region (the R-match of Iscen et al., CVPR 2017).
    """

    made_of: ClassVar[frozenset[str]] = OfMaps.made_of
    not_in_fit: ClassVar[frozenset[str]] = Regional.not_in_fit | {"whole"}

    kind: Literal["regions"] = "regions"
    levels: int = Field(default=3, ge=1, le=8, description="Sizes of regions in R-MAC's grid: 3.")
    whole: bool = Field(default=False, description="Whether the maximum of the whole map is one more region.")
    # "query": the mean similarity of the best match of each region of the query, as published; "distance": of its mean
    # distance (Razavian et al., 2016); "image": of each region of the image; "symmetric": of each region of both;
    # "image-sum": as "image", and the similarity of the sums.
    matching: Matching = "query"

    def vectors_of(self, features: ImageMaps) -> Vector:
        from resight.descriptors.pooled import regions_of

        return regions_of(features, self.levels, whole=self.whole)

    def suits(self, head: RetrievalHead) -> bool:
        return head.pooling == "rmac"
