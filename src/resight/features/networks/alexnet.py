"""AlexNet: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, in one column."""

from __future__ import annotations

from torch import nn

from resight.features.networks.column import Column

_NAMES = {1: "conv1", 2: "pool1", 4: "conv2", 5: "pool2", 7: "conv3", 9: "conv4", 11: "conv5", 12: "pool5"}


class AlexNet(Column):
    """AlexNet. Layers conv1 to conv5, pool1, pool2, pool5, fc6 and fc7; `classes` None leaves out the classifier."""

    name = "alexnet"

    def __init__(self, classes: int | None = 1000) -> None:
        features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),
        )
        classifier = None
        if classes is not None:
            classifier = nn.Sequential(
                nn.Dropout(),
                nn.Linear(256 * 6 * 6, 4096),
                nn.ReLU(inplace=True),
                nn.Dropout(),
                nn.Linear(4096, 4096),
                nn.ReLU(inplace=True),
                nn.Linear(4096, classes),
            )
        super().__init__(features, _NAMES, 6, classifier, (1, 4))
