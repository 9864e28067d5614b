"""Feature maps of one image, at one scale or several, to vectors: what the pooling of a map becomes for a photo."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from resight.arrays import Arrays, Vectors
from resight.descriptors.methods.pooling import OfMaps
from resight.descriptors.pooling import gem, l2_normalise, power_mean
from resight.descriptors.regional import regional_maxima, rmac
from resight.descriptors.superglobal import scale_gem, superglobal_vector
from resight.features.image_maps import ImageMaps
from resight.learned.whitening import Whitening
from resight.libraries import AnyArray, beside, library, to_numpy, without_gradients

Pool = Callable[[AnyArray, AnyArray | None], AnyArray]
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
    with without_gradients():
        return to_numpy(l2_normalise(_scales(image, pool).mean(axis=0))[None])


def power_mean_of_scales(image: ImageMaps, pool: Pool, p: float) -> Vectors:
    """Returns (1, C): `power_mean` of the L2-normalised vectors of all scales."""
    with without_gradients():
        return to_numpy(power_mean(_scales(image, pool)[:, None], p))


def whitened_by_scale(image: ImageMaps, pool: Pool, whitening: Whitening) -> Vectors:
    """Returns (d,) L2-normalised sum of the whitened vectors of all scales.

    It is for a whitening that is part of the network.

    Source: the code of Radenovic, Tolias & Chum, TPAMI 2019, for networks that end with such a layer.
    """
    with without_gradients():
        return unit_sum(whitening.apply(to_numpy(_scales(image, pool))))


def pooled_by_gem(exponent: Vectors, maps: AnyArray, mask: AnyArray | None) -> AnyArray:
    """`gem` by a p that was learned, (1,) or (C,)."""
    return gem(maps, float(exponent[0]) if len(exponent) == 1 else exponent, mask)


def regions_of(image: ImageMaps, levels: int, *, whole: bool = False) -> Vectors:
    """Returns (m, C) `regional_maxima` of all scales; of a masked map, those of the positions that count."""
    with without_gradients():
        pairs = zip(image.maps, image.masks, strict=True)
        regions = [regional_maxima(maps[None], levels, mask, whole=whole)[0] for maps, mask in pairs]
        return to_numpy(library(regions[0]).concatenate(regions, axis=0))


def rmac_of(image: ImageMaps, levels: int, whitening: Whitening | None, *, whole: bool = False) -> Vectors:
    """Returns (d,) `rmac` of an image."""

    def whiten(rows: AnyArray) -> AnyArray:
        return beside(whitened_rows(to_numpy(rows[0]), whitening), rows)[None]

    with without_gradients():
        maps = [own[None] for own in image.maps]
        return to_numpy(rmac(maps, levels, None if whitening is None else whiten, image.masks, whole=whole)[0])


def superglobal_scales(image: ImageMaps, p: float) -> Vectors:
    """Returns (S, C) `superglobal_vector` of each scale."""
    with without_gradients():
        pairs = zip(image.maps, image.masks, strict=True)
        return np.stack([to_numpy(superglobal_vector(maps, mask, p)) for maps, mask in pairs])


def largest_of_scales(rows: Vectors) -> Vectors:
    """Returns (d,) L2-normalised `scale_gem` of the vectors (S, d) of several scales."""
    return to_numpy(l2_normalise(scale_gem(rows)))


def whitened_rows(rows: Vectors, whitening: Whitening | None) -> Vectors:
    """Returns (m, d) L2-normalised vectors, whitened where there is a whitening."""
    return rows if whitening is None else whitening.apply(rows)


def unit_sum(rows: Vectors) -> Vectors:
    """Returns (d,) L2-normalised sum of rows (m, d)."""
    total = rows[0] if len(rows) == 1 else rows.sum(axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), np.finfo(np.float32).tiny), np.float32)


def _scales(image: ImageMaps, pool: Pool) -> AnyArray:
    """Returns (S, C), L2-normalised."""
    pooled = [pool(maps[None], mask)[0] for maps, mask in zip(image.maps, image.masks, strict=True)]
    return l2_normalise(library(pooled[0]).stack(pooled, axis=0))
