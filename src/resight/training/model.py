"""The descriptor that is trained: the network of an index recipe with its batch normalisations folded, and what pools it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from resight.descriptors.gem_module import GeM
from resight.descriptors.kinds import Gem, Joined, OfMaps, Pooling, Rmac
from resight.descriptors.pooling import l2_normalise
from resight.descriptors.regional import regional_maxima
from resight.errors import RecipeError
from resight.features.kinds import JoinedMaps, Maps
from resight.features.networks.checkpoint import LoadedNetwork, open_network
from resight.features.networks.network import Network
from resight.features.runtimes.layer import LayerMaps, fold_batch_norm
from resight.learned.whitening import Whitening
from resight.recipe import ChannelRecipe

State = dict[str, Tensor]


@dataclass(frozen=True)
class Part:
    """The maps of one layer, and the method that pools them. weight: of its vector in the joined one."""

    features: Maps
    method: OfMaps
    weight: float


def parts_of(channel: ChannelRecipe, name: str) -> list[Part]:
    """Returns the parts of a channel that can be trained. Raises RecipeError for another."""
    features, method = channel.features, channel.method
    if isinstance(features, JoinedMaps) and isinstance(method, Joined):
        found = [Part(*both) for both in zip(features.parts, method.parts, method.weight_of_each, strict=True)]
    elif isinstance(features, Maps) and isinstance(method, OfMaps):
        found = [Part(features, method, 1.0)]
    else:
        raise RecipeError(
            f'{name}: "{method.kind}" of "{features.kind}" cannot be trained: take a recipe whose descriptor is pooled '
            "from the maps of a network"
        )
    networks = {(one.features.network, one.features.checkpoint) for one in found}
    if len(networks) > 1:
        raise RecipeError(f"{name}: its layers are of several networks: train them one after the other")
    if found[0].features.network in ("onnx", "dinov2"):
        raise RecipeError(f"{name}: {found[0].features.network} cannot be trained here: take a convolutional network")
    for one in found:
        if not isinstance(one.method, Pooling | Rmac):
            raise RecipeError(
                f'{name}: no gradient is known of "{one.method.kind}": train mac, spoc, gem, rmac or crow'
            )
    return found


class _Whiten(nn.Module):
    """A frozen whitening: (…, C) to L2-normalised (…, D)."""

    def __init__(self, whitening: Whitening) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(whitening.mean.copy()))
        self.register_buffer("projection", torch.from_numpy(whitening.projection.copy()))

    def forward(self, x: Tensor) -> Tensor:
        whitened: Tensor = l2_normalise(nn.functional.linear(x - self.mean, self.projection))
        return whitened


class Head(nn.Module):
    """Maps (B, C, h, w) of one layer to L2-normalised descriptors (B, D)."""

    def __init__(self, method: OfMaps) -> None:
        super().__init__()
        self.method = method
        self.gem = GeM(method.p) if isinstance(method, Gem) else None
        self.whiten: _Whiten | None = None

    def rows(self, maps: Tensor) -> Tensor:
        """Returns (B, R, C) L2-normalised vectors before whitening, one a region or one in all."""
        if isinstance(self.method, Rmac):
            regions: Tensor = regional_maxima(maps, self.method.levels)
            return regions
        assert isinstance(self.method, Pooling), "checked by parts_of"
        pooled = self.method.pool(maps, None) if self.gem is None else self.gem(maps)
        whole: Tensor = l2_normalise(pooled)[:, None]
        return whole

    def forward(self, maps: Tensor) -> Tensor:
        rows = self.rows(maps.float())
        vectors: Tensor = l2_normalise((rows if self.whiten is None else self.whiten(rows)).sum(dim=1))
        return vectors


class TrainedDescriptor(nn.Module):
    """The descriptors of all parts of an index recipe, of one pass of its network.

    loaded: the network, which it takes over: its batch normalisations are folded into the convolutions, so that their
    statistics stay and their scales and shifts are learned as parts of the convolutions.
    """

    def __init__(self, loaded: LoadedNetwork, parts: Sequence[Part], until: str = "") -> None:
        super().__init__()
        self.mean, self.deviation = loaded.mean, loaded.deviation
        self.architecture, self.padding = loaded.architecture, loaded.padding
        self.parts = parts
        network = loaded.network
        self._original = {key: value.clone() for key, value in network.state_dict().items()}
        self._epsilons = {key: one.eps for key, one in network.named_modules() if isinstance(one, nn.BatchNorm2d)}
        self.layers = LayerMaps(network, [part.features.layer for part in parts])
        self.least = max(network.least_side(part.features.layer) for part in parts)
        self._folded = fold_batch_norm(self.layers, self.least)
        self.heads = nn.ModuleList(Head(part.method) for part in parts)
        _freeze(network, until, [part.features.layer for part in parts], self.least)

    @property
    def device(self) -> torch.device:
        return next(self.layers.parameters()).device

    def inputs(self, images: np.ndarray) -> Tensor:
        """Converts images (B, H, W, 3) uint8 to the network's input (B, 3, H, W) on its device."""
        x = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).float().div_(255.0)
        mean, deviation = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (self.mean, self.deviation))
        return x.sub_(mean).div_(deviation)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Returns the descriptors (B, D) of each part, L2-normalised."""
        return tuple(head(maps) for head, maps in zip(self.heads, self.layers(x), strict=True))

    def rows(self, x: Tensor) -> tuple[Tensor, ...]:
        """Returns the vectors (B, R, C) of each part before whitening."""
        return tuple(head.rows(maps.float()) for head, maps in zip(self.heads, self.layers(x), strict=True))

    def learned(self) -> dict[str, nn.Parameter]:
        """Returns the parameters that learn, by name."""
        return {name: one for name, one in self.named_parameters() if one.requires_grad}

    def exponents(self) -> list[float | None]:
        """Returns GeM's p of each part, None where it has none."""
        return [None if head.gem is None else float(head.gem.p.detach()) for head in self._heads]

    def network_state(self) -> State:
        """Returns the weights as the network's own state dict has them, unfolded.

        Notes: a folded convolution keeps its weight; its normalisation is made to add the bias and to do nothing else.
        """
        state = {key: value.clone() for key, value in self._original.items()}
        for name, parameter in self.layers.network.named_parameters():
            if name in state:
                state[name] = parameter.detach().cpu().clone()
        for convolution, norm in (
            (one.removeprefix("network."), two.removeprefix("network.")) for one, two in self._folded
        ):
            state[f"{norm}.weight"] = torch.ones_like(state[f"{norm}.weight"])
            state[f"{norm}.running_mean"] = torch.zeros_like(state[f"{norm}.running_mean"])
            state[f"{norm}.running_var"] = torch.full_like(state[f"{norm}.running_var"], 1.0 - self._epsilons[norm])
            bias = self.layers.network.get_submodule(convolution).bias
            assert isinstance(bias, Tensor), "folding gives every convolution one"
            state[f"{norm}.bias"] = bias.detach().cpu().clone()
            if f"{convolution}.bias" in state:
                state[f"{convolution}.bias"] = torch.zeros_like(state[f"{convolution}.bias"])
        return state

    @property
    def _heads(self) -> Iterator[Head]:
        for head in self.heads:
            assert isinstance(head, Head)
            yield head

    def whiten_by(self, whitenings: Sequence[Whitening | None]) -> None:
        """Puts frozen whitenings between pooling and loss."""
        for head, whitening in zip(self._heads, whitenings, strict=True):
            head.whiten = None if whitening is None else _Whiten(whitening).to(self.device)


