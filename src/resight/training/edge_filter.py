"""The edge filter as a layer that learns with the network behind it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resight.features.edges.kinds import EdgeFilter

LEAST_THRESHOLD, LEAST_POWER = 0.01, 0.01
"""Least values that are learned: the threshold is that of the code of Radenovic et al., ECCV 2018."""
_ROUNDING = 1e-6


class EdgeFilterLayer(nn.Module):
    """The weights of edges (…) of strengths from 0 to 1, whose power and threshold learn; the steepness stays.

    Source: Radenovic, Tolias & Chum, "Deep shape matching", ECCV 2018, eq. 1, and code.

    Notes: their constant factor is what the network's input is divided by. A strength of 0 stays 0, without a gradient,
    which is not finite there.
    """

    def __init__(self, start: EdgeFilter, learns: bool) -> None:
        super().__init__()
        self.power = nn.Parameter(torch.tensor(start.power), requires_grad=learns)
        self.threshold = nn.Parameter(torch.tensor(start.threshold), requires_grad=learns)
        self._steepness = start.steepness

    def forward(self, strengths: Tensor) -> Tensor:
        """Returns the weights, of the form of the strengths."""
        there = strengths > 0
        weights = strengths.clamp(min=_ROUNDING) ** self.power
        gates = torch.sigmoid(self._steepness * (strengths - self.threshold))
        filtered: Tensor = torch.where(there, weights * gates, torch.zeros_like(strengths))
        return filtered

    def clamp(self) -> None:
        """Keeps power and threshold in their ranges after a step: ECCV 2018, code."""
        with torch.no_grad():
            self.threshold.clamp_(LEAST_THRESHOLD, 1.0)
            self.power.clamp_(LEAST_POWER, 10.0)

    def values(self) -> EdgeFilter:
        """Returns the filter as it is now."""
        return EdgeFilter(
            power=float(self.power.detach()), steepness=self._steepness, threshold=float(self.threshold.detach())
        )
