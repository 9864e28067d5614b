"""The layers of a network as numbers: channels, windows, receptive fields. Nothing heavy is imported."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from dataclasses import dataclass

from resight.errors import RecipeError, UsageError


@dataclass(frozen=True)
class Window:
    """A convolution or pooling along one axis, in pixels of its input.

    `same` is TensorFlow's padding: the least that gives ceil(side / stride) positions, the odd pixel after the image.
    """

    kernel: int
    stride: int = 1
    padding: int = 0
    same: bool = False

    def positions(self, side: int) -> int:
        """Returns the number of positions over `side` pixels; less than 1 where the window does not fit."""
        if self.same:
            return -(-side // self.stride)
        return (side + 2 * self.padding - self.kernel) // self.stride + 1

    def padded_before(self, side: int) -> int:
        """Returns the pixels of padding before the first of `side` pixels."""
        if not self.same:
            return self.padding
        return max((self.positions(side) - 1) * self.stride + self.kernel - side, 0) // 2

    def least_side(self, positions: int) -> int:
        """Returns the fewest pixels that give this many positions."""
        if self.same:
            return (positions - 1) * self.stride + 1
        return max((positions - 1) * self.stride + self.kernel - 2 * self.padding, 1)


@dataclass(frozen=True)
class Layer:
    """A layer whose map can be asked for.

    `rectified`: no value is negative. `windows`: the convolutions and poolings between the previous layer and this one.
    """

    name: str
    channels: int
    rectified: bool
    windows: tuple[Window, ...]


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels of one axis that a position of a map depends on: `size` of them; the first of position 0 is `offset`.

    Neighbouring positions are `stride` pixels apart. `offset` is negative where padding comes first. At the far edge a
    few last pixels may reach no position, where they fill no whole stride.
    """

    size: int
    stride: int
    offset: int

    def interval(self, position: int) -> tuple[int, int]:
        """Returns the first pixel and the one after the last, half-open; may reach beyond the image into padding."""
        first = self.offset + position * self.stride
        return first, first + self.size


class Layered(ABC):
    """Named layers in the order in which a network computes them, and what follows from their windows."""

    name: str
    input_side: int
    """Side in pixels of its square training images."""

    @property
    @abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """The layers in the order in which they are computed."""

    def layer(self, name: str) -> Layer:
        """Returns the layer of that name. Raises RecipeError that names the nearest one."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        near = difflib.get_close_matches(name, names, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"it has {', '.join(names)}"
        raise RecipeError(f'{self.name} has no layer "{name}"; {hint}')

    def channels(self, layer: str) -> int:
        """Returns the number of channels of a layer's map. Raises RecipeError."""
        return self.layer(layer).channels

    def stride(self, layer: str) -> int:
        """Returns the image pixels between neighbouring positions of a layer's map. Raises RecipeError."""
        return self.receptive_field(layer).stride

    def map_side(self, layer: str, side: int) -> int:
        """Returns the number of positions of a layer's map along an axis of `side` pixels, 0 where there is none.

        Raises RecipeError.
        """
        for window in self._windows(layer):
            side = max(window.positions(side), 0) if side else 0
        return side

    def least_side(self, layer: str) -> int:
        """Returns the shortest side in pixels that gives a layer's map a position. Raises RecipeError."""
        side = 1
        for window in reversed(self._windows(layer)):
            side = window.least_side(side)
        return side

    def receptive_field(self, layer: str, side: int = 224) -> ReceptiveField:
        """Returns the receptive field of a layer along an axis of `side` pixels, which matters only to `same` padding.

        Raises RecipeError.

        Source: the recurrences of Araujo, Norris and Sim, "Computing receptive fields of convolutional neural
        networks", Distill 2019. Where paths of different extent meet, as in residual blocks, the longest is used.
        """
        size, stride, offset = 1, 1, 0
        for window in self._windows(layer):
            offset -= window.padded_before(side) * stride
            size += (window.kernel - 1) * stride
            stride *= window.stride
            side = window.positions(side)
        return ReceptiveField(size, stride, offset)

    def _windows(self, name: str) -> list[Window]:
        last = self.layer(name)
        windows: list[Window] = []
        for layer in self.layers:
            windows += layer.windows
            if layer is last:
                break
        return windows

    def require_side(self, layer: str, side: int) -> None:
        """Raises UsageError where a short side of `side` pixels gives a layer's map no position."""
        least = self.least_side(layer)
        if side < least:
            raise UsageError(
                f"an image of {side} pixels on its short side gives {layer} of {self.name} not one position: "
                f"it takes at least {least}; enlarge it, or take an earlier layer"
            )
