"""MobileNetV2: Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import Tensor, nn

from resight.features.networks.network import Layer, Network, Window

Padding = Literal["torch", "same"]

# Table 2: expansion, output channels, number of blocks, stride of the first block.
_BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class _Convolution(nn.Conv2d):
    """A convolution without bias that keeps the side of its input, or halves it, with either kind of padding."""

    def __init__(self, before: int, channels: int, kernel: int, stride: int, groups: int, padding: Padding) -> None:
        self.same = padding == "same" and stride == 2
        around = 0 if self.same else (kernel - 1) // 2
        super().__init__(before, channels, kernel, stride=stride, padding=around, groups=groups, bias=False)
        self.window = Window(kernel, stride, around, self.same)

    def forward(self, x: Tensor) -> Tensor:
        if self.same:
            # 3x3, stride 2: the last window ends one pixel beyond an even side, and an odd side is padded equally.
            x = nn.functional.pad(x, (x.shape[-1] % 2, 1, x.shape[-2] % 2, 1))
        return super().forward(x)


class _InvertedResidual(nn.Module):
    """A block that expands, filters each channel, projects linearly, and has a shortcut if shapes allow (figure 4d)."""

    def __init__(self, before: int, channels: int, expansion: int, stride: int, padding: Padding) -> None:
        super().__init__()
        hidden = before * expansion
        expand = [] if expansion == 1 else [_activated(before, hidden, 1, 1, 1, padding)]
        filtered = _activated(hidden, hidden, 3, stride, hidden, padding)
        self.conv = nn.Sequential(
            *expand,
            filtered,
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.expanded = hidden if expand else 0
        self.window = _window(filtered)
        self.has_shortcut = stride == 1 and before == channels

    def walk(self, x: Tensor) -> Iterator[Tensor]:
        """Yields the expanded map, where there is one, then the block's output."""
        out = x
        rest = list(self.conv)
        if self.expanded:
            out = rest.pop(0)(out)
            yield out
        for module in rest:
            out = module(out)
        yield x + out if self.has_shortcut else out


class MobileNetV2(Network):
    """MobileNetV2 1.0 with torchvision's state dict.

    Layers are named by torchvision's modules, features.0 to features.18, and features.N.expand is the map inside of
    block N (2 to 17) after its first 1x1 convolution and ReLU6: features.14.expand has 576 channels at stride 16.
    Outputs of blocks 1 to 17 are linear: their maps have negative values. `padding` "same" is for weights from
    TensorFlow. `classes` None omits the classifier.
    """

    name = "mobilenet_v2"
    input_side = 224

    def __init__(self, classes: int | None = 1000, padding: Padding = "torch") -> None:
        super().__init__()
        modules: list[nn.Module] = [_activated(3, 32, 3, 2, 1, padding)]
        layers = [Layer("features.0", 32, True, (_window(modules[0]),))]
        before = 32
        for expansion, channels, count, stride in _BLOCKS:
            for index in range(count):
                block = _InvertedResidual(before, channels, expansion, 1 if index else stride, padding)
                name = f"features.{len(modules)}"
                if block.expanded:
                    layers.append(Layer(f"{name}.expand", block.expanded, True, (Window(1),)))
                layers.append(Layer(name, channels, False, (block.window, Window(1))))
                modules.append(block)
                before = channels
        modules.append(_activated(before, 1280, 1, 1, 1, padding))
        layers.append(Layer("features.18", 1280, True, (Window(1),)))
        self.features = nn.Sequential(*modules)
        self.classifier: nn.Sequential | None = None
        if classes is not None:
            self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))
        self._layers = tuple(layers)

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self._layers

    def walk(self, x: Tensor) -> Iterator[Tensor]:
        for module in self.features:
            if isinstance(module, _InvertedResidual):
                for step in module.walk(x):
                    x = step
                    yield x
            else:
                x = module(x)
                yield x

    def forward(self, x: Tensor) -> Tensor:
        """Returns class scores (B, classes)."""
        assert self.classifier is not None, "loaded without its classifier"
        last = self.maps(x, ["features.18"])["features.18"]
        scores: Tensor = self.classifier(last.mean((2, 3)))
        return scores

    def class_weights(self) -> tuple[Tensor, Tensor]:
        if self.classifier is None:
            return super().class_weights()
        linear = self.classifier[1]
        assert isinstance(linear, nn.Linear)
        return linear.weight, linear.bias


def _activated(before: int, channels: int, kernel: int, stride: int, groups: int, padding: Padding) -> nn.Sequential:
    return nn.Sequential(
        _Convolution(before, channels, kernel, stride, groups, padding),
        nn.BatchNorm2d(channels),
        nn.ReLU6(inplace=True),
    )


def _window(activated: nn.Module) -> Window:
    assert isinstance(activated, nn.Sequential)
    convolution = activated[0]
    assert isinstance(convolution, _Convolution)
    return convolution.window
