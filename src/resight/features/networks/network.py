"""The interface of all networks: named layers, maps up to the last layer asked for, and receptive fields."""

from __future__ import annotations

import difflib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

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


class Network(nn.Module, ABC):
    """A network that computes the maps of its named layers.

    Inputs are normalised as the checkpoint requires, float (B, 3, H, W); maps are (B, C, h, w).
    """

    name: str
    input_side: int
    """Side in pixels of its square training images."""

    @property
    @abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """The layers in the order in which they are computed."""

    @abstractmethod
    def walk(self, x: Tensor) -> Iterator[Tensor]:
        """Yields the maps of `layers`, in that order, each computed when it is asked for."""

    def maps(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Returns maps (B, C, h, w) of the named layers; nothing after the last of them is computed.

        Raises RecipeError for an unknown layer, UsageError for images too small to give a position.
        """
        missing = set(layers)
        for name in layers:
            self._require_side(name, min(x.shape[-2:]))
        found = {}
        if missing:
            for layer, output in zip(self.layers, self.walk(x), strict=True):
                if layer.name in missing:
                    found[layer.name] = output
                    missing.remove(layer.name)
                    if not missing:
                        break
        return {name: found[name] for name in layers}

    def codes(self, x: Tensor, layer: str) -> Tensor:
        """Returns activations (B, D) of a fully connected layer for images of the network's own size.

        Source: Babenko et al., "Neural codes for image retrieval", ECCV 2014, section 2. Raises the errors of `maps`,
        and UsageError where the layer has more than one position on such images.
        """
        output = self.maps(x, [layer])[layer]
        if output.shape[-2:] != (1, 1):
            raise UsageError(
                f"{layer} of {self.name} has {output.shape[-1]} x {output.shape[-2]} positions on images of "
                f"{x.shape[-1]} x {x.shape[-2]} pixels, not one: resize them to {self.input_side} pixels a side, "
                "or pool the map"
            )
        return output[:, :, 0, 0]

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

    def class_weights(self) -> tuple[Tensor, Tensor]:
        """Returns weights (classes, C) and biases (classes,) that turn the mean of the last map into class scores.

        Source: Zhou et al., "Learning deep features for discriminative localization", CVPR 2016. Raises UsageError
        where other layers lie between the map and the classes.
        """
        raise UsageError(
            f"{self.name} as loaded has no linear classifier right after its last map, which class-activation maps "
            "need: take vgg16_cam, resnet50 or mobilenet_v2 with a checkpoint that has its classifier"
        )

    def _windows(self, name: str) -> list[Window]:
        last = self.layer(name)
        windows: list[Window] = []
        for layer in self.layers:
            windows += layer.windows
            if layer is last:
                break
        return windows

    def _require_side(self, layer: str, side: int) -> None:
        least = self.least_side(layer)
        if side < least:
            raise UsageError(
                f"an image of {side} pixels on its short side gives {layer} of {self.name} not one position: "
                f"it takes at least {least}; enlarge it, or take an earlier layer"
            )


def windows_of(module: nn.Module) -> tuple[Window, ...]:
    """Returns the windows of a convolution, a pooling, or a sequence of them; a pointwise module has none."""
    if isinstance(module, nn.Sequential):
        return tuple(window for child in module for window in windows_of(child))
    if isinstance(module, nn.Conv2d | nn.MaxPool2d):
        kernel, stride, padding = (_one(module.kernel_size), _one(module.stride), _one(module.padding))
        return (Window(kernel, stride, padding),)
    return ()


def as_convolution(linear: nn.Linear, x: Tensor) -> Tensor:
    """Applies a fully connected layer at every position of a map (B, C, h, w) where its input fits.

    A map of exactly the layer's size gives one position, with the output of the layer itself. Source: Long et al.,
    "Fully convolutional networks for semantic segmentation", CVPR 2015, section 3.1.
    """
    channels = x.shape[1]
    side = math.isqrt(linear.in_features // channels)
    weight = linear.weight.view(linear.out_features, channels, side, side)
    return torch.nn.functional.conv2d(x, weight, linear.bias)


def _one(value: int | str | tuple[int, ...]) -> int:
    """Returns the only size of a square window."""
    sizes = {value} if isinstance(value, int | str) else set(value)
    (size,) = sizes
    assert isinstance(size, int), "the networks here state their padding in pixels"
    return size
