"""Parameters of the kinds of features; importing them imports no implementation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from resight.features.networks.kinds import Checkpoint, NetworkName


class Sift(BaseModel):
    """Difference-of-Gaussians keypoints with SIFT descriptors: Lowe, "Distinctive image features from scale-invariant
    keypoints", IJCV 2004."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["sift"] = "sift"
    # The strongest that are kept of an image. Ours: 32 kB of index for 1000 features; a 1024-pixel photo has 1 to 4
    # thousand.
    max_features: int = Field(default=1000, ge=1)
    # Long side in pixels to which an image is reduced first: the 1024 of Radenovic et al., TPAMI 2019, section 5.
    max_side: int = Field(default=1024, ge=16)
    # A query whose long side is shorter is enlarged to it, because small photos and boxes have too few keypoints to
    # match; 0 leaves queries as they are. Ours.
    enlarge_to: int = Field(default=0, ge=0)
    # Least contrast of a keypoint and greatest ratio of its principal curvatures: Lowe 2004, sections 4 and 4.1, the
    # contrast in OpenCV's scaling (Lowe's 0.03 is 0.09 there, 0.04 is OpenCV's own default and finds more).
    contrast_threshold: float = Field(default=0.04, ge=0.0)
    edge_threshold: float = Field(default=10.0, gt=0.0)
    # Whether descriptors are taken upright instead of along the dominant gradient: Perdoch, Chum and Matas, "Efficient
    # representation of local geometry for large scale object retrieval", CVPR 2009 (the "gravity vector").
    upright: bool = False
    # RootSIFT: Arandjelovic and Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012,
    # section 2.
    root: bool = True


class Maps(BaseModel):
    """Feature maps of one layer of a convolutional network, at one scale of the image or several."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["maps"] = "maps"
    network: NetworkName
    checkpoint: Checkpoint
    # As the field names layers: "conv5_3", "pool5", "layer4", "features.14.expand".
    layer: str = Field(min_length=1)
    # Long side in pixels to which an image is reduced first; a smaller one stays as it is. A box of a query is cropped
    # and reduced by the factor of the whole photo: Radenovic et al., TPAMI 2019, section 5.
    max_side: int = Field(default=1024, ge=16)
    # Of the reduced image, bilinear without antialiasing: 1, 1/sqrt(2), 1/2 in Radenovic et al., TPAMI 2019, section 5.
    scales: tuple[Annotated[float, Field(gt=0.0, le=4.0)], ...] = Field(default=(1.0,), min_length=1)
    # What becomes of the box of a query: the photo is cropped to it, or run whole and its map masked.
    box: Literal["crop", "mask"] = "crop"
    precision: Literal["float32", "bfloat16"] = "float32"
    # "auto" measures both at first use, where both are installed.
    runtime: Literal["auto", "torch", "openvino"] = "auto"

    @field_validator("scales")
    @classmethod
    def _differ(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(value)) != len(value):
            raise ValueError("scales differ from each other")
        return value


FeaturesKind = Annotated[Sift | Maps, Field(discriminator="kind")]
