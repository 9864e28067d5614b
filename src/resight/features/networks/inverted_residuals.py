"""Networks of inverted residual blocks as data: MobileNetV2 and EfficientNet-Lite0. Nothing heavy is imported.

Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018; Tan & Le, "EfficientNet: rethinking
model scaling for convolutional neural networks", ICML 2019, whose Lite variants omit squeeze-and-excitation and use
ReLU6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from resight.features.networks.layers import Layer, Layered, Window

Padding = Literal["torch", "same"]


@dataclass(frozen=True)
class Convolution:
    """A convolution without bias, the batch normalisation after it, and ReLU6 where it is `activated`.

    weight, norm: keys of the state dict: of the convolution's weight, and the prefix of the normalisation. `depthwise`:
    each channel is filtered by itself.
    """

    weight: str
    norm: str
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    depthwise: bool = False
    activated: bool = True

    @property
    def groups(self) -> int:
        """Number of groups of channels that are convolved by themselves."""
        return self.inputs if self.depthwise else 1

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the weight."""
        return self.outputs, self.inputs // self.groups, self.kernel, self.kernel

    def window(self, padding: Padding) -> Window:
        """Returns the window. TensorFlow's padding differs from torch's only where the stride is 2."""
        same = padding == "same" and self.stride == 2
        return Window(self.kernel, self.stride, 0 if same else (self.kernel - 1) // 2, same)


@dataclass(frozen=True)
class Block:
    """Convolutions in a row, with the sum of input and output where there is a `shortcut` (figure 4d of CVPR 2018).

    `name` is that of the layer that it ends; where it `expands`, the output of its first convolution is one too, called
    name.expand.
    """

    name: str
    convolutions: tuple[Convolution, ...]
    expands: bool = False
    shortcut: bool = False


@dataclass(frozen=True)
class InvertedResiduals(Layered):
    """A network of blocks, and the padding of its weights.

    epsilon: of the batch normalisations. classifier: key of the linear classifier of the mean of the last map.
    """

    name: str
    blocks: tuple[Block, ...]
    classifier: str
    epsilon: float
    padding: Padding = "torch"
    input_side: int = 224

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        layers = []
        for block in self.blocks:
            first, *rest = block.convolutions
            if block.expands:
                layers.append(Layer(f"{block.name}.expand", first.outputs, True, (first.window(self.padding),)))
            others = rest if block.expands else block.convolutions
            windows = tuple(each.window(self.padding) for each in others)
            layers.append(Layer(block.name, others[-1].outputs, others[-1].activated, windows))
        return tuple(layers)

    @property
    def convolutions(self) -> tuple[Convolution, ...]:
        """All convolutions, in order."""
        return tuple(each for block in self.blocks for each in block.convolutions)

    def padded(self, padding: Padding) -> InvertedResiduals:
        """Returns the same network with another padding."""
        return replace(self, padding=padding)


def _mobilenet_v2() -> InvertedResiduals:
    """MobileNetV2 1.0 with torchvision's state dict.

    Layers are named by torchvision's modules, features.0 to features.18, and features.N.expand is the map inside of
    block N (2 to 17) after its first 1x1 convolution and ReLU6: features.14.expand has 576 channels at stride 16.
    Outputs of blocks 1 to 17 are linear: their maps have negative values.
    """
    # CVPR 2018, table 2: expansion, output channels, number of blocks, stride of the first block.
    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    blocks = [Block("features.0", (Convolution("features.0.0.weight", "features.0.1", 3, 32, 3, 2),))]
    before = 32
    for expansion, channels, count, stride in stages:
        for index in range(count):
            name = f"features.{len(blocks)}"
            own = f"{name}.conv"
            hidden = before * expansion
            steps = []
            if expansion > 1:
                steps.append(Convolution(f"{own}.0.0.weight", f"{own}.0.1", before, hidden))
            at = len(steps)
            step = 1 if index else stride
            steps += [
                Convolution(f"{own}.{at}.0.weight", f"{own}.{at}.1", hidden, hidden, 3, step, depthwise=True),
                Convolution(f"{own}.{at + 1}.weight", f"{own}.{at + 2}", hidden, channels, activated=False),
            ]
            blocks.append(Block(name, tuple(steps), expansion > 1, step == 1 and before == channels))
            before = channels
    blocks.append(Block("features.18", (Convolution("features.18.0.weight", "features.18.1", before, 1280),)))
    return InvertedResiduals("mobilenet_v2", tuple(blocks), "classifier.1", 1e-5)


def _efficientnet_lite0() -> InvertedResiduals:
    """EfficientNet-Lite0 with the state dict of its published weights in torch.

    Layers are stem, blocks.0 to blocks.15 and head; blocks.N.expand is the map inside of block N (1 to 15) after its
    first 1x1 convolution and ReLU6: blocks.11.expand has 672 channels at stride 16. Outputs of blocks are linear.
    """
    # ICML 2019, table 1: kernel, stride of the first block, expansion, output channels, number of blocks.
    stages = (
        (3, 1, 1, 16, 1),
        (3, 2, 6, 24, 2),
        (5, 2, 6, 40, 2),
        (3, 2, 6, 80, 3),
        (5, 1, 6, 112, 3),
        (5, 2, 6, 192, 4),
        (3, 1, 6, 320, 1),
    )
    blocks = [Block("stem", (Convolution("_conv_stem.weight", "_bn0", 3, 32, 3, 2),))]
    before = 32
    for kernel, stride, expansion, channels, count in stages:
        for index in range(count):
            number = len(blocks) - 1
            own = f"_blocks.{number}"
            hidden = before * expansion
            steps = []
            if expansion > 1:
                steps.append(Convolution(f"{own}._expand_conv.weight", f"{own}._bn0", before, hidden))
            step = 1 if index else stride
            steps += [
                Convolution(f"{own}._depthwise_conv.weight", f"{own}._bn1", hidden, hidden, kernel, step, True),
                Convolution(f"{own}._project_conv.weight", f"{own}._bn2", hidden, channels, activated=False),
            ]
            blocks.append(Block(f"blocks.{number}", tuple(steps), expansion > 1, step == 1 and before == channels))
            before = channels
    blocks.append(Block("head", (Convolution("_conv_head.weight", "_bn1", before, 1280),)))
    return InvertedResiduals("efficientnet_lite0", tuple(blocks), "_fc", 1e-3, "same")


INVERTED_RESIDUALS: Mapping[str, InvertedResiduals] = MappingProxyType(
    {each.name: each for each in (_mobilenet_v2(), _efficientnet_lite0())}
)
"""The networks by name, with the padding that most of their weights were trained with."""
