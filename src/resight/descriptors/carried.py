"""The layers that a checkpoint for retrieval carries beside its network, as arrays of a fit."""

from __future__ import annotations

import numpy as np

from resight.arrays import Array
from resight.descriptors.methods.pooling import BY_SCALE, EXPONENT, Pooling
from resight.descriptors.methods.whitened import Whitened
from resight.errors import FitError
from resight.features.maps import MapExtractor
from resight.features.networks.retrieval import LearnedWhitening, Projection, RetrievalHead

INSTEAD = 'fit one on photos (whitening = "pca"), or name another checkpoint'
RESIDUE = 1e-3
"""Most that a bias may differ from what a mean explains: far above the rounding of float32."""


def carried_arrays(extractor: MapExtractor, method: Whitened) -> dict[str, Array]:
    """Whitening and GeM's p, as `read_fitted` would give them, of the checkpoint of an extractor.

    The layer that the network ends with, or that follows the pooling of each region; else the whitening that was
    learned after training on `learned_on`, for one scale or several. FitError where there is none or it was learned for
    other maps or another pooling; what `MapExtractor.loaded` raises.

    Notes: random weights come with p as the method has it, and a whitening that only cuts off dimensions.
    """
    loaded = extractor.loaded()
    if loaded.source == "random":
        plain = LearnedWhitening(
            np.zeros(extractor.dimensions, np.float32), np.eye(extractor.dimensions, dtype=np.float32)
        )
        return _whitening(plain)
    head = loaded.head
    if head is None:
        raise FitError(f"{loaded.source}: carries no whitening: it holds the weights of a network alone; {INSTEAD}")
    _check_suits(loaded.source, head, method, extractor.params.layer)
    exponent = {EXPONENT: head.exponent} if head.pooling == "gem" and head.exponent is not None else {}
    arrays = exponent | _carried(loaded.source, head, method, several=len(extractor.params.scales) > 1)
    dimensions = arrays["mean"].shape[0]
    if dimensions != extractor.dimensions:
        raise FitError(
            f"{loaded.source}: its whitening is for {dimensions} dimensions, and maps of {extractor.params.layer} have "
            f"{extractor.dimensions} channels; {INSTEAD}"
        )
    return arrays


def _carried(source: str, head: RetrievalHead, method: Whitened, *, several: bool) -> dict[str, Array]:
    if head.whitening is not None:
        by_scale = {BY_SCALE: np.zeros(0, np.bool_)} if isinstance(method, Pooling) else {}
        return {**_layer(source, head.whitening), **by_scale}
    if not isinstance(method, Pooling):
        raise FitError(f"{source}: carries no whitening of regions; {INSTEAD}")
    if method.learned_on in head.learned:
        by_scales = head.learned[method.learned_on]
        name = "ms" if several else "ss"
        if name not in by_scales:
            held = "one scale" if several else "several scales"
            raise FitError(f"{source}: its whitening is for {held} only; choose scales like that, or {INSTEAD}")
        return _whitening(by_scales[name])
    if head.learned:
        raise FitError(
            f'{source}: carries no whitening that was learned on "{method.learned_on}": set learned_on = '
            f'"{sorted(head.learned)[-1]}", of {", ".join(sorted(head.learned))}'
        )
    raise FitError(f"{source}: carries no whitening; {INSTEAD}")


def _check_suits(source: str, head: RetrievalHead, method: Whitened, layer: str) -> None:
    if head.whitens_positions:
        raise FitError(f"{source}: whitens every position of its maps, which cannot be expressed here; {INSTEAD}")
    if head.layer not in ("", layer):
        raise FitError(
            f'{source}: its whitening is for maps of {head.layer}, not of {layer}: set layer = "{head.layer}"'
        )
    if not method.suits(head):
        raise FitError(f'{source}: its whitening is for pooling by {head.pooling}, not by "{method.kind}"; {INSTEAD}')


def _whitening(learned: LearnedWhitening) -> dict[str, Array]:
    """Exact, where a fit of ours is kept in a byte a number."""
    return {
        "mean": learned.mean,
        "projection": np.ascontiguousarray(learned.projection, np.float32),
        "scale": np.ones(len(learned.projection), np.float32),
    }


def _layer(source: str, layer: Projection) -> dict[str, Array]:
    """W x + b as W (x - m), with m from b = -W m."""
    weight, bias = layer.weight.astype(np.float64), layer.bias.astype(np.float64)
    mean = -np.linalg.lstsq(weight, bias, rcond=None)[0]
    if not np.allclose(weight @ mean, -bias, rtol=0.0, atol=RESIDUE * max(1.0, float(np.abs(bias).max()))):
        raise FitError(f"{source}: the layer that ends its network is no whitening: no mean explains its bias")
    return _whitening(LearnedWhitening(mean.astype(np.float32), layer.weight))
