"""What a recipe may ask of descriptors of a whole image: parameters and their published defaults."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from resight.learned.kinds import FitSource

Matching = Literal["query", "distance", "image", "image-sum", "symmetric"]
"""How images are compared region by region: `descriptors.cross_matching`."""


class Vlad(BaseModel):
    """Vector of locally aggregated descriptors (Jegou et al., CVPR 2010 and TPAMI 2012)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["vlad"] = "vlad"
    # CVPR 2010, section 2: k between 16 and 256; 64 is that of TPAMI 2012, section 3.
    size: int = Field(default=64, ge=1, le=65_536, description="Words in the codebook.")
    fit: FitSource = Field(default="builtin", description='"builtin", "collection" or a path.')
    # "power": signed power, then L2 (TPAMI 2012, section 3.3); "intra": L2 of each word's block, then L2
    # (Arandjelovic & Zisserman, CVPR 2013, section 3.1); "power-intra": the power before "intra"; "l2": L2 alone.
    normalisation: Literal["power", "intra", "power-intra", "l2"] = "intra"
    power: float = Field(default=0.5, gt=0.0, le=1.0, description="Exponent of the power normalisations.")
    # Of the whole vector, to so many dimensions: Jegou & Chum, ECCV 2012, section 4; 128 as in Ng et al., CVPR 2015
    # workshops, section 4.
    whitening: Literal["none", "pca"] = "none"
    dimensions: int = Field(default=128, ge=1, le=65_536, description="Of the whitened vector.")


class Fisher(BaseModel):
    """Fisher vector of a Gaussian mixture (Perronnin et al., ECCV 2010; Sanchez et al., IJCV 2013)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["fisher"] = "fisher"
    # Perronnin et al., "Large-scale image retrieval with compressed Fisher vectors", CVPR 2010, section 5: SIFT reduced
    # to 64 dimensions, 64 Gaussians for the smaller of its vectors, gradients with respect to the means alone.
    components: int = Field(default=64, ge=1, le=65_536, description="Gaussians in the mixture.")
    pca: int = Field(default=64, ge=1, le=65_536, description="Dimensions that local descriptors are reduced to.")
    fit: FitSource = Field(default="builtin", description='"builtin", "collection" or a path.')
    gradients: tuple[Literal["weights", "means", "sigmas"], ...] = Field(
        default=("means",), min_length=1, description="Parameters of the mixture that the gradient is taken of."
    )
    power: float = Field(default=0.5, gt=0.0, le=1.0, description="Exponent of the power normalisation.")


class Whitened(BaseModel):
    """What is done with pooled vectors: nothing, whitening by principal components and reduction, or what the
    checkpoint of a network that was trained for retrieval carries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # "checkpoint": the whitening, and GeM's p, that were learned with the network and are in its file.
    whitening: Literal["none", "pca", "checkpoint"] = "none"
    # Of the whitened vectors; fewer where the fit has fewer.
    dimensions: int = Field(default=512, ge=1, le=65_536)
    # 1 whitens fully, 0.5 half; the exponent of the variance is half of it. None: 1 where it is fitted on other photos,
    # less where it is fitted on those that are searched.
    power: float | None = Field(default=None, ge=0.0, le=1.0)
    fit: FitSource = Field(default="builtin", description='"builtin", "collection" or a path.')
    # Of the whitenings that were learned after training, of which a file has one a training set: the set's name.
    learned_on: str = Field(default="retrieval-SfM-120k", min_length=1)

    @model_validator(mode="after")
    def _from_one_place(self) -> Self:
        given = [key for key in ("power", "fit", "p") if key in self.model_fields_set]
        if self.whitening == "checkpoint" and given:
            raise ValueError(f'whitening = "checkpoint" leaves nothing to {" and ".join(given)}: leave it out')
        if self.fit == "checkpoint":
            raise ValueError('what a checkpoint carries is asked for by whitening = "checkpoint", without fit')
        return self


class Mac(Whitened):
    """Maximum activations of convolutions (Tolias et al., ICLR 2016, section 3.1)."""

    kind: Literal["mac"] = "mac"


class Spoc(Whitened):
    """Sum-pooled convolutional features (Babenko & Lempitsky, ICCV 2015)."""

    kind: Literal["spoc"] = "spoc"
    # The paper weighs positions by a Gaussian around the centre for Oxford, and not for Holidays.
    centre_prior: bool = False


class Gem(Whitened):
    """Generalised-mean pooling (Radenovic et al., TPAMI 2019, eq. 3)."""

    kind: Literal["gem"] = "gem"
    # Section 5.1: learning starts from 3.
    p: float = Field(default=3.0, gt=0.0, le=1000.0)


class Crow(Whitened):
    """Cross-dimensional weighting (Kalantidis et al., ECCV 2016 workshops)."""

    kind: Literal["crow"] = "crow"
    a: float = Field(default=2.0, gt=0.0, le=1000.0)
    b: float = Field(default=2.0, gt=0.0, le=1000.0)


class Rmac(Whitened):
    """Sum of whitened regional maxima (Tolias et al., ICLR 2016, section 3.2)."""

    kind: Literal["rmac"] = "rmac"
    # Section 5.1.
    levels: int = Field(default=3, ge=1, le=8)


