"""The descriptor that is trained: a network with its batch normalisations folded, and the heads of its layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from resight.arrays import Pixels
from resight.descriptors.kinds import Descriptor, Joined
from resight.descriptors.pooling import l2_normalise
from resight.errors import RecipeError
from resight.features.kinds import Codes, EdgeMaps, JoinedMaps, Maps
from resight.features.networks.architectures import LAST_LINEAR
from resight.features.networks.checkpoint import LoadedNetwork, open_network
from resight.features.networks.network import Network
from resight.features.networks.retrieval import RetrievalHead, SoftAssignment
from resight.features.runtimes.layer import LayerMaps, fold_batch_norm
from resight.learned.whitening import Whitening
from resight.recipe import ChannelRecipe
from resight.training.edge_filter import EdgeFilterLayer
from resight.training.heads import Head, NetVladHead, PoolingHead, WhiteningLayer, head_of

State = dict[str, Tensor]


@dataclass(frozen=True)
class Part:
    """The features of one layer, and the method that makes a vector of them. weight: of it in the joined vector."""

    features: Maps | Codes | EdgeMaps
    method: Descriptor
    weight: float


def parts_of(channel: ChannelRecipe, name: str) -> list[Part]:
    """Returns the parts of a channel that can be trained. Raises RecipeError for another."""
    features, method = channel.features, channel.method
    if isinstance(features, JoinedMaps) and isinstance(method, Joined):
        found = [Part(*both) for both in zip(features.parts, method.parts, method.weight_of_each, strict=True)]
    elif isinstance(features, Maps | Codes | EdgeMaps) and isinstance(method, Descriptor):
        found = [Part(features, method, 1.0)]
    else:
        raise RecipeError(
            f'{name}: "{method.kind}" of "{features.kind}" cannot be trained: take a recipe whose descriptor is made '
            "of the maps of a network"
        )
    if len({(one.features.network, one.features.checkpoint) for one in found}) > 1:
        raise RecipeError(f"{name}: its layers are of several networks: train them one after the other")
    if found[0].features.network in ("onnx", "dinov2"):
        raise RecipeError(f"{name}: {found[0].features.network} cannot be trained here: take a convolutional network")
    return found


class TrainedDescriptor(nn.Module):
    """The descriptors of all parts of an index recipe, of one pass of its network.

    loaded: the network, which it takes over: its batch normalisations are folded into the convolutions, so that their
    statistics stay, and their scales and shifts are learned as parts of the convolutions. until: the last layer that
    does not learn; empty: all learn. classes: of a linear classifier of the last layer, 0 for none. filter_learns:
    whether an edge filter does, where the recipe has one.
    """

    def __init__(
        self,
        loaded: LoadedNetwork,
        parts: Sequence[Part],
        name: str,
        until: str = "",
        classes: int = 0,
        seed: int = 0,
        *,
        filter_learns: bool = False,
    ) -> None:
        super().__init__()
        self.mean, self.deviation = loaded.mean, loaded.deviation
        self.architecture, self.padding = loaded.architecture, loaded.padding
        self.parts = parts
        network = loaded.network
        self._original = {key: value.clone() for key, value in network.state_dict().items()}
        self._epsilons = {key: one.eps for key, one in network.named_modules() if isinstance(one, nn.BatchNorm2d)}
        layers = [part.features.layer for part in parts]
        if classes:
            layers.append(network.layers[-1].name)
        self.layers = LayerMaps(network, layers)
        self.least = max(network.least_side(layer) for layer in layers)
        self.fixed_side = network.input_side if isinstance(parts[0].features, Codes) else None
        side = self.fixed_side or self.least
        self._folded = fold_batch_norm(self.layers, side)
        self.heads = nn.ModuleList(
            head_of(part.method, part.features, network.channels(part.features.layer), name) for part in parts
        )
        self.classifier = _classifier(network.layers[-1].channels, classes, seed) if classes else None
        _freeze(network, until, layers, side)
        edges = parts[0].features
        start = edges.filter if isinstance(edges, EdgeMaps) else None
        self.filter = None if start is None else EdgeFilterLayer(start, filter_learns)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.layers.parameters()).device

    def inputs(self, images: Pixels) -> Tensor:
        """Converts images (B, H, W, 3) to the network's input (B, 3, H, W) on its device; edges pass their filter."""
        x = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).float().div_(255.0)
        mean, deviation = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (self.mean, self.deviation))
        if self.filter is not None:
            x = self.filter(x)
        return (x - mean) / deviation

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Returns the L2-normalised descriptors (B, D) of each part, and the class scores where there are classes."""
        maps = self.layers(x)
        vectors = tuple(head(own) for head, own in zip(self.heads, maps, strict=False))
        if self.classifier is None:
            return vectors
        with torch.autocast(x.device.type, enabled=False):
            return (*vectors, self.classifier(maps[-1].float().mean(dim=(2, 3))))

    def rows(self, x: Tensor) -> tuple[Tensor, ...]:
        """Returns the vectors (B, R, C) of each part before whitening."""
        return tuple(head.rows(maps.float()) for head, maps in zip(self.each_head(), self.layers(x), strict=False))

    def learned(self) -> dict[str, nn.Parameter]:
        """Returns the parameters that learn, by name."""
        return {name: one for name, one in self.named_parameters() if one.requires_grad}

    def each_head(self) -> Iterator[Head]:
        """Yields the heads, which a list of modules forgets to be heads."""
        for head in self.heads:
            assert isinstance(head, Head), "nothing else is put there"
            yield head

    def exponents(self) -> list[float | None]:
        """Returns GeM's p of each part, None where it has none."""
        return [
            float(head.gem.p.detach()) if isinstance(head, PoolingHead) and head.gem is not None else None
            for head in self.each_head()
        ]

    def whiten_by(self, whitenings: Sequence[Whitening | None], *, learns: bool = False) -> None:
        """Puts whitenings between pooling and loss."""
        for head, whitening in zip(self.each_head(), whitenings, strict=True):
            head.whiten = None if whitening is None else WhiteningLayer(whitening, learns).to(self.device)

    def whitenings(self) -> list[Whitening | None]:
        """Returns what is between pooling and loss of each part, as it is now."""
        return [None if head.whiten is None else head.whiten.values() for head in self.each_head()]

    def network_state(self) -> State:
        """Returns the weights as the network's own state dict has them, unfolded.

        Notes: a folded convolution keeps its weight; its normalisation is made to add the bias and to do nothing else.
        """
        state = {key: value.clone() for key, value in self._original.items()}
        for name, parameter in self.layers.network.named_parameters():
            if name in state:
                state[name] = parameter.detach().cpu().clone()
        for pair in self._folded:
            convolution, norm = (name.removeprefix("network.") for name in pair)
            bias = self.layers.network.get_submodule(convolution).bias
            assert isinstance(bias, Tensor), "folding gives every convolution one"
            plain = {"weight": 1.0, "running_mean": 0.0, "running_var": 1.0 - self._epsilons[norm]}
            for key, value in plain.items():
                state[f"{norm}.{key}"] = torch.full_like(state[f"{norm}.{key}"], value)
            state[f"{norm}.bias"] = bias.detach().cpu().clone()
            if f"{convolution}.bias" in state:
                state[f"{convolution}.bias"] = torch.zeros_like(state[f"{convolution}.bias"])
        last = LAST_LINEAR.get(self.architecture, "fc")
        if self.classifier is not None and f"{last}.weight" in state:
            state[f"{last}.weight"] = self.classifier.weight.detach().cpu().clone()
            state[f"{last}.bias"] = self.classifier.bias.detach().cpu().clone()
        return state

    def retrieval_head(self) -> RetrievalHead | None:
        """Returns what a checkpoint carries beside the network: NetVLAD's layer, or None."""
        for part, head in zip(self.parts, self.each_head(), strict=True):
            if isinstance(head, NetVladHead):
                layer = head.netvlad
                assert layer.conv.bias is not None, "made with one"
                weight, bias, centroids = (
                    one.detach().cpu().numpy()
                    for one in (layer.conv.weight[:, :, 0, 0], layer.conv.bias, layer.centroids)
                )
                return RetrievalHead("netvlad", part.features.layer, assignment=SoftAssignment(weight, bias, centroids))
        return None


