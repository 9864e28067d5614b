"""Feature maps of one layer, with the maps and the classifier that locate classes on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from resight.features.image_maps import ImageMaps, PreparedImage
from resight.features.kinds import ClassMaps
from resight.features.maps import MapExtractor
from resight.features.networks.architectures import blank
from resight.images import Box, Decoded


@dataclass(frozen=True)
class ClassedMaps:
    """Maps of a layer, and of the last one (C), whose mean is the input of a linear classifier.

    weight: (classes, C), bias: (classes,), of that classifier.
    """

    maps: ImageMaps
    last: ImageMaps
    weight: Tensor
    bias: Tensor


class ClassMapExtractor:
    """An extractor of both maps in one pass.

    Raises the errors of `MapExtractor`, and UsageError where the weights have no classifier right after the last map.
    """

    def __init__(self, params: ClassMaps, folder: Path | None = None) -> None:
        self.params = params
        self.max_side = params.max_side
        last = blank(params.network, None).layers[-1].name
        self._maps = MapExtractor(params, folder, beside=[] if params.layer == last else [last])
        self.together = self._maps.together
        self.dimensions = self._maps.dimensions

    def prepare(self, decoded: Decoded) -> PreparedImage:
        """Prepares a photo: its long side is reduced to `max_side`."""
        return self._maps.prepare(decoded)

    def prepare_query(self, decoded: Decoded, box: Box | None) -> PreparedImage:
        """Prepares a query photo, or a part of it: cropped, or with the positions inside marked."""
        return self._maps.prepare_query(decoded, box)

    def extract(self, prepared: Sequence[PreparedImage]) -> list[ClassedMaps]:
        """Returns the maps of some photos, in their order."""
        if not prepared:
            return []
        weight, bias = self._maps.loaded().network.class_weights()
        found = []
        for layers in self._maps.extract_layers(prepared):
            # Maps that came without torch are on the processor.
            first = torch.as_tensor(layers[0].maps[0])
            found.append(ClassedMaps(layers[0], layers[-1], weight.detach().to(first), bias.detach().to(first)))
        return found
