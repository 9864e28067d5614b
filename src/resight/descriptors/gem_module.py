"""GeM as a module of torch, whose exponent is learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resight.descriptors.pooling import GEM_P, gem


class GeM(nn.Module):
    """`gem` whose p is learned; `parameters` is 1, or the number of channels for a p of each.

    `p` is the one parameter, as in published checkpoints. TPAMI 2019, section 3.2, learns it with ten times the
    learning rate (a hundred times for one a channel) and without weight decay.
    """

    def __init__(self, p: float = GEM_P, parameters: int = 1) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((parameters,), float(p)))

    def forward(self, maps: Tensor, weights: Tensor | None = None) -> Tensor:
        """(B, C) generalised means of `maps` (B, C, H, W)."""
        pooled: Tensor = gem(maps, self.p, weights)
        return pooled
