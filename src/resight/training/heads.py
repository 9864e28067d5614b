"""Maps of one layer to the descriptors that are trained: pooling, and a whitening that stays as it is."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from resight.descriptors.gem_module import GeM
from resight.descriptors.kinds import Gem, NetVlad, NeuralCodes, Pooling, Rmac
from resight.descriptors.netvlad import NetVLAD
from resight.descriptors.pooling import l2_normalise
from resight.descriptors.regional import regional_maxima
from resight.errors import RecipeError
from resight.features.kinds import Codes, EdgeMaps, Maps
from resight.learned.whitening import Whitening

Trainable = Pooling | Rmac | NetVlad | NeuralCodes
"""Methods whose gradient is known."""


class WhiteningLayer(nn.Module):
    """A whitening between pooling and loss, (…, C) to L2-normalised (…, D), which learns or stays as it is."""

    def __init__(self, whitening: Whitening, learns: bool = False) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.from_numpy(whitening.mean.copy()), requires_grad=learns)
        self.projection = nn.Parameter(torch.from_numpy(whitening.projection.copy()), requires_grad=learns)

    def forward(self, x: Tensor) -> Tensor:
        """Returns what `Whitening.apply` does."""
        whitened: Tensor = l2_normalise(nn.functional.linear(x - self.mean, self.projection))
        return whitened

    def values(self) -> Whitening:
        """Returns the whitening as it is now."""
        return Whitening(*(one.detach().cpu().numpy().copy() for one in (self.mean, self.projection)))


class Head(nn.Module):
    """Maps (B, C, h, w) of one layer to L2-normalised descriptors (B, D): the sum of its rows, each whitened."""

    def __init__(self) -> None:
        super().__init__()
        self.whiten: WhiteningLayer | None = None

    @abstractmethod
    def rows(self, maps: Tensor) -> Tensor:
        """Returns (B, R, C) L2-normalised vectors before whitening, one a region, or one in all."""

    def forward(self, maps: Tensor) -> Tensor:
        """Returns descriptors (B, D), in float32 also where the network has less."""
        # Sums of many small numbers: bfloat16 has three digits.
        with torch.autocast(maps.device.type, enabled=False):
            rows = self.rows(maps.float())
            vectors: Tensor = l2_normalise((rows if self.whiten is None else self.whiten(rows)).sum(dim=1))
        return vectors


class RegionHead(Head):
    """R-MAC."""

    def __init__(self, method: Rmac) -> None:
        super().__init__()
        self._method = method

    def rows(self, maps: Tensor) -> Tensor:
        """Returns (B, R, C) maxima of regions."""
        regions: Tensor = regional_maxima(maps, self._method.levels, whole=self._method.whole)
        return regions


class PoolingHead(Head):
    """A global pooling; GeM's p learns."""

    def __init__(self, method: Pooling) -> None:
        super().__init__()
        self._method = method
        self.gem = GeM(method.p) if isinstance(method, Gem) else None

    def rows(self, maps: Tensor) -> Tensor:
        """Returns (B, 1, C) pooled maps."""
        pooled = self._method.pool(maps, None) if self.gem is None else self.gem(maps)
        whole: Tensor = l2_normalise(pooled)[:, None]
        return whole


class NetVladHead(Head):
    """NetVLAD, whose layer learns. words: of the layer; dimensions: channels of the maps."""

    def __init__(self, words: int, dimensions: int) -> None:
        super().__init__()
        self.netvlad = NetVLAD(words, dimensions)

    def rows(self, maps: Tensor) -> Tensor:
        """Returns (B, 1, words * C) vectors."""
        vectors: Tensor = self.netvlad(maps)[:, None]
        return vectors


class CodesHead(Head):
    """Activations of a fully connected layer; of several positions the largest."""

    def rows(self, maps: Tensor) -> Tensor:
        """Returns (B, 1, C) activations."""
        codes: Tensor = l2_normalise(maps.amax(dim=(2, 3)))[:, None]
        return codes


def head_of(method: object, features: Maps | Codes | EdgeMaps, channels: int, name: str) -> Head:
    """Returns the head of a method on maps of some channels. Raises RecipeError where none is known."""
    match method:
        case Rmac():
            return RegionHead(method)
        case Pooling():
            return PoolingHead(method)
        case NetVlad():
            return NetVladHead(method.size, channels)
        case NeuralCodes():
            if isinstance(features, Codes) and features.regions == "whole":
                return CodesHead()
    kind = getattr(method, "kind", "")
    raise RecipeError(f'{name}: "{kind}" cannot be trained here: take mac, spoc, gem, rmac, netvlad or codes of photos')
