"""Checkpoints of NetVLAD in PyTorch: an encoder that ends before the last ReLU, and the layer on top of it.

Layout as Nanne/pytorch-NetVlad writes it (main.py, netvlad.py): `state_dict` with `encoder.N.*` for torchvision's
`features.N.*`, `pool.conv.weight` (K, C, 1, 1), with or without `pool.conv.bias` (K,), and `pool.centroids` (K, C).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from resight.arrays import Float32
from resight.errors import WeightsError
from resight.features.networks.retrieval import RetrievalHead, SoftAssignment

ENCODER, LAYER = "encoder.", "pool."


@dataclass(frozen=True)
class NetVladCheckpoint:
    """Content of a NetVLAD file. `state` holds the encoder, under torchvision's keys."""

    state: dict[str, Tensor]
    head: RetrievalHead


def is_netvlad(found: object) -> bool:
    """Tells whether the content of a file has this layout."""
    state = found.get("state_dict") if isinstance(found, Mapping) else None
    return isinstance(state, Mapping) and f"{LAYER}centroids" in _plain(state)


def read_netvlad(found: Mapping[str, Any], path: Path) -> NetVladCheckpoint:
    """Takes apart the result of `read_pickled` for such a file. Raises WeightsError where a part is wrong."""
    state = _plain(found["state_dict"])
    centroids, weight = state[f"{LAYER}centroids"], state.get(f"{LAYER}conv.weight")
    if not isinstance(centroids, Tensor) or centroids.ndim != 2 or not isinstance(weight, Tensor):
        raise WeightsError(f"{path}: its NetVLAD layer lacks pool.conv.weight, or its pool.centroids are not K x C")
    bias = state.get(f"{LAYER}conv.bias", centroids.new_zeros(len(centroids)))
    if tuple(weight.shape) != (*centroids.shape, 1, 1) or tuple(bias.shape) != (len(centroids),):
        raise WeightsError(
            f"{path}: pool.conv.weight {tuple(weight.shape)}, pool.conv.bias {tuple(bias.shape)} and pool.centroids "
            f"{tuple(centroids.shape)} do not suit each other"
        )
    encoder = {
        f"features.{key.removeprefix(ENCODER)}": value for key, value in state.items() if key.startswith(ENCODER)
    }
    layer = SoftAssignment(_array(weight).reshape(centroids.shape), _array(bias), _array(centroids))
    return NetVladCheckpoint(encoder, RetrievalHead("netvlad", assignment=layer))


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """Removes the prefix that training on several cards adds to the keys."""
    return {key.replace(".module.", "."): value for key, value in state.items()}


def _array(tensor: Tensor) -> Float32:
    return np.asarray(tensor.detach().float().numpy(), np.float32)
