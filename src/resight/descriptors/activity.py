"""The places of one photo where single channels, or the classes of a classifier, are active."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from resight.descriptors.activation import class_activation_maps, likely_classes
from resight.descriptors.crow import channel_weights
from resight.errors import UsageError
from resight.features.image_maps import ImageMaps
from resight.features.networks.network import Network
from resight.features.sight import HeatMap, Sight
from resight.images import Box

SPARSE_CHANNELS = 10
"""The number of CroW's channels that are shown: Kalantidis, Mellina & Osindero, ECCV 2016 workshops."""
CLASSES = 5


@dataclass(frozen=True)
class Activity:
    """The place where a channel or a class is most active.

    number: of the channel or class; weight: CroW's weight of the channel, or the score of the class; box: (x0, y0, x1,
    y1), in pixels of the original, the part nearest to the position where it is most active.
    """

    number: int
    weight: float
    heat: HeatMap
    box: Box


def sparse_channels(image: ImageMaps, places: tuple[Sight, ...], count: int = SPARSE_CHANNELS) -> list[Activity]:
    """Returns the `count` channels with the highest of CroW's channel weights, best first.

    These channels are active at the fewest positions, but at one at least. The largest map of the photo is used, where
    its mask lets it count.

    Source: Kalantidis, Mellina & Osindero, ECCV 2016 workshops, section 4.2.
    """
    maps, place = _largest(image, places)
    weights = channel_weights(maps[None])[0].cpu().numpy()
    order = np.argsort(-weights, kind="stable")
    return [_activity(channel, weights[channel], maps[channel], place) for channel in order[:count] if weights[channel]]


def likely_class_maps(
    image: ImageMaps, places: tuple[Sight, ...], network: Network, count: int = CLASSES
) -> list[Activity]:
    """Class-activation maps of the `count` classes with the highest scores, best first.

    Of the largest map, which must be of the last layer before the classifier of `network`; its mask is kept to.

    Source: as of `class_activation_maps`. UsageError: no such classifier, fewer classes, or maps of another layer.
    """
    maps, place = _largest(image, places)
    with torch.inference_mode():
        weight, bias = (tensor.to(maps) for tensor in network.class_weights())
        if weight.shape[1] != len(maps):
            raise UsageError(
                f"the classifier of {network.name} reads {weight.shape[1]} channels, and these maps have {len(maps)}: "
                "class-activation maps need the last layer before it"
            )
        classes = likely_classes(maps[None], weight, bias, count)
        scores = torch.nn.functional.linear(maps.mean(dim=(1, 2)), weight, bias)
        heats = class_activation_maps(maps[None], weight, classes)[0]
    return [
        _activity(number, scores[number], heat, place) for number, heat in zip(classes[0].tolist(), heats, strict=True)
    ]


def _largest(image: ImageMaps, places: tuple[Sight, ...]) -> tuple[Tensor, Sight]:
    """Returns the map (C, h, w) with the most positions; those that do not count are 0."""
    image = image.tensors()
    row = max(range(len(image.maps)), key=lambda scale: image.maps[scale][0].numel())
    mask = image.masks[row]
    return image.maps[row] if mask is None else image.maps[row] * mask, places[row]


def _activity(number: int, weight: float | Tensor, values: Tensor, place: Sight) -> Activity:
    row, column = divmod(int(values.argmax()), values.shape[1])
    heat = place.heat(np.ascontiguousarray(values.float().cpu().numpy()))
    return Activity(int(number), float(weight), heat, place.cell(row, column))
