"""Cross-dimensional weighting (CroW) of convolutional features (Kalantidis, Mellina & Osindero).

"Cross-dimensional weighting for aggregated deep convolutional features", ECCV Workshops 2016. Maps are (B, C, H, W),
not negative, in numpy or torch.
"""

from __future__ import annotations

from resight.descriptors.pooling import masked
from resight.libraries import AnyArray, as_type, beside, library


def spatial_weights(maps: AnyArray, a: float = 2.0, b: float = 2.0) -> AnyArray:
    """Returns the weight of each position, (B, H, W): (S / (sum of S^a)^(1/a))^(1/b), S the sum over channels.

    Source: section 4.1.

    Zeros for a map of zeros.
    """
    xp = library(maps)
    total = xp.sum(maps, axis=1)
    norm = xp.sum(total**a, axis=(1, 2), keepdims=True) ** (1.0 / a)
    return (total / xp.where(norm == 0, beside(1.0, norm), norm)) ** (1.0 / b)


def channel_weights(maps: AnyArray) -> AnyArray:
    """Returns the weight of each channel, (B, C): log(sum of Q / Q_c), Q_c the share of positions where it is not 0.

    Source: section 4.2.

    Rare channels weigh more, as rare words do by idf. A channel that is 0 everywhere weighs 0.

    Notes: the paper adds a small constant to both, the authors' code, followed here, does not.
    """
    xp = library(maps)
    share = xp.mean(as_type(maps != 0, xp.float32), axis=(2, 3))
    total = xp.sum(share, axis=1, keepdims=True)
    one = beside(1.0, share)
    return xp.where(share > 0, xp.log(xp.where(share > 0, total, one) / xp.where(share > 0, share, one)), one * 0)


def crow(maps: AnyArray, a: float = 2.0, b: float = 2.0) -> AnyArray:
    """Returns the sum over positions with both weights, (B, C); not L2-normalised. Algorithm 1."""
    return ucrow(masked(maps, spatial_weights(maps, a, b))) * as_type(channel_weights(maps), maps.dtype)


def ucrow(maps: AnyArray) -> AnyArray:
    """Returns the sum over positions without weights, (B, C); not L2-normalised. Section 5, the paper's baseline."""
    return library(maps).sum(maps, axis=(2, 3))
