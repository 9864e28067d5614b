"""Photos to the input of a network, in torch, on the device that runs it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from resight.arrays import Pixels

Triple = tuple[float, float, float]


class TorchInputs:
    """The common part of runtimes that take images in torch."""

    device: torch.device

    def normalised(self, images: Pixels, mean: Triple, deviation: Triple) -> Tensor:
        """Converts images (B, H, W, 3) in RGB to the network's input, float32 (B, 3, H, W) on the device.

        mean, deviation: of values from 0 to 1.
        """
        x = torch.from_numpy(images)
        if self.device.type != "cpu":
            # Pinned bytes: a quarter of the size of float32, in memory that the card reads by itself while the
            # processor goes on.
            x = x.pin_memory().to(self.device, non_blocking=True)
        x = x.permute(0, 3, 1, 2).to(torch.float32)
        means, deviations = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (mean, deviation))
        return x.div_(255.0).sub_(means).div_(deviations)

    def scaled(self, x: Tensor, scale: float, size: tuple[int, int]) -> Tensor:
        """Scales bilinearly, without antialiasing, to `size` (width, height), which is at least that of the scale."""
        height, width = x.shape[-2:]
        if (width, height) == size:
            return x
        if size == (math.floor(width * scale), math.floor(height * scale)):
            # By the factor itself, not by the quotient of the rounded sizes.
            return torch.nn.functional.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)
        return torch.nn.functional.interpolate(x, size=size[::-1], mode="bilinear", align_corners=False)
