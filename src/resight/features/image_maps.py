"""Photos on both sides of a network: its input, and its maps with how much each position of them counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resight.arrays import Float32, Mask, Pixels
from resight.features.networks.layers import Layered
from resight.features.regions.counting import counting_positions
from resight.features.regions.sampling import Sampling
from resight.features.saliency.kinds import SaliencyName
from resight.images import Box
from resight.libraries import AnyArray, beside, to_numpy


@dataclass(frozen=True)
class ImageMaps:
    """Maps of one photo or a part of it, one per scale, in the order of the scales.

    maps: (C, h, w) float32, contiguous, in numpy or on torch's device that ran. masks: (h, w) float32, 1 where a
    position counts and 0 where not, or between them by how salient it is; None where all count alike. size: (width,
    height) of the photo or part in pixels of the upright original. inputs: (width, height) of the network's input.
    origin: (x0, y0) of the part in the original.
    """

    maps: tuple[AnyArray, ...]
    masks: tuple[AnyArray | None, ...]
    size: tuple[int, int]
    inputs: tuple[tuple[int, int], ...]
    origin: tuple[float, float] = (0.0, 0.0)

    def tensors(self) -> ImageMaps:
        """Returns the same with maps and masks of torch, for what only torch computes."""
        import torch

        masks = tuple(None if mask is None else torch.as_tensor(mask) for mask in self.masks)
        return replace(self, maps=tuple(torch.as_tensor(maps) for maps in self.maps), masks=masks)


@dataclass(frozen=True)
class PreparedImage:
    """Input of a network at scale 1. pixels: (H, W, 3) uint8; box: the part that counts, in pixels of the original.

    size, origin: as in `ImageMaps`. counts: (h, w), at any size, False where a mask excludes the photo or part.
    weighed: positions count by the saliency that the recipe names; saliency: (h, w) at any size, where that is of
    pixels, files or a model.
    """

    pixels: Pixels
    size: tuple[int, int]
    origin: tuple[float, float] = (0.0, 0.0)
    box: Box | None = None
    counts: Mask | None = None
    weighed: bool = False
    saliency: Float32 | None = None


def position_mask(
    maps: AnyArray,
    given: tuple[int, int],
    image: PreparedImage,
    samplings: Sequence[Sampling],
    saliency: SaliencyName | None,
) -> AnyArray | None:
    """Returns (h, w) float32 of the maps of an input of `given` (width, height): how much each position counts."""
    if image.box is None and image.counts is None and not image.weighed:
        return None
    shape = (maps.shape[1], maps.shape[2])
    counting = counting_positions(shape, samplings, given, image.size, image.box, image.counts).astype(np.float32)
    if image.weighed and saliency is not None:
        from resight.features.saliency.weighting import OF_MAPS, position_weights

        own = OF_MAPS[saliency](to_numpy(maps)) if saliency in OF_MAPS else image.saliency
        assert own is not None, "made when the photo was prepared"
        weights = counting * position_weights(own, *shape)
        # Where nothing that counts is salient, all of it counts alike.
        counting = weights if weights.any() else counting
    return beside(counting, maps)


def layer_sampling(network: Layered, layer: str, side: int) -> Sampling:
    """Returns the sampling of a layer along one axis of an image, of `side` pixels. Raises RecipeError."""
    field = network.receptive_field(layer, side)
    return Sampling(field.stride, field.size, field.offset + field.size / 2.0)
