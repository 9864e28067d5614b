"""Global poolings of a feature map into one vector: MAC, SPoC and GeM, with or without weights of the positions.

A feature map is (B, C, H, W), non-negative after ReLU, in numpy or torch. Nothing here is L2-normalised unless it says
so. In torch everything is differentiable. Half precision is pooled in float32, because squares and cubes of it leave
its range.
"""

from __future__ import annotations

from typing import Any

from resight.errors import UsageError
from resight.libraries import AnyArray, as_type, beside, detached, library

GEM_P = 3.0
"""Exponent that GeM starts from: Radenovic, Tolias & Chum, TPAMI 2019, section 5.1."""
GEM_FLOOR = 1e-6
"""The least activation before GeM's power, as in the authors' code: the gradient at 0 would be infinite."""


def mac(maps: AnyArray, mask: AnyArray | None = None) -> AnyArray:
    """Maximum activations of convolutions: the largest value of each channel, (B, C).

    maps: (B, C, H, W). mask: (H, W) or (B, H, W) bool, the positions that count; with none of them the result is 0.

    Source: Tolias, Sicre & Jegou, "Particular object retrieval with integral max-pooling of CNN activations", ICLR
    2016, eq. 1 and 2.
    """
    xp, x = library(maps), _full(maps)
    if mask is None:
        return xp.amax(x, axis=(2, 3))
    nowhere = beside(-float("inf"), x)
    largest = xp.amax(xp.where(_positions(mask, x) != 0, x, nowhere), axis=(2, 3))
    return xp.where(largest == nowhere, beside(0.0, x), largest)


def spoc(maps: AnyArray, weights: AnyArray | None = None) -> AnyArray:
    """Returns sum-pooled convolutional features: the mean of each channel, (B, C).

    Positions are weighted where there are weights.

    maps: (B, C, H, W). weights: (H, W) or (B, H, W), not negative: `centre_prior` for the paper's prior, a bool mask
    for some of the positions; all zero gives 0.

    Source: Babenko & Lempitsky, "Aggregating deep convolutional features for image retrieval", ICCV 2015, eq. 1 and 4.

    Notes: the paper sums; the mean is the same once L2-normalised, and does not depend on the size of the map.
    """
    x = _full(maps)
    return library(x).mean(x, axis=(2, 3)) if weights is None else _weighted_mean(x, _positions(weights, x))


def gem(maps: AnyArray, p: AnyArray | float = GEM_P, weights: AnyArray | None = None) -> AnyArray:
    """Generalised mean of each channel, (mean of x^p)^(1/p), (B, C): SPoC for p = 1, MAC as p grows.

    maps: (B, C, H, W), raised to `GEM_FLOOR` first. p: positive, one number or (C,), a number or a tensor with a
    gradient. weights: as for `spoc`. UsageError: p is a number that is not positive, or one for another C.

    Source: Radenovic, Tolias & Chum, "Fine-tuning CNN image retrieval with no human annotation", TPAMI 2019, eq. 3.

    Notes: each channel is divided by its maximum and multiplied by it again after the root, which changes nothing but
    keeps the powers from leaving the range of float32 for any p.
    """
    xp, x = library(maps), _full(maps)
    x = xp.maximum(x, beside(GEM_FLOOR, x))
    exponent = _exponent(p, x)
    top = xp.amax(detached(x), axis=(2, 3), keepdims=True)
    # A number stays one: torch raises to the powers 2 and 3 by multiplying, some ten times faster.
    raised = (x / top) ** (exponent if isinstance(exponent, float) else exponent[:, None, None])
    mean = xp.mean(raised, axis=(2, 3)) if weights is None else _weighted_mean(raised, _positions(weights, x))
    return top[:, :, 0, 0] * mean ** (1.0 / exponent)


def power_mean(descriptors: AnyArray, p: AnyArray | float = 1.0) -> AnyArray:
    """L2-normalised signed power mean over scales, (B, C): (mean of sign(d) |d|^p), then its signed root.

    descriptors: (S, B, C), L2-normalised, one for each of S scales. p = 1 is the plain mean.

    Source: TPAMI 2019, section 4.2, for p of GeM's and vectors that are not negative; the sign as in Deep Image
    Retrieval (Gordo, Almazan, Revaud & Larlus, IJCV 2017, authors' code).
    """
    x = _full(descriptors)
    mean = library(x).mean(_signed_power(x, p), axis=0)
    return l2_normalise(_signed_power(mean, 1.0 / p))


def l2_normalise(x: AnyArray) -> AnyArray:
    """Returns rows (last axis) of norm 1; a row of zeros stays."""
    xp = library(x)
    norms = xp.linalg.vector_norm(x, axis=-1, keepdims=True)
    return x / xp.maximum(norms, beside(1e-12, norms))


def masked(maps: AnyArray, weights: AnyArray) -> AnyArray:
    """Returns the map times weights of its positions, for poolings that take none; weights: (H, W) or (B, H, W)."""
    return maps * _positions(weights, maps)


def _signed_power(x: AnyArray, p: AnyArray | float) -> AnyArray:
    if isinstance(p, int | float) and p == 1.0:
        return x
    xp = library(x)
    return xp.sign(x) * xp.maximum(xp.abs(x), beside(1e-12, x)) ** p


def _full(x: AnyArray) -> AnyArray:
    xp = library(x)
    return as_type(x, xp.float32) if x.dtype in (xp.float16, getattr(xp, "bfloat16", xp.float16)) else x


def _positions(weights: AnyArray, maps: AnyArray) -> AnyArray:
    """Returns weights as (B or 1, 1, H, W) of the map's type. UsageError where they are of another map."""
    if (
        weights.shape[-2:] != maps.shape[-2:]
        or weights.ndim not in (2, 3)
        or weights.shape[:-2] not in ((), maps.shape[:1])
    ):
        raise UsageError(f"weights of shape {tuple(weights.shape)} do not suit a map of shape {tuple(maps.shape)}")
    wide = weights if weights.ndim == 3 else weights[None]
    return beside(wide[:, None], maps)


def _weighted_mean(x: AnyArray, weights: AnyArray) -> AnyArray:
    xp = library(x)
    total = xp.sum(weights, axis=(2, 3))
    return xp.sum(x * weights, axis=(2, 3)) / xp.where(total == 0, beside(1.0, x), total)


def _exponent(p: AnyArray | float, maps: AnyArray) -> Any:
    """Returns a positive number, or a tensor (1,) or (C,) of the map's type."""
    if isinstance(p, int | float):
        if not p > 0:
            raise UsageError(f"GeM needs p > 0, not {p}")
        return float(p)
    flat = beside(p.reshape(-1), maps)
    if len(flat) not in (1, maps.shape[1]):
        raise UsageError(f"{len(flat)} values of p do not suit {maps.shape[1]} channels")
    return flat
