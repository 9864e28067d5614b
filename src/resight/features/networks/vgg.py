"""VGG: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from resight.features.networks.column import Column

_CHANNELS = (64, 128, 256, 512, 512)


class Vgg(Column):
    """VGG without batch normalisation, of so many `convolutions` in each of its five blocks.

    Layers conv1_1 to conv5_3 (VGG19: conv5_4), pool1 to pool5, fc6 and fc7; `classes` None leaves out the classifier.
    """

    def __init__(self, name: str, convolutions: Sequence[int], classes: int | None) -> None:
        modules: list[nn.Module] = []
        names = {}
        before = 3
        for block, (count, channels) in enumerate(zip(convolutions, _CHANNELS, strict=True), 1):
            for convolution in range(1, count + 1):
                modules += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU(inplace=True)]
                names[len(modules) - 1] = f"conv{block}_{convolution}"
                before = channels
            modules.append(nn.MaxPool2d(2, stride=2))
            names[len(modules) - 1] = f"pool{block}"
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


def vgg16(classes: int | None = 1000) -> Vgg:
    """Column D of table 1."""
    return Vgg("vgg16", (2, 2, 3, 3, 3), classes)


def vgg19(classes: int | None = 1000) -> Vgg:
    """Column E of table 1."""
    return Vgg("vgg19", (2, 2, 4, 4, 4), classes)
