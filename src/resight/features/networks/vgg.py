"""VGG: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resight.features.networks.column import Column

_CHANNELS = (64, 128, 256, 512, 512)
_CAM_CHANNELS = 1024


class Vgg(Column):
    """VGG without batch normalisation; `convolutions` is their number in each of its five blocks.

    Layers conv1_1 to conv5_3 (VGG19: conv5_4), pool1 to pool5, fc6 and fc7; conv5_3.linear (conv5_4.linear) is the last
    convolution before its ReLU, which NetVLAD uses. `classes` None omits the classifier.
    """

    def __init__(self, name: str, convolutions: Sequence[int], classes: int | None) -> None:
        modules, names = _convolutions(convolutions)
        classifier = None
        if classes is not None:
            classifier = nn.Sequential(
                nn.Linear(512 * 7 * 7, 4096),
                nn.ReLU(inplace=True),
                nn.Dropout(),
                nn.Linear(4096, 4096),
                nn.ReLU(inplace=True),
                nn.Dropout(),
                nn.Linear(4096, classes),
            )
        super().__init__(nn.Sequential(*modules), names, 7, classifier, (0, 3))
        self.name = name


class VggCam(Column):
    """VGG-16 that classifies by global average pooling.

    After conv5_3, without pool5, it has a convolution to 1024 channels, layer "cam", and one linear layer, `fc`.
    `classes` None omits the latter.

    Source: Zhou, Khosla, Lapedriza, Oliva & Torralba, "Learning deep features for discriminative localization", CVPR
    2016, section 3, as used by Jimenez et al., BMVC 2017. The state dict continues torchvision's: features.30 is the
    added convolution.
    """

    name = "vgg16_cam"

    def __init__(self, classes: int | None = 1000) -> None:
        modules, names = _convolutions((2, 2, 3, 3, 3))
        del names[len(modules) - 1]
        modules[-1] = nn.Conv2d(_CHANNELS[-1], _CAM_CHANNELS, 3, padding=1)
        modules.append(nn.ReLU(inplace=True))
        names[len(modules) - 1] = "cam"
        super().__init__(nn.Sequential(*modules), names, 1, None, (0, 0))
        self.fc = None if classes is None else nn.Linear(_CAM_CHANNELS, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Returns class scores (B, classes)."""
        assert self.fc is not None, "loaded without its classifier"
        scores: Tensor = self.fc(torch.flatten(self.avgpool(self.features(x)), 1))
        return scores

    def class_weights(self) -> tuple[Tensor, Tensor]:
        return super().class_weights() if self.fc is None else (self.fc.weight, self.fc.bias)


def _convolutions(convolutions: Sequence[int]) -> tuple[list[nn.Module], dict[int, str]]:
    """Returns the convolutions and poolings, and the layers by the index of the module that ends them."""
    modules: list[nn.Module] = []
    names = {}
    before = 3
    for block, (count, channels) in enumerate(zip(convolutions, _CHANNELS, strict=True), 1):
        for convolution in range(1, count + 1):
            last = block == len(_CHANNELS) and convolution == count
            if last:
                names[len(modules)] = f"conv{block}_{convolution}.linear"
            # Not in place where its input may be asked for too.
            modules += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU(inplace=not last)]
            names[len(modules) - 1] = f"conv{block}_{convolution}"
            before = channels
        modules.append(nn.MaxPool2d(2, stride=2))
        names[len(modules) - 1] = f"pool{block}"
    return modules, names


def vgg16(classes: int | None = 1000) -> Vgg:
    """Builds column D of table 1."""
    return Vgg("vgg16", (2, 2, 3, 3, 3), classes)


def vgg19(classes: int | None = 1000) -> Vgg:
    """Builds column E of table 1."""
    return Vgg("vgg19", (2, 2, 4, 4, 4), classes)
