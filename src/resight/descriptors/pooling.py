"""Global poolings of a feature map into one vector: MAC, SPoC and GeM, with or without weights of the positions.

A feature map is (B, C, H, W), non-negative after ReLU. Nothing here is L2-normalised unless it says so. Everything is
differentiable. Half precision is pooled in float32, because squares and cubes of it leave its range.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resight.errors import UsageError

GEM_P = 3.0
"""Exponent that GeM starts from: Radenovic, Tolias & Chum, TPAMI 2019, section 5.1."""
GEM_FLOOR = 1e-6
"""What activations are raised to before GeM's power, as in the authors' code: the gradient at 0 would be infinite."""


def mac(maps: Tensor, mask: Tensor | None = None) -> Tensor:
    """Maximum activations of convolutions: the largest value of each channel, (B, C).

    maps: (B, C, H, W). mask: (H, W) or (B, H, W) bool, the positions that count; with none of them the result is 0.

    Source: Tolias, Sicre & Jegou, "Particular object retrieval with integral max-pooling of CNN activations", ICLR
    2016, eq. 1 and 2.
    """
    x = _full(maps)
    if mask is None:
        return x.amax(dim=(2, 3))
    kept = _positions(mask, x).bool()
    largest = x.masked_fill(~kept, -torch.inf).amax(dim=(2, 3))
    return largest.masked_fill(largest.isneginf(), 0.0)


def spoc(maps: Tensor, weights: Tensor | None = None) -> Tensor:
    """Returns sum-pooled convolutional features: the mean of each channel, (B, C).

    Positions are weighted where there are weights.

    maps: (B, C, H, W). weights: (H, W) or (B, H, W), not negative: `centre_prior` for the paper's prior, a bool mask
    for some of the positions; all zero gives 0.

    Source: Babenko & Lempitsky, "Aggregating deep convolutional features for image retrieval", ICCV 2015, eq. 1 and 4.

    Notes: the paper sums; the mean is the same once L2-normalised, and does not depend on the size of the map.
    """
    x = _full(maps)
    return x.mean(dim=(2, 3)) if weights is None else _weighted_mean(x, _positions(weights, x))


def gem(maps: Tensor, p: float | Tensor = GEM_P, weights: Tensor | None = None) -> Tensor:
    """Generalised mean of each channel, (mean of x^p)^(1/p), (B, C): SPoC for p = 1, MAC as p grows.

    maps: (B, C, H, W), raised to `GEM_FLOOR` first. p: positive, one number or (C,), a number or a tensor with a
    gradient. weights: as for `spoc`. UsageError: p is a number that is not positive, or one for another C.

    Source: Radenovic, Tolias & Chum, "Fine-tuning CNN image retrieval with no human annotation", TPAMI 2019, eq. 3.

    Notes: each channel is divided by its maximum and multiplied by it again after the root, which changes nothing but
    keeps the powers from leaving the range of float32 for any p.
    """
    x = _full(maps).clamp(min=GEM_FLOOR)
    exponent = _exponent(p, x)
    top = x.detach().amax(dim=(2, 3), keepdim=True)
    # A number stays one: torch raises to the powers 2 and 3 by multiplying, some ten times faster.
    raised = (x / top).pow(exponent[:, None, None] if isinstance(exponent, Tensor) else exponent)
    mean = raised.mean(dim=(2, 3)) if weights is None else _weighted_mean(raised, _positions(weights, x))
    return top[:, :, 0, 0] * mean.pow(1.0 / exponent)


class GeM(nn.Module):
    """`gem` whose p is learned; `parameters` is 1, or the number of channels for a p of each.

    `p` is the one parameter, as in published checkpoints. TPAMI 2019, section 3.2, learns it with ten times the
    learning rate (a hundred times for one a channel) and without weight decay.
    """

    def __init__(self, p: float = GEM_P, parameters: int = 1) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((parameters,), float(p)))

    def forward(self, maps: Tensor, weights: Tensor | None = None) -> Tensor:
        """(B, C) generalised means of `maps` (B, C, H, W)."""
        return gem(maps, self.p, weights)


def power_mean(descriptors: Tensor, p: float | Tensor = 1.0) -> Tensor:
    """L2-normalised signed power mean over scales, (B, C): (mean of sign(d) |d|^p), then its signed root.

    descriptors: (S, B, C), L2-normalised, one for each of S scales. p = 1 is the plain mean.

    Source: TPAMI 2019, section 4.2, for p of GeM's and vectors that are not negative; the sign as in Deep Image
    Retrieval (Gordo, Almazan, Revaud & Larlus, IJCV 2017, authors' code).
    """
    x = _full(descriptors)
    mean = _signed_power(x, p).mean(dim=0)
    return l2_normalise(_signed_power(mean, 1.0 / p))


def l2_normalise(x: Tensor) -> Tensor:
    """Returns rows (last axis) of norm 1; a row of zeros stays."""
    return nn.functional.normalize(x, dim=-1, eps=1e-12)


def masked(maps: Tensor, weights: Tensor) -> Tensor:
    """Returns the map times weights of its positions, for poolings that take none; weights: (H, W) or (B, H, W)."""
    return maps * _positions(weights, maps)


def _signed_power(x: Tensor, p: float | Tensor) -> Tensor:
    return x.sign() * x.abs().clamp(min=1e-12).pow(p) if isinstance(p, Tensor) or p != 1.0 else x


def _full(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _positions(weights: Tensor, maps: Tensor) -> Tensor:
    """Returns weights as (B or 1, 1, H, W) of the map's type. UsageError where they are of another map."""
    if (
        weights.shape[-2:] != maps.shape[-2:]
        or weights.ndim not in (2, 3)
        or weights.shape[:-2] not in ((), maps.shape[:1])
    ):
        raise UsageError(f"weights of shape {tuple(weights.shape)} do not suit a map of shape {tuple(maps.shape)}")
    wide = weights if weights.ndim == 3 else weights[None]
    return wide[:, None].to(device=maps.device, dtype=maps.dtype)


def _weighted_mean(x: Tensor, weights: Tensor) -> Tensor:
    total = weights.sum(dim=(2, 3))
    return (x * weights).sum(dim=(2, 3)) / total.masked_fill(total == 0, 1.0)


def _exponent(p: float | Tensor, maps: Tensor) -> float | Tensor:
    """Returns a positive number, or a tensor (1,) or (C,) of the map's type."""
    if not isinstance(p, Tensor):
        if not p > 0:
            raise UsageError(f"GeM needs p > 0, not {p}")
        return float(p)
    flat = p.reshape(-1).to(device=maps.device, dtype=maps.dtype)
    if len(flat) not in (1, maps.shape[1]):
        raise UsageError(f"{len(flat)} values of p do not suit {maps.shape[1]} channels")
    return flat
