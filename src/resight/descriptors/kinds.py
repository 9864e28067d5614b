"""What a recipe may ask of descriptors made of local features: parameters and their published defaults."""

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


LocalDescriptorKind = Annotated[Vlad | Fisher, Field(discriminator="kind")]