class Cam(Whitened):
    """Class-weighted convolutional features (Jimenez et al., BMVC 2017)."""

    kind: Literal["cam"] = "cam"
    # Section 4.2.
    classes: int = Field(
        default=64, ge=1, le=1_000_000, description="Classes, the likeliest of each photo, that are summed over."
    )


class SuperGlobalPooling(Whitened):
    """Generalised mean of regional generalised means, each scale whitened by itself, the largest of each component over
    the scales (Shao et al., ICCV 2023, section 3.2)."""

    kind: Literal["superglobal"] = "superglobal"
    # That of the authors' code.
    p: float = Field(default=4.6, gt=0.0, le=1000.0)


class Regions(Whitened):
    """A vector for each region of R-MAC's grid; images are compared region by region (the R-match of Iscen et al., CVPR
    2017)."""

    kind: Literal["regions"] = "regions"
    levels: int = Field(default=3, ge=1, le=8)
    # "query": the mean similarity of the best match of each region of the query, as published; "distance": of its mean
    # distance (Razavian et al., 2016); "image": of each region of the image; "symmetric": of each region of both;
    # "image-sum": as "image", and the similarity of the sums.
    matching: Matching = "query"


class NeuralCodes(Whitened):
    """The activations of the whole photo (Babenko et al., ECCV 2014); power 0 only turns to principal components, as
    the paper does."""

    kind: Literal["codes"] = "codes"


class RegionCodes(Whitened):
    """The activations of every region; images are compared region by region (Razavian et al., 2016)."""

    kind: Literal["region-codes"] = "region-codes"
    # Section 3: by the mean distance of each region of the query to the nearest of the image.
    matching: Matching = "distance"


class Mop(BaseModel):
    """Multi-scale orderless pooling: the activations of the whole photo and a VLAD of those of the patches of each
    finer level (Gong et al., ECCV 2014, section 3, whose numbers these are)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["mop"] = "mop"
    size: int = Field(default=100, ge=1, le=65_536, description="Words in the codebook of each level.")
    pca: int = Field(default=500, ge=1, le=65_536, description="Dimensions that activations of patches are reduced to.")
    fit: FitSource = Field(default="builtin", description='"builtin", "collection" or a path.')
    whitening: Literal["none", "pca"] = "pca"
    dimensions: int = Field(default=2048, ge=1, le=65_536, description="Of the whitened vector.")


class NetVlad(BaseModel):
    """A VLAD with soft assignment (Arandjelovic et al., CVPR 2016)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["netvlad"] = "netvlad"
    # "checkpoint": the layer that was learned with the network. "fitted": what learning starts from, a codebook of
    # photos and the sharpness of section 3.1.
    words: Literal["checkpoint", "fitted"] = "checkpoint"
    # Section 5.1.
    size: int = Field(default=64, ge=2, le=65_536, description="Words of a layer that is fitted.")
    # Of the whole vector; section 5.1 has 4096.
    whitening: Literal["none", "pca"] = "pca"
    dimensions: int = Field(default=4096, ge=1, le=65_536, description="Of the whitened vector.")
    fit: FitSource = Field(default="collection", description='"collection" or a path.')


class Joined(BaseModel):
    """Vectors pooled from several layers or networks, each whitened by itself, joined in one vector."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["joined"] = "joined"
    # What is made of each part of the features, in their order.
    parts: tuple[Annotated[Mac | Spoc | Gem | Crow | Rmac, Field(discriminator="kind")], ...] = Field(
        min_length=2, max_length=16
    )
    # A sum takes parts of equal dimensions.
    how: Literal["concatenate", "sum"] = "concatenate"
    weights: tuple[Annotated[float, Field(gt=0.0, le=1e6)], ...] = Field(
        default=(), description="One a part; empty: all 1."
    )
    fit: FitSource = Field(default="builtin", description='"builtin", "collection" or a path.')

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if self.weights and len(self.weights) != len(self.parts):
            raise ValueError(f"{len(self.parts)} parts take {len(self.parts)} weights, not {len(self.weights)}")
        if any(part.whitening == "checkpoint" for part in self.parts):
            raise ValueError('parts are whitened by what is fitted on photos: whitening = "pca" or "none"')
        if any("fit" in part.model_fields_set for part in self.parts):
            raise ValueError("all parts are fitted alike: set fit beside parts, not in them")
        if self.how == "sum" and len({part.whitening == "pca" and part.dimensions for part in self.parts}) > 1:
            raise ValueError("only vectors of equal dimensions can be summed: give all parts the same, or concatenate")
        return self

    @property
    def weight_of_each(self) -> tuple[float, ...]:
        """One a part."""
        return self.weights or (1.0,) * len(self.parts)


PooledKind = Mac | Spoc | Gem | Crow | Rmac | SuperGlobalPooling | Regions
"""What is pooled from feature maps."""
CodeKind = NeuralCodes | RegionCodes
"""What becomes of the activations of a photo, or of its regions."""
DescriptorKind = Annotated[
    Vlad
    | Fisher
    | Mac
    | Spoc
    | Gem
    | Crow
    | Rmac
    | SuperGlobalPooling
    | Cam
    | Regions
    | NetVlad
    | Joined
    | NeuralCodes
    | RegionCodes
    | Mop,
    Field(discriminator="kind"),
]
