"""What runs a network as far as one layer: torch on a processor or a graphics card, or OpenVINO."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Runtime(Protocol):
    """Normalised images to the maps of one layer or several. One call at a time."""

    name: str
    device: torch.device
    """Where images are taken and maps are given."""
    most_pixels: int
    """Of all images of one call, so that its memory stays bounded; a single image may have more."""

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (B, 3, H, W), float32 on `device`, to contiguous maps (B, C, h, w) of each layer, float32 on `device`.

        torch.OutOfMemoryError where the memory of a graphics card does not suffice.
        """
        ...
