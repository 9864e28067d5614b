"""Fisher vectors: the parameters of `fisher.fisher_vector`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from resight.descriptors.methods.whitened import Descriptor
from resight.features.kinds import FeaturesKind
from resight.learned.kinds import FitName
from resight.learned.passes import Pass, Terms
from resight.learned.registered import register
from resight.learned.words import LOCAL_FEATURES, descriptors_of

if TYPE_CHECKING:
    from resight.arrays import Arrays, Float32, Vector
    from resight.features.extractor import Extractor
    from resight.features.local import LocalFeatures
    from resight.learned.method import Encoder
    from resight.learned.passes import Fitted

SAMPLE_PER_GAUSSIAN = 4000


@register
class Fisher(Descriptor):
    """Fisher vector of a Gaussian mixture (Perronnin et al., ECCV 2010; Sanchez et al., IJCV 2013).

    It is fitted on principal components of descriptors, and a mixture of Gaussians over what they leave.
    """

    made_of: ClassVar[frozenset[str]] = LOCAL_FEATURES

    kind: Literal["fisher"] = "fisher"
    # Perronnin et al., "Large-scale image retrieval with compressed Fisher vectors", CVPR 2010, section 5: SIFT reduced
    # to 64 dimensions, 64 Gaussians for the smaller of its vectors, gradients with respect to the means alone.
    components: int = Field(default=64, ge=1, le=65_536, description="Gaussians in the mixture.")
    pca: int = Field(default=64, ge=1, le=65_536, description="Dimensions that local descriptors are reduced to.")
    fit: FitName = Field(default="builtin", description='"builtin", "collection" or a path.')
    gradients: tuple[Literal["weights", "means", "sigmas"], ...] = Field(
        default=("means",), min_length=1, description="Parameters of the mixture that the gradient is taken of."
    )
    power: float = Field(default=0.5, gt=0.0, le=1.0, description="Exponent of the power normalisation.")

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"mean", "components", "weights", "means", "variances"})

    @property
    def meets_features(self) -> str:
        return "mean"

    @property
    def passes(self) -> tuple[Pass, ...]:
        return (Pass(SAMPLE_PER_GAUSSIAN * self.components, descriptors_of, self._fitted),)

    def shipped_name(self, features: FeaturesKind) -> str:
        return f"{features.shipped_as}-fisher-{self.components}x{self.pca}"

    def encoder(self, extractor: Extractor[Any, Any], arrays: Arrays) -> Encoder:
        import numpy as np

        from resight.descriptors.encoding import VectorEncoder
        from resight.descriptors.fisher import fisher_vector
        from resight.features.local import LocalFeatures
        from resight.learned.mixture import Mixture, Projection

        pca = Projection(np.asarray(arrays["mean"], np.float32), np.asarray(arrays["components"], np.float32))
        mixture = Mixture(*(np.asarray(arrays[name], np.float64) for name in ("weights", "means", "variances")))

        def vector(features: LocalFeatures) -> Vector:
            projected = pca.apply(features.descriptors)
            return fisher_vector(projected, mixture, gradients=self.gradients, power=self.power)

        return VectorEncoder(len(vector(LocalFeatures.none(extractor.dimensions))), vector, len)

    def _fitted(self, sample: Float32, terms: Terms) -> Fitted:
        from resight.learned.mixture import fit_mixture, fit_pca
        from resight.learned.sizes import affordable

        components = affordable("Gaussians", self.components, len(sample))
        pca = fit_pca(sample, min(self.pca, sample.shape[1]))
        mixture = fit_mixture(pca.apply(sample), components, terms.seed)
        return {
            "mean": pca.mean,
            "components": pca.components,
            "weights": mixture.weights,
            "means": mixture.means,
            "variances": mixture.variances,
        }
