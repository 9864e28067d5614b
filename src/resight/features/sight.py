"""Places of feature-map positions on a photo, in pixels of the upright original."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from resight.arrays import Boxes, Float32, GridBoxes
from resight.features.image_maps import ImageMaps, layer_sampling
from resight.features.networks.layers import Layered
from resight.features.regions.sampling import Sampling, cells, receptive_fields
from resight.images import Box


@dataclass(frozen=True)
class HeatMap:
    """A number for each position of a map, and the places of the positions on the photo.

    values: (h, w) float32. first: (x, y) of the centre of the upper left position, step: (x, y) between neighbours.
    part: (x0, y0, x1, y1), the part of the photo that the network saw. All in pixels of the original.
    """

    values: Float32
    first: tuple[float, float]
    step: tuple[float, float]
    part: Box


@dataclass(frozen=True)
class Sight:
    """The geometry of one map of a photo.

    x, y: sampling of the network's input by the layer, along each axis. given: (width, height) of that input. factor:
    (x, y) pixels of the original per pixel of the input. part: the part of the original that the input shows.
    """

    x: Sampling
    y: Sampling
    given: tuple[int, int]
    factor: tuple[float, float]
    part: Box

    def cell(self, row: int, column: int) -> Box:
        """Returns the part of the photo that is nearer to a position of the map than to others."""
        return self._box(cells, row, column)

    def field(self, row: int, column: int) -> Box:
        """Returns the part of the photo that a position of the map depends on: its receptive field."""
        return self._box(receptive_fields, row, column)

    def heat(self, values: Float32) -> HeatMap:
        """Returns numbers (h, w) of the positions of the map, placed on the photo."""
        (fx, fy), (x0, y0, _, _) = self.factor, self.part
        first = (x0 + self.x.start * fx, y0 + self.y.start * fy)
        return HeatMap(values, first, (self.x.stride * fx, self.y.stride * fy), self.part)

    def _box(self, place: Callable[[GridBoxes, Sampling, tuple[int, int]], Boxes], row: int, column: int) -> Box:
        position = np.array([[column, row, column + 1, row + 1]])
        x0, _, x1, _ = place(position, self.x, self.given)[0].tolist()
        _, y0, _, y1 = place(position, self.y, self.given)[0].tolist()
        (fx, fy), (left, upper, _, _) = self.factor, self.part
        return left + x0 * fx, upper + y0 * fy, left + x1 * fx, upper + y1 * fy


def sights(image: ImageMaps, network: Layered, layer: str) -> tuple[Sight, ...]:
    """Returns the geometry of each map of an image, in the order of its scales; `layer` of `network` gave them.

    Raises RecipeError.
    """
    (left, upper), (width, height) = image.origin, image.size
    part = (left, upper, left + width, upper + height)
    return tuple(
        Sight(
            layer_sampling(network, layer, given[0]),
            layer_sampling(network, layer, given[1]),
            given,
            (width / given[0], height / given[1]),
            part,
        )
        for given in image.inputs
    )
