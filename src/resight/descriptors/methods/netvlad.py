"""NetVLAD: the parameters of `netvlad.NetVLAD`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from resight.descriptors.methods.whitened import VECTOR_ARRAYS, WHOLE_KEYS, WholeWhitened
from resight.features.kinds import FeaturesKind
from resight.features.networks.requirement import require_torch
from resight.learned.kinds import FitName
from resight.learned.passes import Pass, Terms
from resight.learned.registered import register
from resight.learned.words import SAMPLE_PER_WORD

if TYPE_CHECKING:
    from resight.arrays import Arrays, Float32, Vector
    from resight.descriptors.netvlad import NetVLAD
    from resight.features.extractor import Extractor
    from resight.features.image_maps import ImageMaps
    from resight.learned.method import Encoder
    from resight.learned.passes import Fitted


@register
class NetVlad(WholeWhitened):
    """A VLAD with soft assignment (Arandjelovic et al., CVPR 2016).

    It is fitted on a codebook and a sharpness, unless the layer comes with the network.
    """

    made_of: ClassVar[frozenset[str]] = frozenset({"maps"})
    not_in_fit: ClassVar[frozenset[str]] = frozenset({"kind", "fit", "whitening", "dimensions", *WHOLE_KEYS})

    kind: Literal["netvlad"] = "netvlad"
    # "checkpoint": the layer that was learned with the network. "fitted": what learning starts from, a codebook of
    # photos and the sharpness of section 3.1.
    words: Literal["checkpoint", "fitted"] = "checkpoint"
    # Section 5.1.
    size: int = Field(default=64, ge=2, le=65_536, description="Words of a layer that is fitted.")
    # Of the whole vector; section 5.1 has 4096.
    whitening: Literal["none", "pca"] = "pca"
    dimensions: int = Field(default=4096, ge=1, le=65_536, description="Of the whitened vector.")
    fit: FitName = Field(default="collection", description='"collection" or a path.')

    @property
    def needs(self) -> frozenset[str]:
        words = frozenset({"centroids", "alpha"}) if self.words == "fitted" else frozenset()
        return words | (VECTOR_ARRAYS if self.whitening == "pca" else frozenset())

    @property
    def meets_features(self) -> str | None:
        return "centroids" if self.words == "fitted" else None

    @property
    def passes(self) -> tuple[Pass, ...]:
        passes = []
        if self.words == "fitted":
            passes.append(Pass(SAMPLE_PER_WORD * self.size, _positions_of, self._fitted))
        if self.whitening == "pca":
            from resight.descriptors.whitened import whole_vectors

            passes.append(whole_vectors(self.model_copy(update={"whitening": "none"}), self.dimensions, self.terms))
        return tuple(passes)

    def shipped_name(self, features: FeaturesKind) -> str:
        return f"{features.shipped_as}-netvlad-{self.size}"

    def fitted_for(self, features: FeaturesKind, searched: bool = False) -> str:
        if self.whitening == "none":
            return features.seen(self.kind)
        return f"{features.seen(self.vectors_name)}, {self.terms(searched).name}"

    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        require_torch()
        from resight.descriptors.encoding import VectorEncoder
        from resight.descriptors.netvlad_layer import fitted_layer, layer_of_checkpoint, netvlad_of
        from resight.descriptors.whitened import whole_vector_encoder
        from resight.features.maps import MapExtractor

        assert isinstance(extractor, MapExtractor), "a recipe makes it of nothing else"

        @cache
        def layer() -> NetVLAD:
            # That of a checkpoint is read when it is first asked for.
            return layer_of_checkpoint(extractor) if self.words == "checkpoint" else fitted_layer(arrays)

        def vector(features: ImageMaps) -> Vector:
            return netvlad_of(features, layer())

        if self.whitening == "pca":
            return whole_vector_encoder(vector, self.dimensions, arrays)
        return VectorEncoder(layer().centroids.numel(), vector)

    def _fitted(self, sample: Float32, terms: Terms) -> Fitted:
        """Centroids (K, C) and alpha (1,) that learning starts from, on rows of `positions`."""
        import numpy as np

        from resight.descriptors.netvlad import starting_alpha
        from resight.learned.codebook import affordable_size, fit_codebook

        size = max(2, affordable_size(len(sample), self.size))
        centroids = fit_codebook(sample, size, np.random.default_rng(terms.seed))
        alpha = starting_alpha(sample, centroids)
        return {"centroids": np.asarray(centroids, np.float32), "alpha": np.array([alpha], np.float32)}


def _positions_of(extractor: Extractor[Any, Any], arrays: Arrays) -> Callable[[ImageMaps], Float32]:
    require_torch()
    from resight.descriptors.netvlad_layer import positions

    return positions
