"""Feature maps of one image, at one scale or several, to vectors, as the parameters of a recipe say."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from resight.descriptors.crow import crow
from resight.descriptors.kinds import Crow, Gem, Mac, PooledKind, Regions, Rmac, Spoc, SuperGlobalPooling
from resight.descriptors.pooling import gem, l2_normalise, mac, power_mean, spoc
from resight.descriptors.priors import centre_prior
from resight.descriptors.region_pooling import Boxes, region_max
from resight.descriptors.superglobal import scale_gem, superglobal_vector
from resight.features.maps import ImageMaps
from resight.features.regions.grids import rmac_grid
from resight.learned.whitening import Whitening

Vectors = NDArray[np.float32]


def raw_vectors(image: ImageMaps, method: PooledKind, exponent: Vectors | None = None) -> Vectors:
    """(m, C) L2-normalised vectors before whitening, on which it is fitted: one an image, a scale or a region.

    Scales of a pooled image are averaged, but for SuperGlobal, which joins them after the whitening; regions are those
    of all scales. exponent: (1,) or (C,), a p of GeM that was learned and takes the place of the method's; a single one
    also joins the scales, by the generalised mean with it.

    Source: for the scales Radenovic, Tolias & Chum, TPAMI 2019, section 4.2, and its authors' code.
    """
    with torch.inference_mode():
        match method:
            case Rmac() | Regions():
                return _numpy(_regions(image, method.levels))
            case SuperGlobalPooling():
                each = zip(image.maps, image.masks, strict=True)
                return _numpy(torch.stack([superglobal_vector(maps, mask, method.p) for maps, mask in each]))
            case _:
                scales = _scales(image, method, exponent)
                if exponent is not None and len(exponent) == 1 and len(scales) > 1:
                    return _numpy(power_mean(scales[:, None], float(exponent[0])))
                return _numpy(l2_normalise(scales.mean(dim=0))[None])


def descriptor(
    image: ImageMaps, method: PooledKind, whitening: Whitening | None, exponent: Vectors | None = None
) -> Vectors:
    """(d,) L2-normalised descriptor of an image; for R-MAC the sum of its whitened regions, for SuperGlobal the largest
    of each component over its whitened scales."""
    rows = region_vectors(image, method, whitening, exponent)
    if isinstance(method, SuperGlobalPooling):
        return _numpy(l2_normalise(scale_gem(torch.from_numpy(rows))))
    return unit_sum(rows)


def region_vectors(
    image: ImageMaps, method: PooledKind, whitening: Whitening | None, exponent: Vectors | None = None
) -> Vectors:
    """(m, d) L2-normalised vectors, whitened where there is a whitening."""
    rows = raw_vectors(image, method, exponent)
    return rows if whitening is None else whitening.apply(rows)


def descriptor_by_scale(
    image: ImageMaps, method: Mac | Spoc | Gem | Crow, whitening: Whitening, exponent: Vectors | None = None
) -> Vectors:
    """(d,) L2-normalised sum of the whitened vectors of all scales: for a whitening that is part of the network.

    Source: the code of Radenovic, Tolias & Chum, TPAMI 2019, for networks that end with such a layer.
    """
    with torch.inference_mode():
        return unit_sum(whitening.apply(_numpy(_scales(image, method, exponent))))


def unit_sum(rows: Vectors) -> Vectors:
    """(d,) L2-normalised sum of rows (m, d)."""
    total = rows[0] if len(rows) == 1 else rows.sum(axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), np.finfo(np.float32).tiny), np.float32)


def region_boxes(maps: Tensor, mask: Tensor | None, levels: int) -> Boxes:
    """(R, 4) boxes of `rmac_grid` on a map (C, h, w) that have a position that counts; mask: (h, w), None where all do.

    Notes: a region without one has no activations, and whitening would give all such regions one direction, which their
    sum then follows.
    """
    grid = rmac_grid(maps.shape[1], maps.shape[2], levels)
    if mask is None:
        return grid
    counted = mask.cpu().numpy() > 0
    return grid[[bool(counted[y0:y1, x0:x1].any()) for x0, y0, x1, y1 in grid.tolist()]]


def _scales(image: ImageMaps, method: Mac | Spoc | Gem | Crow, exponent: Vectors | None) -> Tensor:
    """(S, C), L2-normalised."""
    pooled = [_pool(maps[None], mask, method, exponent)[0] for maps, mask in zip(image.maps, image.masks, strict=True)]
    return l2_normalise(torch.stack(pooled))


def _pool(maps: Tensor, mask: Tensor | None, method: Mac | Spoc | Gem | Crow, exponent: Vectors | None) -> Tensor:
    match method:
        case Mac():
            return mac(maps, mask)
        case Spoc():
            weights = centre_prior(*maps.shape[2:]).to(maps) if method.centre_prior else None
            return spoc(maps, _both(weights, mask))
        case Gem():
            if exponent is None:
                return gem(maps, method.p, mask)
            return gem(maps, float(exponent[0]) if len(exponent) == 1 else torch.from_numpy(exponent), mask)
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
        pooled.append(region_max(kept[None], region_boxes(maps, mask, levels))[0])
    return l2_normalise(torch.cat(pooled))


def _numpy(rows: Tensor) -> Vectors:
    return np.ascontiguousarray(rows.float().cpu().numpy())