def open_descriptor(
    channel: ChannelRecipe,
    name: str,
    folder: Path,
    weights: str = "",
    until: str = "",
    classes: int = 0,
    seed: int = 0,
    *,
    filter_learns: bool = False,
) -> TrainedDescriptor:
    """Opens the network of a channel for training; paths of weights are relative to `folder`.

    weights: a checkpoint instead of that of the channel. Raises RecipeError and WeightsError.
    """
    parts = parts_of(channel, name)
    features = parts[0].features
    checkpoint = features.checkpoint
    if weights:
        checkpoint = checkpoint.model_copy(update={"source": weights, "sha256": ""})
    loaded = open_network(features.network, checkpoint, folder)
    return TrainedDescriptor(loaded, parts, name, until, classes, seed, filter_learns=filter_learns)


def joined(parts: Sequence[Part], how: str, vectors: Sequence[Tensor]) -> Tensor:
    """Returns the joined descriptors (B, D) of all parts, as `joining.join` makes them."""
    weighted = [part.weight * own for part, own in zip(parts, vectors, strict=True)]
    whole: Tensor = l2_normalise(torch.stack(weighted).sum(dim=0) if how == "sum" else torch.cat(weighted, dim=1))
    return whole


def _classifier(channels: int, classes: int, seed: int) -> nn.Linear:
    classifier = nn.Linear(channels, classes)
    drawn = np.random.default_rng([seed, 11]).standard_normal((classes, channels)) * 0.01
    with torch.no_grad():
        classifier.weight.copy_(torch.from_numpy(drawn.astype(np.float32)))
        classifier.bias.zero_()
    return classifier


def _freeze(network: Network, until: str, layers: Sequence[str], side: int) -> None:
    """Lets only those weights learn that one of `layers` depends on and the layer `until` does not.

    Raises RecipeError where the network has no layer of that name, or none is left.
    """
    weights = [one for one in network.parameters() if one.is_floating_point()]
    for one in weights:
        one.requires_grad_(True)
    needed = _weights_of(network, layers, weights, side)
    fixed = _weights_of(network, [until], weights, side) if until else set()
    if not needed - fixed:
        raise RecipeError(f'frozen.until = "{until}" leaves nothing to learn: name an earlier layer')
    for one in network.parameters():
        one.requires_grad_(id(one) in needed - fixed)


def _weights_of(network: Network, layers: Sequence[str], weights: Sequence[nn.Parameter], side: int) -> set[int]:
    """Returns the identities of the weights that the maps of some layers depend on."""
    maps = network.maps(torch.zeros(1, 3, side, side), layers)
    total = torch.stack([own.sum() for own in maps.values()]).sum()
    found = torch.autograd.grad(total, weights, allow_unused=True)
    return {id(one) for one, gradient in zip(weights, found, strict=True) if gradient is not None}