def open_descriptor(
    channel: ChannelRecipe, name: str, folder: Path, weights: str = "", until: str = ""
) -> TrainedDescriptor:
    """Opens the network of a channel for training; paths of weights are relative to `folder`.

    weights: a checkpoint instead of that of the channel. Raises RecipeError and WeightsError.
    """
    parts = parts_of(channel, name)
    features = parts[0].features
    checkpoint = features.checkpoint
    if weights:
        checkpoint = checkpoint.model_copy(update={"source": weights, "sha256": ""})
    return TrainedDescriptor(open_network(features.network, checkpoint, folder), parts, until)


def joined(parts: Sequence[Part], how: str, vectors: Sequence[Tensor]) -> Tensor:
    """Returns the joined descriptors (B, D) of all parts, as `joining.join` makes them."""
    weighted = [part.weight * own for part, own in zip(parts, vectors, strict=True)]
    whole: Tensor = l2_normalise(torch.stack(weighted).sum(dim=0) if how == "sum" else torch.cat(weighted, dim=1))
    return whole


def _freeze(network: Network, until: str, layers: Sequence[str], side: int) -> None:
    """Lets the modules that a layer depends on not learn, nor what comes after the last of `layers`.

    Raises RecipeError where the network has no layer of that name.
    """
    names = [layer.name for layer in network.layers]
    first = names.index(network.layer(until).name) + 1 if until else 0
    last = max(names.index(network.layer(layer).name) for layer in layers) + 1
    used: list[set[nn.Module]] = [set()]
    handles = [
        module.register_forward_pre_hook(lambda module, _: used[-1].add(module))
        for module in network.modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    with torch.no_grad():
        for number, _ in enumerate(network.walk(torch.zeros(1, 3, side, side)), start=1):
            if number == last:
                break
            used.append(set())
    for handle in handles:
        handle.remove()
    learning = set().union(*used[first:])
    if not learning:
        raise RecipeError(f'frozen.until = "{until}" leaves nothing to learn: name an earlier layer')
    for module in network.modules():
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(module in learning)
