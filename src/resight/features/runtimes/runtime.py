"""The interface of runtimes, which run a network up to some layers: torch, ONNX Runtime or OpenVINO."""

from __future__ import annotations

from typing import Protocol

from resight.arrays import Pixels
from resight.libraries import AnyArray

Triple = tuple[float, float, float]


class Runtime(Protocol):
    """A function from images to the maps of one or more layers, in numpy or in torch. One call at a time."""

    name: str
    most_pixels: int
    """Most pixels of all images of one call, so that its memory stays bounded; a single image may have more."""

    def normalised(self, images: Pixels, mean: Triple, deviation: Triple) -> AnyArray:
        """Converts images (B, H, W, 3) in RGB to the network's input, float32 (B, 3, H, W), where the runtime computes.

        mean, deviation: of values from 0 to 1.
        """
        ...

    def scaled(self, x: AnyArray, scale: float, size: tuple[int, int]) -> AnyArray:
        """Scales an input bilinearly, without antialiasing, to `size` (width, height), at least that of the scale."""
        ...

    def run(self, x: AnyArray) -> tuple[AnyArray, ...]:
        """Converts inputs to contiguous maps (B, C, h, w) of each layer, all float32, of the library of `x`.

        Raises torch.OutOfMemoryError where a graphics card has too little memory.
        """
        ...
