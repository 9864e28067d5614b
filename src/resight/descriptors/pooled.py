"""Feature maps of one image, at one scale or several, to vectors, as the parameters of a recipe say."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from resight.descriptors.crow import crow
from resight.descriptors.kinds import Crow, Gem, Mac, PooledKind, Regions, Rmac, Spoc
from resight.descriptors.pooling import gem, l2_normalise, mac, spoc
from resight.descriptors.priors import centre_prior
from resight.descriptors.region_pooling import region_max
from resight.features.maps import ImageMaps
from resight.features.regions.grids import rmac_grid
from resight.learned.whitening import Whitening

Vectors = NDArray[np.float32]


def raw_vectors(image: ImageMaps, method: PooledKind) -> Vectors:
    """(m, C) L2-normalised vectors before whitening, on which it is fitted: one an image, or one a region.

    Scales of a pooled image are averaged; regions are those of all scales.
    """
    with torch.inference_mode():
        match method:
            case Rmac() | Regions():
                return _numpy(_regions(image, method.levels))
            case _:
                return _numpy(_global(image, method)[None])


def descriptor(image: ImageMaps, method: PooledKind, whitening: Whitening | None) -> Vectors:
    """(d,) L2-normalised descriptor of an image; for R-MAC the sum of its whitened regions."""
    rows = region_vectors(image, method, whitening)
    total = rows[0] if len(rows) == 1 else rows.sum(axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), np.finfo(np.float32).tiny), np.float32)


def region_vectors(image: ImageMaps, method: PooledKind, whitening: Whitening | None) -> Vectors:
    """(m, d) L2-normalised vectors, whitened where there is a whitening."""
    rows = raw_vectors(image, method)
    return rows if whitening is None else whitening.apply(rows)


def _global(image: ImageMaps, method: Mac | Spoc | Gem | Crow) -> Tensor:
    pooled = [
        l2_normalise(_pool(maps[None], mask, method))[0] for maps, mask in zip(image.maps, image.masks, strict=True)
    ]
    return l2_normalise(torch.stack(pooled).mean(dim=0))


def _pool(maps: Tensor, mask: Tensor | None, method: Mac | Spoc | Gem | Crow) -> Tensor:
    match method:
        case Mac():
            return mac(maps, mask)
        case Spoc():
            weights = centre_prior(*maps.shape[2:]).to(maps) if method.centre_prior else None
            return spoc(maps, _both(weights, mask))
        case Gem():
            return gem(maps, method.p, mask)
        case Crow():
            return crow(maps if mask is None else maps * mask, method.a, method.b)


def _both(weights: Tensor | None, mask: Tensor | None) -> Tensor | None:
    if weights is None or mask is None:
        return mask if weights is None else weights
    return weights * mask


def _regions(image: ImageMaps, levels: int) -> Tensor:
    """Of each scale; of a masked map, those of the positions that count."""
    pooled = []
    for maps, mask in zip(image.maps, image.masks, strict=True):
        kept = maps if mask is None else maps * mask
        grid = rmac_grid(kept.shape[1], kept.shape[2], levels)
        pooled.append(region_max(kept[None], grid)[0])
    return l2_normalise(torch.cat(pooled))


def _numpy(rows: Tensor) -> Vectors:
    return np.ascontiguousarray(rows.float().cpu().numpy())
