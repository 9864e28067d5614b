"""The interface of runtimes, which run a network up to some layers: torch or OpenVINO."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Runtime(Protocol):
    """A function from normalised images to the maps of one or more layers. One call at a time."""

    name: str
    device: torch.device
    """Device of the images and of the maps."""
    most_pixels: int
    """Most pixels of all images of one call, so that its memory stays bounded; a single image may have more."""

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Converts images (B, 3, H, W) to contiguous maps (B, C, h, w) of each layer, all float32 on `device`.

        Raises torch.OutOfMemoryError where a graphics card has too little memory.
        """
        ...
