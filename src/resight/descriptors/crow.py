"""Cross-dimensional weighting (CroW) of convolutional features (Kalantidis, Mellina & Osindero).

"Cross-dimensional weighting for aggregated deep convolutional features", ECCV Workshops 2016. Maps are (B, C, H, W),
not negative.
"""

from __future__ import annotations

import torch
from torch import Tensor

from resight.descriptors.pooling import masked


def spatial_weights(maps: Tensor, a: float = 2.0, b: float = 2.0) -> Tensor:
    """Returns the weight of each position, (B, H, W): (S / (sum of S^a)^(1/a))^(1/b), S the sum over channels.

    Source: section 4.1.

    Zeros for a map of zeros.
    """
    total = maps.sum(dim=1)
    norm = total.pow(a).sum(dim=(1, 2), keepdim=True).pow(1.0 / a)
    return (total / norm.masked_fill(norm == 0, 1.0)).pow(1.0 / b)


def channel_weights(maps: Tensor) -> Tensor:
    """Returns the weight of each channel, (B, C): log(sum of Q / Q_c), Q_c the share of positions where it is not 0.

    Source: section 4.2.

    Rare channels weigh more, as rare words do by idf. A channel that is 0 everywhere weighs 0.

    Notes: the paper adds a small constant to both, the authors' code, followed here, does not.
    """
    share = (maps != 0).to(torch.float32).mean(dim=(2, 3))
    total = share.sum(dim=1, keepdim=True)
    alive = share > 0
    return torch.where(alive, torch.log(total / share.masked_fill(~alive, 1.0)), torch.zeros_like(share))


def crow(maps: Tensor, a: float = 2.0, b: float = 2.0) -> Tensor:
    """Returns the sum over positions with both weights, (B, C); not L2-normalised. Algorithm 1."""
    return ucrow(masked(maps, spatial_weights(maps, a, b))) * channel_weights(maps).to(maps.dtype)


def ucrow(maps: Tensor) -> Tensor:
    """Returns the sum over positions without weights, (B, C); not L2-normalised. Section 5, the paper's baseline."""
    return maps.sum(dim=(2, 3))
