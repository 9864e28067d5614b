"""Positions of feature maps as local features: their activations, and their places on the photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from resight.arrays import Float32, Mask
from resight.features.image_maps import ImageMaps, PreparedImage, layer_sampling
from resight.features.kinds import Convolutional
from resight.features.local import LocalFeatures
from resight.features.maps import MapExtractor
from resight.features.networks.layers import Layered
from resight.features.regions.sampling import Sampling
from resight.features.runtimes.inputs import scaled
from resight.images import Box, Decoded
from resight.libraries import to_numpy


@dataclass(frozen=True)
class View:
    """A photo as the network sees it: as it is, mirrored, or a part of it.

    box: the part of a query that is asked for.
    """

    image: PreparedImage
    is_mirrored: bool = False
    box: Box | None = None


class ConvolutionalExtractor:
    """An extractor of maps, which it splits into positions. Raises the errors of `MapExtractor`."""

    def __init__(self, params: Convolutional, folder: Path | None = None) -> None:
        self.params = params
        self.max_side = params.max_side
        self._maps = MapExtractor(params, folder)
        self.together = self._maps.together
        self.dimensions = self._maps.dimensions

    def prepare(self, decoded: Decoded) -> list[View]:
        """Prepares a photo: its long side is reduced to `max_side`."""
        return [View(self._maps.prepare(decoded))]

    def prepare_query(self, decoded: Decoded, box: Box | None) -> list[View]:
        """Prepares the views of a query photo, or of a part of it: cropped, or with the positions inside marked.

        The middle half of the photo or part is enlarged to as many pixels as the photo has.

        Source: Mohedano et al., ICMR 2016, section 5.1.
        """
        plain = self._maps.prepare_query(decoded, box)
        if self.params.context == "whole":
            plain = replace(plain, box=None)
        views = [View(plain, box=box)]
        if self.params.views in ("zoom", "both"):
            part = middle_half(box or (0.0, 0.0, float(decoded.size[0]), float(decoded.size[1])))
            views.append(View(self._maps.prepare_part(decoded, part, max(plain.pixels.shape[:2])), box=box))
        if self.params.views in ("mirror", "both"):
            views += [View(mirrored(view.image), is_mirrored=True, box=box) for view in views]
        return views

    def extract(self, prepared: Sequence[list[View]]) -> list[LocalFeatures]:
        """Returns the local features of some photos, in their order, in pixels of the upright original.

        Those of several views of a photo follow each other.
        """
        maps = iter(self._maps.extract([view.image for views in prepared for view in views]))
        return [joined([self._features(view, next(maps)) for view in views]) for views in prepared]

    def _features(self, view: View, image: ImageMaps) -> LocalFeatures:
        params, network = self.params, self._maps.network()
        is_fading = params.context == "fading" and view.image.box is not None
        found = local_features(
            image, network, params.layer, params.upsampling, weighed=view.image.weighed, is_fading=is_fading
        )
        if view.is_mirrored:
            xy = found.xy.copy()
            xy[:, 0] = np.float32(2.0 * image.origin[0] + image.size[0]) - xy[:, 0]
            found = replace(found, xy=xy)
        return found if params.context == "none" else replace(found, box=view.box)


def middle_half(box: Box) -> Box:
    """Returns the part of half the sides around the middle of a box."""
    x0, y0, x1, y1 = box
    return (3 * x0 + x1) / 4, (3 * y0 + y1) / 4, (x0 + 3 * x1) / 4, (y0 + 3 * y1) / 4


def mirrored(image: PreparedImage) -> PreparedImage:
    """Returns the input with left and right exchanged."""
    box, width = image.box, image.size[0]
    return replace(
        image,
        pixels=np.ascontiguousarray(image.pixels[:, ::-1]),
        box=None if box is None else (width - box[2], box[1], width - box[0], box[3]),
        counts=None if image.counts is None else np.ascontiguousarray(image.counts[:, ::-1]),
    )


def joined(views: Sequence[LocalFeatures]) -> LocalFeatures:
    """Returns the features of all views of a photo; where one's have weights, the others' weigh 1."""
    if len(views) == 1:
        return views[0]
    weights = None
    if any(one.weights is not None for one in views):
        weights = np.concatenate(
            [np.ones(len(one), np.float32) if one.weights is None else one.weights for one in views]
        )
    return LocalFeatures(
        np.concatenate([one.xy for one in views]),
        np.concatenate([one.scale for one in views]),
        np.concatenate([one.angle for one in views]),
        np.concatenate([one.descriptors for one in views]),
        weights,
        views[0].box,
    )


def local_features(
    image: ImageMaps,
    network: Layered,
    layer: str,
    upsampling: int = 1,
    *,
    weighed: bool = False,
    is_fading: bool = False,
) -> LocalFeatures:
    """Returns the positions of all scales, in descending order of the L2 norm, with L2-normalised activations.

    xy is the centre of a position's receptive field, scale is half the distance of neighbouring positions of the layer,
    both in pixels of the upright original; the angle is 0. Positions without any activation, or that do not count, are
    left out. upsampling: factor by which maps are enlarged first, bilinearly. weighed: a position's weight is how much
    it counts. is_fading: positions that do not count are there, and weigh less with the distance to those that do.

    Source: Ng, Yang & Davis, CVPR 2015 workshops, section 3.1; upsampling: Mohedano et al., ICMR 2016, section 3.
    """
    parts: list[LocalFeatures] = [LocalFeatures.none(image.maps[0].shape[0])]
    norms = [np.empty(0, np.float32)]
    weights = [np.empty(0, np.float32)]
    for maps, mask, given in zip(image.maps, image.masks, image.inputs, strict=True):
        rows, strength = _positions(to_numpy(maps), upsampling)
        own = np.ones(len(rows), np.float32)
        if mask is not None:
            counting, own = _counted(to_numpy(mask), upsampling, weighed, is_fading)
            strength = strength * counting
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
                rows[kept] / strength[kept, None],
            )
        )
        norms.append(strength[kept])
        weights.append(own[kept])
    order = np.argsort(-np.concatenate(norms), kind="stable")
    return LocalFeatures(
        np.concatenate([part.xy for part in parts])[order],
        np.concatenate([part.scale for part in parts])[order],
        np.concatenate([part.angle for part in parts])[order],
        np.concatenate([part.descriptors for part in parts])[order],
        np.concatenate(weights)[order] if weighed or is_fading else None,
    )


def _positions(maps: Float32, upsampling: int) -> tuple[Float32, Float32]:
    """Returns (h * w, C) activations of the enlarged maps, row by row, and their norms."""
    if upsampling > 1:
        height, width = maps.shape[1:]
        maps = scaled(maps[None], float(upsampling), (width * upsampling, height * upsampling))[0]
    rows = maps.reshape(len(maps), -1).T
    return np.ascontiguousarray(rows), np.linalg.vector_norm(rows, axis=1)


def _counted(mask: Float32, upsampling: int, weighed: bool, is_fading: bool) -> tuple[Mask, Float32]:
    """Returns (h * w,) which positions of the enlarged map are there, and how much each counts."""
    counting = (mask > 0).repeat(upsampling, 0).repeat(upsampling, 1)
    if is_fading:
        from resight.features.saliency.priors import faded

        return np.ones(counting.size, np.bool_), faded(counting).ravel()
    if not weighed:
        return counting.ravel(), np.ones(counting.size, np.float32)
    height, width = counting.shape
    weights = scaled(mask[None, None], float(upsampling), (width, height))[0, 0]
    return counting.ravel(), np.ascontiguousarray(weights).ravel()


def _centres(sampling: Sampling, count: int, upsampling: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Returns (count,) the places of the positions of an enlarged map along one axis of the network's input."""
    return sampling.start + ((np.arange(count) + 0.5) / upsampling - 0.5) * sampling.stride
