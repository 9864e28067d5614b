"""Descriptors of regions of a feature map, and their sum: R-MAC.

Maps are (B, C, H, W), non-negative after ReLU, in numpy or torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from resight.arrays import GridBoxes
from resight.descriptors.pooling import l2_normalise, mac
from resight.descriptors.region_pooling import region_max
from resight.features.regions.grids import LEVELS, rmac_grid
from resight.libraries import AnyArray, library, to_numpy

Whiten = Callable[[AnyArray], AnyArray]
"""Vectors (B, R, C) to L2-normalised ones (B, R, d)."""


def rmac(
    maps: AnyArray | Sequence[AnyArray],
    levels: int = LEVELS,
    whiten: Whiten | None = None,
    masks: Sequence[AnyArray | None] = (),
    *,
    whole: bool = False,
) -> AnyArray:
    """Regional maximum activations of convolutions as published, L2-normalised, (B, C or d).

    The maximum of each region of `rmac_grid`, L2, whitening and L2 again where one is given, sum, L2. maps: of one
    scale or of several, whose regions are summed together; masks: as of `regional_maxima`, one a scale, or none; whole:
    as there.

    Source: Tolias, Sicre & Jegou, "Particular object retrieval with integral max-pooling of CNN activations", ICLR
    2016, section 3.2.
    """
    scales = list(maps) if isinstance(maps, list | tuple) else [maps]
    pairs = zip(scales, masks or [None] * len(scales), strict=True)
    regions = library(scales[0]).concatenate(
        [regional_maxima(own, levels, mask, whole=whole) for own, mask in pairs], axis=1
    )
    return l2_normalise((regions if whiten is None else whiten(regions)).sum(axis=1))


def regional_maxima(
    maps: AnyArray, levels: int = LEVELS, mask: AnyArray | None = None, *, whole: bool = False
) -> AnyArray:
    """Returns the L2-normalised maxima of each region of `rmac_grid`, (B, R, C).

    mask: (H, W), the positions that count: others are taken as 0, and regions without one are left out. whole: the
    whole map is one more region, before the others.
    """
    kept = maps if mask is None else maps * mask
    return l2_normalise(region_max(kept, region_boxes(maps[0], mask, levels, whole=whole)))


def region_boxes(maps: AnyArray, mask: AnyArray | None, levels: int, *, whole: bool = False) -> GridBoxes:
    """Returns (R, 4) boxes of `rmac_grid` on a map (C, h, w) that have a position that counts.

    whole: the whole map comes before them.

    mask: (h, w), None where all do.

    Notes: a region without one has no activations, and whitening would give all such regions one direction, which their
    sum then follows.
    """
    height, width = maps.shape[1:]
    grid = rmac_grid(height, width, levels)
    if whole:
        grid = np.concatenate([np.array([[0, 0, width, height]], np.int64), grid])
    if mask is None:
        return grid
    counted = to_numpy(mask) > 0
    return grid[[bool(counted[y0:y1, x0:x1].any()) for x0, y0, x1, y1 in grid.tolist()]]


def rmac_cirtorch(maps: AnyArray, levels: int = LEVELS) -> AnyArray:
    """R-MAC as the code of Radenovic, Tolias & Chum (TPAMI 2019) has it, (B, C), not L2-normalised.

    One more maximum, of the whole map, is added to those of the grid; there is no whitening inside, and 1e-6 is added
    to every norm. Networks trained with that code need it.

    Notes: that code computes the grid in float32, which for a few sizes gives another number of regions; this is
    the grid of the paper's code.
    """
    grid = rmac_grid(maps.shape[2], maps.shape[3], levels)
    whole = mac(maps)
    regions = region_max(maps, grid)
    return _shrunk(whole) + _shrunk(regions).sum(axis=1)


def _shrunk(x: AnyArray) -> AnyArray:
    return x / (library(x).linalg.vector_norm(x, axis=-1, keepdims=True) + 1e-6)
