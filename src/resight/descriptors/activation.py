"""Class-weighted convolutional features (Jimenez, Alvarez & Giro-i-Nieto).

"Class-weighted convolutional features for visual instance search", BMVC 2017. Maps are (B, C, H, W), the last before
global average pooling and a classifier.
"""

from __future__ import annotations

import torch
from torch import Tensor

from resight.descriptors.crow import channel_weights
from resight.descriptors.pooling import l2_normalise
from resight.errors import UsageError

CLASSES = 64
"""How many classes are summed over: section 4.2. Six for re-ranking."""


def likely_classes(maps: Tensor, weight: Tensor, bias: Tensor | None = None, count: int = CLASSES) -> Tensor:
    """Returns the `count` classes with the highest scores, (B, count) int64, best first.

    weight: (classes, C), bias: (classes,) of the classifier. UsageError: fewer classes than that.
    """
    if not 1 <= count <= len(weight):
        raise UsageError(f"{count} classes are asked of a classifier that has {len(weight)}")
    scores = torch.nn.functional.linear(maps.mean(dim=(2, 3)), weight, bias)
    return scores.topk(count, dim=1).indices


def class_activation_maps(maps: Tensor, weight: Tensor, classes: Tensor) -> Tensor:
    """Where each class is seen, (B, K, H, W) in [0, 1]: the channels weighted as the classifier weighs them.

    weight: (classes, C); classes: (B, K). Negative values become 0; the largest is 1, or 0 where none is positive.

    Source: Zhou, Khosla, Lapedriza, Oliva & Torralba, "Learning deep features for discriminative localization", CVPR
    2016, eq. 2; the scaling is that of Jimenez et al.
    """
    seen = torch.einsum("bkc,bchw->bkhw", weight[classes].to(maps.dtype), maps).clamp(min=0.0)
    top = seen.amax(dim=(2, 3), keepdim=True)
    return seen / top.masked_fill(top == 0, 1.0)


def class_vectors(maps: Tensor, cams: Tensor) -> Tensor:
    """Returns one L2-normalised vector a class, (B, K, C).

    It is the sum over positions of map times CAM, times CroW's channel weights.

    cams: (B, K, H, W) as of `class_activation_maps`. Section 3.2.
    """
    pooled = torch.einsum("bchw,bkhw->bkc", maps, cams)
    vectors: Tensor = l2_normalise(pooled * channel_weights(maps).to(maps.dtype)[:, None])
    return vectors
