"""Checkpoints of cirtorch: networks fine-tuned for retrieval, with their pooling and whitening in the file.

Layout as filipradenovic/cnnimageretrieval-pytorch writes it (cirtorch/networks/imageretrievalnet.py,
cirtorch/layers/pooling.py): `meta` (architecture, pooling, regional, whitening, local_whitening, mean, std, Lw) and
`state_dict`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from resight.arrays import Float32
from resight.errors import WeightsError
from resight.features.networks.pickled import PickledArray
from resight.features.networks.published import IMAGENET_DEVIATION, IMAGENET_MEAN, Triple
from resight.features.networks.retrieval import LearnedWhitening, Projection, RetrievalHead

# Torchvision's names of the modules that cirtorch numbers.
_RESNET = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}


_LAST_LAYERS = {"alexnet": "conv5", "vgg16": "conv5_3"}
"""Whose maps are pooled. Of the networks that cirtorch trains, those without an entry are ResNets."""


@dataclass(frozen=True)
class CirtorchCheckpoint:
    """Content of a cirtorch file. `state` holds the convolutions alone, under torchvision's keys."""

    architecture: str
    state: dict[str, Tensor]
    head: RetrievalHead
    mean: Triple
    deviation: Triple


def is_cirtorch(found: object) -> bool:
    """Tells whether the content of a file has cirtorch's layout."""
    return (
        isinstance(found, Mapping)
        and isinstance(found.get("meta"), Mapping)
        and isinstance(found.get("state_dict"), Mapping)
    )


def read_cirtorch(found: Mapping[str, Any], path: Path) -> CirtorchCheckpoint:
    """Takes apart the result of `read_pickled` for a cirtorch file. Raises WeightsError where a part is wrong."""
    meta, state = found["meta"], found["state_dict"]
    try:
        architecture = str(meta["architecture"])
        prefix = "features."
        features = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        regional = bool(meta.get("regional", False))
        pooling = {"gemmp": "gem"}.get(str(meta["pooling"]), str(meta["pooling"]))
        if regional:
            pooling = "rmac" if pooling == "mac" else f"{pooling} of regions"
        head = RetrievalHead(
            pooling=pooling,
            layer=_LAST_LAYERS.get(architecture, "layer4"),
            exponent=_exponent(state),
            whitening=_projection(state, "pool.whiten" if regional else "whiten"),
            whitens_positions=_projection(state, "lwhiten") is not None,
            learned={
                str(name): {str(scales): _learned(arrays) for scales, arrays in by_scales.items()}
                for name, by_scales in meta.get("Lw", {}).items()
            },
        )
        return CirtorchCheckpoint(
            architecture,
            torchvision_keys(features, architecture),
            head,
            _triple(meta.get("mean", IMAGENET_MEAN)),
            _triple(meta.get("std", IMAGENET_DEVIATION)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise WeightsError(f"{path}: not a checkpoint of cirtorch that can be read: {reason}") from None


def torchvision_keys(features: Mapping[str, Tensor], architecture: str) -> dict[str, Tensor]:
    """Renames a state dict of cirtorch's numbered `features`, without that prefix, to torchvision's keys.

    Raises ValueError for a number that the architecture does not have.
    """
    if not architecture.startswith("resnet"):
        return {f"features.{key}": value for key, value in features.items()}
    renamed = {}
    for key, value in features.items():
        number, _, rest = key.partition(".")
        if number not in _RESNET:
            raise ValueError(f"features.{key} has no place in {architecture}")
        renamed[f"{_RESNET[number]}.{rest}"] = value
    return renamed


def is_numbered(state: Mapping[str, Tensor]) -> bool:
    """Tells whether a state dict has cirtorch's `features` alone, like its files converted from Caffe."""
    return all(re.match(r"\d+\.", key) for key in state)


def _exponent(state: Mapping[str, Tensor]) -> Float32 | None:
    for key in ("pool.p", "pool.rpool.p"):
        if key in state:
            exponent = _array(state[key]).reshape(-1)
            if not (exponent > 0).all():
                raise ValueError(f"{key} is not greater than 0")
            return exponent
    return None


def _projection(state: Mapping[str, Tensor], name: str) -> Projection | None:
    if f"{name}.weight" not in state:
        return None
    weight, bias = _array(state[f"{name}.weight"]), _array(state[f"{name}.bias"])
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ValueError(f"{name} has weights {weight.shape} and biases {bias.shape}")
    return Projection(weight, bias)


def _learned(arrays: Mapping[str, Any]) -> LearnedWhitening:
    mean, projection = _array(arrays["m"]).reshape(-1), _array(arrays["P"])
    if projection.ndim != 2 or projection.shape[1:] != mean.shape:
        raise ValueError(f"a learned whitening has a mean {mean.shape} and a projection {projection.shape}")
    return LearnedWhitening(mean, projection)


def _array(value: object) -> Float32:
    if isinstance(value, PickledArray):
        return value.array.astype(np.float32)
    if isinstance(value, Tensor):
        tensor: Float32 = value.detach().float().numpy()
        return tensor
    raise ValueError(f"an array is expected, there is {type(value).__name__}")


def _triple(values: Any) -> Triple:
    listed = [float(value) for value in (values.array if isinstance(values, PickledArray) else values)]
    if len(listed) != 3:
        raise ValueError(f"{len(listed)} values for 3 colours")
    return listed[0], listed[1], listed[2]
