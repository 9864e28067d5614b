"""The interface of all networks: maps of named layers up to the last one asked for."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from resight.errors import UsageError
from resight.features.networks.layers import Layered, Window


class Network(nn.Module, Layered):
    """A network that computes the maps of its named layers.

    Inputs are normalised as the checkpoint requires, float (B, 3, H, W); maps are (B, C, h, w).
    """

    @abstractmethod
    def walk(self, x: Tensor) -> Iterator[Tensor]:
        """Yields the maps of `layers`, in that order, each computed when it is asked for."""

    def maps(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Returns maps (B, C, h, w) of the named layers; nothing after the last of them is computed.

        Raises RecipeError for an unknown layer, UsageError for images too small to give a position.
        """
        missing = set(layers)
        for name in layers:
            self.require_side(name, min(x.shape[-2:]))
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

    def class_weights(self) -> tuple[Tensor, Tensor]:
        """Returns weights (classes, C) and biases (classes,) that turn the mean of the last map into class scores.

        Source: Zhou et al., "Learning deep features for discriminative localization", CVPR 2016. Raises UsageError
        where other layers lie between the map and the classes.
        """
        raise UsageError(
            f"{self.name} as loaded has no linear classifier right after its last map, which class-activation maps "
            "need: take vgg16_cam, resnet50 or mobilenet_v2 with a checkpoint that has its classifier"
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
