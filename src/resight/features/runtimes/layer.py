"""A network up to the last of some layers, prepared for inference only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from resight.features.networks.network import Network


class LayerMaps(nn.Module):
    """A module from images (B, 3, H, W) to the maps (B, C, h, w) of one or more layers, in the order of the layers.

    Notes: without the check of the side in `Network.maps`, which would fix the side of a traced network.
    """

    def __init__(self, network: Network, layers: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.layers = tuple(layers)
        self._indices = [network.layers.index(network.layer(layer)) for layer in layers]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        found = {}
        for index, output in enumerate(self.network.walk(x)):
            if index in self._indices:
                found[index] = output
            if index == max(self._indices):
                break
        return tuple(found[index] for index in self._indices)


def fold_batch_norm(layer: LayerMaps, side: int) -> list[tuple[str, str]]:
    """Merges the scale and shift of each batch normalisation into the convolution before it.

    This changes maps by rounding only, and saves a pass over memory for each.

    Pairs are those that are connected when an image of `side` pixels passes; modules after the last layer stay
    unchanged. Works in place. Returns the names of the convolution and of the normalisation of each pair.
    """
    makers: dict[int, str] = {}
    pairs: list[tuple[str, str]] = []
    outputs: list[Tensor] = []

    def made(name: str) -> Any:
        def hook(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
            makers[id(output)] = name
            # Kept alive, because the identity of a deleted tensor may be given to another one.
            outputs.append(output)

        return hook

    def read(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if (maker := makers.get(id(inputs[0]))) is not None:
                pairs.append((maker, name))

        return hook

    handles = []
    for name, module in layer.named_modules():
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(made(name)))
        elif isinstance(module, nn.BatchNorm2d):
            handles.append(module.register_forward_pre_hook(read(name)))
    with torch.no_grad():
        layer(torch.zeros(1, 3, side, side))
    for handle in handles:
        handle.remove()
    for convolution_name, norm_name in pairs:
        convolution, norm = layer.get_submodule(convolution_name), layer.get_submodule(norm_name)
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        fused = fuse_conv_bn_eval(convolution, norm)
        # Into the same module, because its class may pad in its own way.
        convolution.weight, convolution.bias = fused.weight, fused.bias
        layer.set_submodule(norm_name, nn.Identity())
    return pairs
