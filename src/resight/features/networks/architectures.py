"""The convolutional networks by name, without weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import nn

from resight.errors import RecipeError
from resight.features.networks.alexnet import AlexNet
from resight.features.networks.inverted_residual_network import InvertedResidualNetwork
from resight.features.networks.inverted_residuals import INVERTED_RESIDUALS, Padding
from resight.features.networks.network import Network
from resight.features.networks.resnet import resnet18, resnet50, resnet101, resnet152
from resight.features.networks.vgg import VggCam, vgg16, vgg19

_BUILDERS: Mapping[str, Callable[[int | None], Network]] = {
    "alexnet": AlexNet,
    "vgg16": vgg16,
    "vgg16_cam": VggCam,
    "vgg19": vgg19,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "resnet101": resnet101,
    "resnet152": resnet152,
}

ARCHITECTURES = (*_BUILDERS, *INVERTED_RESIDUALS)

LAST_LINEAR = {
    "alexnet": "classifier.6",
    "vgg16": "classifier.6",
    "vgg19": "classifier.6",
} | {name: plan.classifier for name, plan in INVERTED_RESIDUALS.items()}
"""Module that computes the class scores; that of every ResNet is `fc`."""


def blank(name: str, classes: int | None = 1000, padding: Padding = "torch") -> Network:
    """Builds a network in evaluation mode whose parameters have shapes but no values (torch's meta device).

    `classes` None omits the classifier. Raises RecipeError for padding that the network does not support.
    """
    with torch.device("meta"):
        if name in INVERTED_RESIDUALS:
            network: Network = InvertedResidualNetwork(INVERTED_RESIDUALS[name].padded(padding), classes)
        elif padding != "torch":
            some = " and ".join(INVERTED_RESIDUALS)
            raise RecipeError(f'{name} knows only padding = "torch"; "{padding}" is for weights of {some}')
        else:
            network = _BUILDERS[name](classes)
    return network.eval()


def others(name: str, classes: int | None) -> dict[str, Callable[[], nn.Module]]:
    """Returns builders of all other networks with `classes` classes, by name."""
    return {other: partial(blank, other, classes) for other in ARCHITECTURES if other != name}


def randomise(network: Network, seed: int) -> None:
    """Gives a blank network random weights, the same for the same seed, whose maps neither vanish nor explode.

    Source: He et al., "Delving deep into rectifiers", ICCV 2015, equation 10.
    """
    network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                inputs = module.weight[0].numel()
                module.weight.normal_(0.0, (2.0 / inputs) ** 0.5, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.weight.fill_(1.0)
                module.bias.zero_()
