"""ResNet: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from resight.features.networks.layers import Layer, Window
from resight.features.networks.network import Network, windows_of


class _Block(nn.Module):
    """A block of two 3x3 convolutions with a shortcut (figure 5, left)."""

    expansion = 1

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(before, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out: Tensor = self.relu(residual + (x if self.downsample is None else self.downsample(x)))
        return out

    def convolutions(self) -> tuple[nn.Conv2d, ...]:
        return self.conv1, self.conv2


class _Bottleneck(nn.Module):
    """A block of 1x1, 3x3 and 1x1 convolutions with a shortcut (figure 5, right).

    Notes: the 3x3 convolution has the stride, as in torchvision; in the paper the first 1x1 has it.
    """

    expansion = 4

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(before, 4 * channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.relu(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        out: Tensor = self.relu(residual + (x if self.downsample is None else self.downsample(x)))
        return out

    def convolutions(self) -> tuple[nn.Conv2d, ...]:
        return self.conv1, self.conv2, self.conv3


class ResNet(Network):
    """ResNet with torchvision's state dict. Layers conv1, pool1 and layer1 to layer4, after ReLU.

    `classes` None omits the classifier.
    """

    input_side = 224

    def __init__(
        self, name: str, block: type[_Block] | type[_Bottleneck], counts: Sequence[int], classes: int | None
    ) -> None:
        super().__init__()
        self.name = name
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        stages = []
        before = 64
        for stage, count in enumerate(counts):
            channels = 64 * 2**stage
            blocks = []
            for index in range(count):
                blocks.append(block(before, channels, 2 if stage and not index else 1))
                before = channels * block.expansion
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = None if classes is None else nn.Linear(before, classes)
        self._layers = (
            Layer("conv1", 64, True, windows_of(self.conv1)),
            Layer("pool1", 64, True, windows_of(self.maxpool)),
            *(
                Layer(f"layer{stage + 1}", 64 * 2**stage * block.expansion, True, _stage_windows(blocks))
                for stage, blocks in enumerate(stages)
            ),
        )

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self._layers

    def walk(self, x: Tensor) -> Iterator[Tensor]:
        x = self.relu(self.bn1(self.conv1(x)))
        yield x
        for module in (self.maxpool, self.layer1, self.layer2, self.layer3, self.layer4):
            x = module(x)
            yield x

    def forward(self, x: Tensor) -> Tensor:
        """Returns class scores (B, classes)."""
        assert self.fc is not None, "loaded without its classifier"
        scores: Tensor = self.fc(torch.flatten(self.avgpool(self.maps(x, ["layer4"])["layer4"]), 1))
        return scores

    def class_weights(self) -> tuple[Tensor, Tensor]:
        return super().class_weights() if self.fc is None else (self.fc.weight, self.fc.bias)


def resnet18(classes: int | None = 1000) -> ResNet:
    """Builds a ResNet of 18 layers (table 1)."""
    return ResNet("resnet18", _Block, (2, 2, 2, 2), classes)


def resnet50(classes: int | None = 1000) -> ResNet:
    """Builds a ResNet of 50 layers (table 1)."""
    return ResNet("resnet50", _Bottleneck, (3, 4, 6, 3), classes)


def resnet101(classes: int | None = 1000) -> ResNet:
    """Builds a ResNet of 101 layers (table 1)."""
    return ResNet("resnet101", _Bottleneck, (3, 4, 23, 3), classes)


def resnet152(classes: int | None = 1000) -> ResNet:
    """Builds a ResNet of 152 layers (table 1)."""
    return ResNet("resnet152", _Bottleneck, (3, 8, 36, 3), classes)


def _shortcut(before: int, channels: int, stride: int) -> nn.Sequential | None:
    """Builds a projection where shapes differ (section 3.3, option B)."""
    if stride == 1 and before == channels:
        return None
    return nn.Sequential(nn.Conv2d(before, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels))


def _stage_windows(blocks: nn.Sequential) -> tuple[Window, ...]:
    windows: tuple[Window, ...] = ()
    for block in blocks:
        assert isinstance(block, _Block | _Bottleneck)
        windows += tuple(window for convolution in block.convolutions() for window in windows_of(convolution))
    return windows
