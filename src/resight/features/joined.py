"""Feature maps of several layers or networks of the same photo, with one pass per network and size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from resight.features.image_maps import ImageMaps, PreparedImage
from resight.features.kinds import JoinedMaps, Maps
from resight.features.maps import MapExtractor
from resight.features.networks.layers import Layered
from resight.images import Box, Decoded

JoinedImage = tuple[ImageMaps, ...]
"""The maps of each part."""


class JoinedExtractor:
    """An extractor of the maps of all parts, in their order. Raises the errors of `MapExtractor`.

    Parts that differ only in the layer share a pass.
    """

    def __init__(self, params: JoinedMaps, folder: Path | None = None) -> None:
        self.params = params
        alike: defaultdict[Maps, list[int]] = defaultdict(list)
        for index, part in enumerate(params.parts):
            alike[part.model_copy(update={"layer": ""})].append(index)
        self._parts = list(alike.values())
        self._extractors = [
            MapExtractor(params.parts[first], folder, beside=[params.parts[index].layer for index in rest])
            for first, *rest in self._parts
        ]
        self.max_side = max(each.max_side for each in self._extractors)
        self.together = min(each.together for each in self._extractors)
        self._pass_of = {part: number for number, parts in enumerate(self._parts) for part in parts}
        self.channels = tuple(MapExtractor(part, folder).dimensions for part in params.parts)
        self.dimensions = sum(self.channels)

    def network(self, part: int) -> Layered:
        """Returns the layers of the network that gives the maps of a part. Raises the errors of opening it."""
        return self._extractors[self._pass_of[part]].network()

    def prepare(self, decoded: Decoded) -> list[PreparedImage]:
        """Prepares a photo at the size of each pass."""
        return [each.prepare(decoded) for each in self._extractors]

    def prepare_query(self, decoded: Decoded, box: Box | None) -> list[PreparedImage]:
        """Prepares a query photo, or a part of it, at the size of each pass."""
        return [each.prepare_query(decoded, box) for each in self._extractors]

    def extract(self, prepared: Sequence[list[PreparedImage]]) -> list[JoinedImage]:
        """Returns the maps of each part of some photos, in their order."""
        passes = [
            each.extract_layers([images[number] for images in prepared]) for number, each in enumerate(self._extractors)
        ]
        found = []
        for row in range(len(prepared)):
            maps = {
                part: own
                for parts, images in zip(self._parts, passes, strict=True)
                for part, own in zip(parts, images[row], strict=True)
            }
            found.append(tuple(maps[part] for part in range(len(maps))))
        return found
