"""The network and weights that a recipe asks for; importing this module imports no implementation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

NetworkName = Literal[
    "alexnet",
    "vgg16",
    "vgg16_cam",
    "vgg19",
    "resnet18",
    "resnet50",
    "resnet101",
    "resnet152",
    "mobilenet_v2",
    "efficientnet_lite0",
    "dinov2",
    "onnx",
]

PixelValue = Annotated[float, Field(ge=-1e6, le=1e6)]


class Checkpoint(BaseModel):
    """The weights of a network and the input that they were trained on.

    An omitted value (None) is taken from the file, else from the table of published checkpoints, else from
    torchvision's convention for ImageNet.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(
        min_length=1,
        description='The name of a published checkpoint, an http(s) address, a path, or "random" for tests.',
    )
    sha256: str = Field(
        default="",
        pattern=r"^([0-9a-f]{7,64})?$",
        description="SHA-256 of the file, or its first digits; empty: that of the table of published checkpoints.",
    )
    # Of pixel values from 0 to 1 in RGB: the input is (value - mean) / deviation.
    mean: tuple[PixelValue, PixelValue, PixelValue] | None = None
    deviation: tuple[PixelValue, PixelValue, PixelValue] | None = Field(
        default=None, description="What the difference to the mean is divided by."
    )
    # "same" is TensorFlow's padding of convolutions with stride 2.
    padding: Literal["torch", "same"] | None = None
    seed: int = Field(default=0, ge=0, le=(1 << 63) - 1, description="Of random weights.")

    @field_validator("deviation")
    @classmethod
    def _positive(cls, value: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        if value is not None and min(value) <= 0:
            raise ValueError("every deviation is greater than 0")
        return value
