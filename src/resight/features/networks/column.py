"""Networks of one column: convolutions and poolings in a sequence, then fully connected layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from resight.features.networks.layers import Layer, Window
from resight.features.networks.network import Network, as_convolution, windows_of

_CODE_SIZE = 4096


class Column(Network):
    """A column with torchvision's state dict. Its layers are after ReLU, except those that end with a convolution.

    `names` gives the layers by the index of the module in `features` that ends them. Without a `classifier` there is no
    fc6 or fc7; else `fully_connected` has their indices in it. `code_side` is the side of the last map on images of the
    network's own size, all of which fc6 covers.
    """

    input_side = 224

    def __init__(
        self,
        features: nn.Sequential,
        names: Mapping[int, str],
        code_side: int,
        classifier: nn.Sequential | None,
        fully_connected: tuple[int, int],
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d(code_side)
        self.classifier = classifier
        self._names = names
        self._fully_connected = fully_connected
        self._layers = tuple(self._describe(code_side))

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self._layers

    def walk(self, x: Tensor) -> Iterator[Tensor]:
        for index, module in enumerate(self.features):
            x = module(x)
            if index in self._names:
                yield x
        if self.classifier is not None:
            for index in self._fully_connected:
                linear = self.classifier[index]
                assert isinstance(linear, nn.Linear)
                x = torch.relu(as_convolution(linear, x))
                yield x

    def forward(self, x: Tensor) -> Tensor:
        """Returns class scores (B, classes)."""
        assert self.classifier is not None, "loaded without its classifier"
        scores: Tensor = self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))
        return scores

    def _describe(self, code_side: int) -> Iterator[Layer]:
        windows: tuple[Window, ...] = ()
        channels = 0
        for index, module in enumerate(self.features):
            windows += windows_of(module)
            if isinstance(module, nn.Conv2d):
                channels = module.out_channels
            if index in self._names:
                yield Layer(self._names[index], channels, not isinstance(module, nn.Conv2d), windows)
                windows = ()
        if self.classifier is not None:
            yield Layer("fc6", _CODE_SIZE, True, (Window(code_side),))
            yield Layer("fc7", _CODE_SIZE, True, (Window(1),))
