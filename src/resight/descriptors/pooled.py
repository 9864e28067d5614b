"""Feature maps of one image, at one scale or several, to vectors: what the pooling of a map becomes for a photo."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from resight.arrays import Arrays, Vectors
from resight.descriptors.methods.pooling import OfMaps
from resight.descriptors.pooling import gem, l2_normalise, power_mean
from resight.descriptors.regional import regional_maxima, rmac
from resight.descriptors.superglobal import scale_gem, superglobal_vector
from resight.features.maps import ImageMaps
from resight.learned.whitening import Whitening

Pool = Callable[[Tensor, Tensor | None], Tensor]
"""Maps (B, C, h, w) and the positions (h, w) that count, or None, to (B, C)."""


class MapEncoder:
    """Feature maps to one vector, by a pooling with its fitted arrays."""

    def __init__(self, method: OfMaps, size: int, whitening: Whitening | None, fitted: Arrays) -> None:
        self.method = method
        self.size = size
        self.whitening = whitening
        self.fitted = fitted

    def encode(self, features: ImageMaps, size: tuple[int, int]) -> tuple[Vectors, int]:
        """Returns the vector, which counts as one feature."""
        return self.query(features, size), 1

    def query(self, features: ImageMaps, size: tuple[int, int]) -> Vectors:
        """Returns the vector."""
        return self.method.describe(features, self.whitening, self.fitted)

    def nothing(self) -> tuple[Vectors, int]:
        """Returns the evidence of an image without features."""
        return np.zeros(self.size, np.float32), 0


def mean_of_scales(image: ImageMaps, pool: Pool) -> Vectors:
    """Returns (1, C): the L2-normalised mean of the L2-normalised vectors of all scales."""
    with torch.inference_mode():
        return _numpy(l2_normalise(_scales(image, pool).mean(dim=0))[None])


def power_mean_of_scales(image: ImageMaps, pool: Pool, p: float) -> Vectors:
    """Returns (1, C): `power_mean` of the L2-normalised vectors of all scales."""
    with torch.inference_mode():
        return _numpy(power_mean(_scales(image, pool)[:, None], p))


def whitened_by_scale(image: ImageMaps, pool: Pool, whitening: Whitening) -> Vectors:
    """Returns (d,) L2-normalised sum of the whitened vectors of all scales.

    It is for a whitening that is part of the network.

    Source: the code of Radenovic, Tolias & Chum, TPAMI 2019, for networks that end with such a layer.
    """
    with torch.inference_mode():
        return unit_sum(whitening.apply(_numpy(_scales(image, pool))))


def pooled_by_gem(exponent: Vectors, maps: Tensor, mask: Tensor | None) -> Tensor:
    """`gem` by a p that was learned, (1,) or (C,)."""
    return gem(maps, float(exponent[0]) if len(exponent) == 1 else torch.from_numpy(exponent), mask)


def regions_of(image: ImageMaps, levels: int) -> Vectors:
    """Returns (m, C) `regional_maxima` of all scales; of a masked map, those of the positions that count."""
    with torch.inference_mode():
        pairs = zip(image.maps, image.masks, strict=True)
        return _numpy(torch.cat([regional_maxima(maps[None], levels, mask)[0] for maps, mask in pairs]))


def rmac_of(image: ImageMaps, levels: int, whitening: Whitening | None) -> Vectors:
    """Returns (d,) `rmac` of an image."""

    def whiten(rows: Tensor) -> Tensor:
        return torch.from_numpy(whitened_rows(_numpy(rows[0]), whitening))[None]

    with torch.inference_mode():
        maps = [own[None] for own in image.maps]
        return _numpy(rmac(maps, levels, None if whitening is None else whiten, image.masks)[0])


def superglobal_scales(image: ImageMaps, p: float) -> Vectors:
    """Returns (S, C) `superglobal_vector` of each scale."""
    with torch.inference_mode():
        pairs = zip(image.maps, image.masks, strict=True)
        return _numpy(torch.stack([superglobal_vector(maps, mask, p) for maps, mask in pairs]))


def largest_of_scales(rows: Vectors) -> Vectors:
    """Returns (d,) L2-normalised `scale_gem` of the vectors (S, d) of several scales."""
    return _numpy(l2_normalise(scale_gem(torch.from_numpy(rows))))


def whitened_rows(rows: Vectors, whitening: Whitening | None) -> Vectors:
    """Returns (m, d) L2-normalised vectors, whitened where there is a whitening."""
    return rows if whitening is None else whitening.apply(rows)


def unit_sum(rows: Vectors) -> Vectors:
    """Returns (d,) L2-normalised sum of rows (m, d)."""
    total = rows[0] if len(rows) == 1 else rows.sum(axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), np.finfo(np.float32).tiny), np.float32)


def _scales(image: ImageMaps, pool: Pool) -> Tensor:
    """Returns (S, C), L2-normalised."""
    pairs = zip(image.maps, image.masks, strict=True)
    return l2_normalise(torch.stack([pool(maps[None], mask)[0] for maps, mask in pairs]))


def _numpy(rows: Tensor) -> Vectors:
    return np.ascontiguousarray(rows.float().cpu().numpy())
