"""MOP: the parameters of `codes.mop`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from resight.descriptors.methods.whitened import VECTOR_ARRAYS, WholeWhitened
from resight.features.kinds import Codes, FeaturesKind
from resight.learned.kinds import FitName
from resight.learned.passes import Pass, Terms
from resight.learned.registered import register
from resight.learned.words import SAMPLE_PER_WORD

if TYPE_CHECKING:
    from resight.arrays import Arrays, Float32, Vector
    from resight.features.codes import ImageCodes
    from resight.features.extractor import Extractor
    from resight.learned.method import Encoder
    from resight.learned.passes import Fitted

PATCH_LEVELS = (1, 2)
"""Of the patches, the larger first; level 0 is the photo. Gong et al., ECCV 2014, section 3, have two."""


@register
class Mop(WholeWhitened):
    """Multi-scale orderless pooling of the activations of a photo and its patches (Gong et al., ECCV 2014).

    It joins the activations of the whole photo and a VLAD of those of the patches of each finer level: section 3, where
    the numbers are from.

    It is fitted on principal components and a codebook of each level of patches.
    """

    made_of: ClassVar[frozenset[str]] = frozenset({"codes"})

    kind: Literal["mop"] = "mop"
    size: int = Field(default=100, ge=1, le=65_536, description="Words in the codebook of each level.")
    pca: int = Field(default=500, ge=1, le=65_536, description="Dimensions that activations of patches are reduced to.")
    fit: FitName = Field(default="builtin", description='"builtin", "collection" or a path.')
    whitening: Literal["none", "pca"] = Field(default="pca", description="Of the joined vector of all levels.")
    dimensions: int = Field(default=2048, ge=1, le=65_536, description="Of the whitened vector.")

    def check_features(self, features: FeaturesKind) -> None:
        if isinstance(features, Codes) and features.regions != "patches":
            raise ValueError('"mop" is made of patches: set regions = "patches" in [features]')

    @property
    def needs(self) -> frozenset[str]:
        levels = {f"{level}.{name}" for level in PATCH_LEVELS for name in ("mean", "components", "centroids")}
        return frozenset(levels) | (VECTOR_ARRAYS if self.whitening == "pca" else frozenset())

    @property
    def meets_features(self) -> str:
        return f"{PATCH_LEVELS[0]}.mean"

    @property
    def passes(self) -> tuple[Pass, ...]:
        limit = len(PATCH_LEVELS) * SAMPLE_PER_WORD * self.size
        patches = Pass(limit, lambda extractor, arrays: patch_vectors, self._fitted)
        if self.whitening == "none":
            return (patches,)
        from resight.descriptors.whitened import whole_vectors

        return patches, whole_vectors(self.model_copy(update={"whitening": "none"}), self.dimensions, self.terms)

    def shipped_name(self, features: FeaturesKind) -> str:
        return f"{features.shipped_as}-mop-{self.size}x{self.pca}"

    def fitted_for(self, features: FeaturesKind, searched: bool = False) -> str:
        return features.seen() + (f", {self.terms(searched).name}" if self.whitening == "pca" else "")

    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        import numpy as np

        from resight.descriptors.codes import mop, neural_codes
        from resight.descriptors.encoding import VectorEncoder
        from resight.descriptors.whitened import whole_vector_encoder
        from resight.learned.assignment import Assigner
        from resight.learned.mixture import Projection

        floats = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
        pca = {level: Projection(floats[f"{level}.mean"], floats[f"{level}.components"]) for level in PATCH_LEVELS}
        codebooks = [Assigner(floats[f"{level}.centroids"]) for level in PATCH_LEVELS]

        def vector(features: ImageCodes) -> Vector:
            finer = [own.apply(neural_codes(features.rows[features.levels == level])) for level, own in pca.items()]
            return mop([features.rows[:1], *finer], codebooks)

        if self.whitening == "pca":
            return whole_vector_encoder(vector, self.dimensions, arrays, len)
        size = extractor.dimensions + sum(codebook.centroids.size for codebook in codebooks)
        return VectorEncoder(size, vector, len)

    def _fitted(self, sample: Float32, terms: Terms) -> Fitted:
        import numpy as np

        from resight.learned.codebook import affordable_size, fit_codebook
        from resight.learned.mixture import fit_pca

        rng = np.random.default_rng(terms.seed)
        arrays: Fitted = {}
        for level in PATCH_LEVELS:
            own = sample[sample[:, -1] == level, :-1]
            pca = fit_pca(own, min(self.pca, own.shape[1], max(1, len(own) // 2)))
            centroids = fit_codebook(pca.apply(own), affordable_size(len(own), self.size), rng)
            fitted = {"mean": pca.mean, "components": pca.components, "centroids": centroids}
            arrays |= {f"{level}.{name}": array for name, array in fitted.items()}
        return arrays


def patch_vectors(features: ImageCodes) -> Float32:
    """Returns (m, C + 1): L2-normalised activations of patches, and their level: what codebooks are fitted on."""
    import numpy as np

    from resight.descriptors.codes import neural_codes

    finer = features.levels > 0
    return np.concatenate([neural_codes(features.rows[finer]), features.levels[finer, None]], axis=1, dtype=np.float32)
