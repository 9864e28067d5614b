"""What a recipe may ask of descriptors of a whole image: parameters and their published defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Vlad(BaseModel):
    """Vector of locally aggregated descriptors (Jegou et al., CVPR 2010 and TPAMI 2012)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["vlad"] = "vlad"
    # CVPR 2010, section 2: k between 16 and 256; 64 is that of TPAMI 2012, section 3.
    size: int = Field(default=64, ge=1, description="Words in the codebook.")
    fit: str = Field(default="builtin", description='"builtin", "collection" or a path.')
    # "power": signed power, then L2 (TPAMI 2012, section 3.3); "intra": L2 of each word's block, then L2
    # (Arandjelovic & Zisserman, CVPR 2013, section 3.1); "power-intra": the power before "intra"; "l2": L2 alone.
    normalisation: Literal["power", "intra", "power-intra", "l2"] = "intra"
    power: float = Field(default=0.5, gt=0.0, le=1.0, description="Exponent of the power normalisations.")


class Fisher(BaseModel):
    """Fisher vector of a Gaussian mixture (Perronnin et al., ECCV 2010; Sanchez et al., IJCV 2013)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["fisher"] = "fisher"
    # Perronnin et al., "Large-scale image retrieval with compressed Fisher vectors", CVPR 2010, section 5: SIFT reduced
    # to 64 dimensions, 64 Gaussians for the smaller of its vectors, gradients with respect to the means alone.
    components: int = Field(default=64, ge=1, description="Gaussians in the mixture.")
    pca: int = Field(default=64, ge=1, description="Dimensions that local descriptors are reduced to.")
    fit: str = Field(default="builtin", description='"builtin", "collection" or a path.')
    gradients: tuple[Literal["weights", "means", "sigmas"], ...] = Field(
        default=("means",), min_length=1, description="Parameters of the mixture that the gradient is taken of."
    )
    power: float = Field(default=0.5, gt=0.0, le=1.0, description="Exponent of the power normalisation.")


class _Whitened(BaseModel):
    """What is done with pooled vectors: nothing, or whitening by principal components and reduction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    whitening: Literal["none", "pca"] = "none"
    # Of the whitened vectors; fewer where the fit has fewer.
    dimensions: int = Field(default=512, ge=1)
    # 1 whitens fully, 0.5 half; the exponent of the variance is half of it.
    power: float = Field(default=1.0, ge=0.0, le=1.0)
    fit: str = Field(default="builtin", description='"builtin", "collection" or a path.')


class Mac(_Whitened):
    """Maximum activations of convolutions (Tolias et al., ICLR 2016, section 3.1)."""

    kind: Literal["mac"] = "mac"


class Spoc(_Whitened):
    """Sum-pooled convolutional features (Babenko & Lempitsky, ICCV 2015)."""

    kind: Literal["spoc"] = "spoc"
    # The paper weighs positions by a Gaussian around the centre for Oxford, and not for Holidays.
    centre_prior: bool = False


class Gem(_Whitened):
    """Generalised-mean pooling (Radenovic et al., TPAMI 2019, eq. 3)."""

    kind: Literal["gem"] = "gem"
    # Section 5.1: learning starts from 3.
    p: float = Field(default=3.0, gt=0.0)


class Crow(_Whitened):
    """Cross-dimensional weighting (Kalantidis et al., ECCV 2016 workshops)."""

    kind: Literal["crow"] = "crow"
    a: float = Field(default=2.0, gt=0.0)
    b: float = Field(default=2.0, gt=0.0)


class Rmac(_Whitened):
    """Sum of whitened regional maxima (Tolias et al., ICLR 2016, section 3.2)."""

    kind: Literal["rmac"] = "rmac"
    # Section 5.1.
    levels: int = Field(default=3, ge=1, le=8)


class Regions(_Whitened):
    """A vector for each region of R-MAC's grid; images are compared region by region (Razavian et al., 2016; the
    R-match of Iscen et al., CVPR 2017)."""

    kind: Literal["regions"] = "regions"
    levels: int = Field(default=3, ge=1, le=8)


PooledKind = Mac | Spoc | Gem | Crow | Rmac | Regions
"""What is pooled from feature maps."""
DescriptorKind = Annotated[Vlad | Fisher | Mac | Spoc | Gem | Crow | Rmac | Regions, Field(discriminator="kind")]
