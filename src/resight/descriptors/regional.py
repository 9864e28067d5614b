"""Descriptors of regions of a feature map, and their sum: R-MAC. Maps are (B, C, H, W), non-negative after ReLU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resight.descriptors.pooling import l2_normalise, mac
from resight.descriptors.region_pooling import region_max
from resight.features.regions.grids import LEVELS, rmac_grid

Whitening = tuple[Tensor, Tensor]
"""weight (d, C) and bias (d,) of the affine map x -> weight x + bias: P and -P m of a fitted whitening."""


def rmac(maps: Tensor, levels: int = LEVELS, whitening: Whitening | None = None) -> Tensor:
    """Regional maximum activations of convolutions as published, L2-normalised, (B, C or d).

    The maximum of each region of `rmac_grid`, L2, whitening and L2 again where one is given, sum, L2.

    Source: Tolias, Sicre & Jegou, "Particular object retrieval with integral max-pooling of CNN activations", ICLR
    2016, section 3.2.
    """
    return sum_regions(region_max(maps, rmac_grid(maps.shape[2], maps.shape[3], levels)), whitening)


def sum_regions(regions: Tensor, whitening: Whitening | None = None) -> Tensor:
    """L2-normalised sum of region vectors (B, R, C), each L2-normalised, and whitened where a whitening is given."""
    return l2_normalise(whiten(l2_normalise(regions), whitening).sum(dim=1))


def whiten(x: Tensor, whitening: Whitening | None) -> Tensor:
    """Whitened and L2-normalised vectors (..., d) of vectors (..., C); without a whitening they stay as they are."""
    return x if whitening is None else l2_normalise(nn.functional.linear(x, *whitening))


def rmac_cirtorch(maps: Tensor, levels: int = LEVELS) -> Tensor:
    """R-MAC as the code of Radenovic, Tolias & Chum (TPAMI 2019) has it, (B, C), not L2-normalised.

    One more maximum, of the whole map, is added to those of the grid; there is no whitening inside, and 1e-6 is added
    to every norm. Networks trained with that code need it.

    Notes: that code computes the grid in float32, which for a few sizes gives another number of regions; this is
    the grid of the paper's code.
    """
    grid = rmac_grid(maps.shape[2], maps.shape[3], levels)
    whole = mac(maps)
    regions = region_max(maps, grid)
    return _shrunk(whole) + _shrunk(regions).sum(dim=1)


def _shrunk(x: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / (norms + 1e-6)
