"""Class-weighted vectors of one image at one scale or several: what `activation.py` computes of maps, of a photo."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from resight.arrays import Vectors
from resight.descriptors.activation import class_activation_maps, class_vectors, likely_classes
from resight.descriptors.pooled import unit_sum, whitened_rows
from resight.descriptors.pooling import l2_normalise, spoc
from resight.features.class_maps import ClassedMaps
from resight.features.image_maps import ImageMaps
from resight.learned.whitening import Whitening


def class_weighted_vectors(image: ClassedMaps, count: int) -> Vectors:
    """Returns (m, C) L2-normalised vectors of the `count` likeliest classes, the likeliest first.

    Classes that are seen nowhere are left out.

    Classes are the likeliest of all scales together, by the positions that count, and the vectors of a class are
    averaged over the scales. Where the last map is coarser than the layer's, it is seen on that by bilinear
    interpolation. UsageError: fewer classes.

    Source: Jimenez et al., BMVC 2017, section 3, whose network has maps of one size, at one scale.
    """
    with torch.inference_mode():
        last_maps = image.last.tensors()
        lasts, maps = _kept(last_maps), _kept(image.maps.tensors())
        each = [spoc(last[None], mask) for last, mask in zip(last_maps.maps, last_maps.masks, strict=True)]
        # Scores are linear in the mean, so those of the mean over the scales are the mean of theirs.
        classes = likely_classes(torch.stack(each).mean(dim=0)[:, :, None, None], image.weight, image.bias, count)
        scales = []
        for own, last in zip(maps, lasts, strict=True):
            cams = class_activation_maps(last, image.weight, classes)
            if cams.shape[2:] != own.shape[2:]:
                cams = nn.functional.interpolate(cams, size=own.shape[2:], mode="bilinear", align_corners=False)
            scales.append(class_vectors(own, cams)[0])
        vectors = l2_normalise(torch.stack(scales).mean(dim=0)).float().cpu().numpy()
        return np.ascontiguousarray(vectors[vectors.any(axis=1)])


def class_weighted_descriptor(image: ClassedMaps, count: int, whitening: Whitening | None) -> Vectors:
    """Returns (d,) L2-normalised sum over classes of `class_weighted_vectors`, each whitened. Section 3.3.

    Zeros where no class is seen.
    """
    rows = class_weighted_vectors(image, count)
    if not len(rows):
        return np.zeros(rows.shape[1] if whitening is None else whitening.dimensions, np.float32)
    return unit_sum(whitened_rows(rows, whitening))


def _kept(image: ImageMaps) -> list[Tensor]:
    """Returns (1, C, h, w) of each scale; positions that do not count are 0."""
    return [(maps if mask is None else maps * mask)[None] for maps, mask in zip(image.maps, image.masks, strict=True)]
