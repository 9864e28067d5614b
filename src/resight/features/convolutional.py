"""Positions of feature maps as local features: their activations, and their places on the photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from resight.arrays import Float32
from resight.features.kinds import Convolutional
from resight.features.local import LocalFeatures
from resight.features.maps import ImageMaps, MapExtractor, PreparedImage, layer_sampling
from resight.features.networks.layers import Layered
from resight.features.regions.sampling import Sampling
from resight.features.runtimes.inputs import scaled
from resight.images import Box, Decoded
from resight.libraries import to_numpy


class ConvolutionalExtractor:
    """An extractor of maps, which it splits into positions. Raises the errors of `MapExtractor`."""

    def __init__(self, params: Convolutional, folder: Path | None = None) -> None:
        self.params = params
        self.max_side = params.max_side
        self._maps = MapExtractor(params, folder)
        self.together = self._maps.together
        self.dimensions = self._maps.dimensions

    def prepare(self, decoded: Decoded) -> PreparedImage:
        """Prepares a photo: its long side is reduced to `max_side`."""
        return self._maps.prepare(decoded)

    def prepare_query(self, decoded: Decoded, box: Box | None) -> PreparedImage:
        """Prepares a query photo, or a part of it: cropped, or with the positions inside marked."""
        return self._maps.prepare_query(decoded, box)

    def extract(self, prepared: Sequence[PreparedImage]) -> list[LocalFeatures]:
        """Returns the local features of some photos, in their order, in pixels of the upright original."""
        maps = self._maps.extract(prepared)
        if not maps:
            return []
        network, layer = self._maps.network(), self.params.layer
        return [local_features(image, network, layer, self.params.upsampling) for image in maps]


def local_features(image: ImageMaps, network: Layered, layer: str, upsampling: int = 1) -> LocalFeatures:
    """Returns the positions of all scales, in descending order of the L2 norm, with L2-normalised activations.

    xy is the centre of a position's receptive field, scale is half the distance of neighbouring positions of the layer,
    both in pixels of the upright original; the angle is 0. Positions without any activation, or that do not count, are
    left out. upsampling: factor by which maps are enlarged first, bilinearly.

    Source: Ng, Yang & Davis, CVPR 2015 workshops, section 3.1; upsampling: Mohedano et al., ICMR 2016, section 3.
    """
    parts: list[LocalFeatures] = [LocalFeatures.none(image.maps[0].shape[0])]
    norms = [np.empty(0, np.float32)]
    for maps, mask, given in zip(image.maps, image.masks, image.inputs, strict=True):
        activations, strength = _positions(to_numpy(maps), None if mask is None else to_numpy(mask), upsampling)
        kept = np.flatnonzero(strength > 0)
        samplings = [layer_sampling(network, layer, side) for side in given]
        x, y = (
            _centres(sampling, count * upsampling, upsampling)
            for sampling, count in zip(samplings, (maps.shape[2], maps.shape[1]), strict=True)
        )
        factor = np.array(image.size) / np.array(given)
        xy = np.stack([np.tile(x, len(y)), np.repeat(y, len(x))], axis=1)[kept] * factor + np.array(image.origin)
        scale = samplings[0].stride / 2.0 * np.sqrt(factor.prod())
        parts.append(
            LocalFeatures(
                xy.astype(np.float32),
                np.full(len(kept), scale, np.float32),
                np.zeros(len(kept), np.float32),
                activations[kept] / strength[kept, None],
            )
        )
        norms.append(strength[kept])
    order = np.argsort(-np.concatenate(norms), kind="stable")
    return LocalFeatures(
        np.concatenate([part.xy for part in parts])[order],
        np.concatenate([part.scale for part in parts])[order],
        np.concatenate([part.angle for part in parts])[order],
        np.concatenate([part.descriptors for part in parts])[order],
    )


def _positions(maps: Float32, mask: Float32 | None, upsampling: int) -> tuple[Float32, Float32]:
    """Returns (h * w, C) activations, row by row, and their norms, which are 0 where a position does not count."""
    if upsampling > 1:
        height, width = maps.shape[1:]
        maps = scaled(maps[None], float(upsampling), (width * upsampling, height * upsampling))[0]
        if mask is not None:
            mask = mask.repeat(upsampling, 0).repeat(upsampling, 1)
    rows = maps.reshape(len(maps), -1).T
    norms = np.linalg.vector_norm(rows, axis=1)
    if mask is not None:
        norms = norms * (mask.ravel() > 0)
    return np.ascontiguousarray(rows), norms


def _centres(sampling: Sampling, count: int, upsampling: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Returns (count,) the places of the positions of an enlarged map along one axis of the network's input."""
    return sampling.start + ((np.arange(count) + 0.5) / upsampling - 0.5) * sampling.stride
