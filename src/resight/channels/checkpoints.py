"""What the checkpoint of a network that was trained for retrieval carries beside it, as arrays of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.channels.pooled import BY_SCALE, EXPONENT
from resight.descriptors.kinds import Gem, Mac, PooledKind, Regions, Rmac, Spoc
from resight.errors import FitError
from resight.features.kinds import ScaledFeatures
from resight.features.maps import MapExtractor
from resight.features.networks.checkpoint import LoadedNetwork
from resight.features.networks.cirtorch import CirtorchCheckpoint, LearnedWhitening, Projection

Arrays = dict[str, NDArray[Any]]

INSTEAD = 'fit one on photos (whitening = "pca"), or name another checkpoint'
LAST_LAYERS = {"alexnet": "conv5", "vgg16": "conv5_3"}
"""Of the networks that cirtorch trains, those without an entry are ResNets."""
RESIDUE = 1e-3
"""Most that a bias may differ from what a mean explains: far above the rounding of float32."""


def carried_arrays(extractor: MapExtractor, method: PooledKind) -> Arrays:
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
    found = loaded.cirtorch
    if found is None:
        raise FitError(f"{loaded.source}: carries no whitening: it is not in the layout of cirtorch; {INSTEAD}")
    _check_pooling(loaded, found, method, extractor.params)
    exponent = {EXPONENT: found.exponent} if isinstance(method, Gem) and found.exponent is not None else {}
    arrays = exponent | _carried(loaded.source, found, method, several=len(extractor.params.scales) > 1)
    dimensions = arrays["mean"].shape[0]
    if dimensions != extractor.dimensions:
        raise FitError(
            f"{loaded.source}: its whitening is for {dimensions} dimensions, and maps of {extractor.params.layer} have "
            f"{extractor.dimensions} channels; {INSTEAD}"
        )
    return arrays


def _carried(source: str, found: CirtorchCheckpoint, method: PooledKind, *, several: bool) -> Arrays:
    if isinstance(method, Rmac | Regions):
        if found.regional_whitening is None:
            raise FitError(f"{source}: carries no whitening of regions; {INSTEAD}")
        return _layer(source, found.regional_whitening)
    if found.whitening is not None:
        return {**_layer(source, found.whitening), BY_SCALE: np.zeros(0, np.bool_)}
    if method.learned_on in found.learned:
        by_scales = found.learned[method.learned_on]
        name = "ms" if several else "ss"
        if name not in by_scales:
            held = "one scale" if several else "several scales"
            raise FitError(f"{source}: its whitening is for {held} only; choose scales like that, or {INSTEAD}")
        return _whitening(by_scales[name])
    if found.learned:
        raise FitError(
            f'{source}: carries no whitening that was learned on "{method.learned_on}": set learned_on = '
            f'"{sorted(found.learned)[-1]}", of {", ".join(sorted(found.learned))}'
        )
    raise FitError(f"{source}: carries no whitening; {INSTEAD}")


def _check_pooling(
    loaded: LoadedNetwork, found: CirtorchCheckpoint, method: PooledKind, params: ScaledFeatures
) -> None:
    source = loaded.source
    if found.local_whitening is not None:
        raise FitError(f"{source}: whitens every position of its maps, which cannot be expressed here; {INSTEAD}")
    layer = LAST_LAYERS.get(loaded.architecture, "layer4")
    if params.layer != layer:
        raise FitError(f'{source}: its whitening is for maps of {layer}, not of {params.layer}: set layer = "{layer}"')
    match method:
        case Gem():
            suits = not found.regional and found.pooling in ("gem", "gemmp")
        case Mac():
            suits = not found.regional and found.pooling == "mac"
        case Spoc():
            suits = not found.regional and found.pooling == "spoc" and not method.centre_prior
        case Rmac() | Regions():
            suits = found.regional and found.pooling == "mac"
        case _:
            suits = False
    if not suits:
        pooled = f"{found.pooling} of regions" if found.regional else found.pooling
        raise FitError(f'{source}: its whitening is for pooling by {pooled}, not by "{method.kind}"; {INSTEAD}')


def _whitening(learned: LearnedWhitening) -> Arrays:
    """Exact, where a fit of ours is kept in a byte a number."""
    return {
        "mean": learned.mean,
        "projection": np.ascontiguousarray(learned.projection, np.float32),
        "scale": np.ones(len(learned.projection), np.float32),
    }


def _layer(source: str, layer: Projection) -> Arrays:
    """W x + b as W (x - m), with m from b = -W m."""
    weight, bias = layer.weight.astype(np.float64), layer.bias.astype(np.float64)
    mean = -np.linalg.lstsq(weight, bias, rcond=None)[0]
    if not np.allclose(weight @ mean, -bias, rtol=0.0, atol=RESIDUE * max(1.0, float(np.abs(bias).max()))):
        raise FitError(f"{source}: the layer that ends its network is no whitening: no mean explains its bias")
    return _whitening(LearnedWhitening(mean.astype(np.float32), layer.weight))
