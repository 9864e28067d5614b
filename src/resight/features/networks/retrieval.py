"""The layers that a network trained for retrieval carries beside its convolutions, whatever the layout of its file.

Files of cirtorch and of NetVLAD are read into it, and our own safetensors: tensors `retrieval.NAME` beside those of the
network, and `pooling` and `layer` in the header.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor

from resight.arrays import Float32
from resight.errors import WeightsError

PREFIX = "retrieval."


@dataclass(frozen=True)
class Projection:
    """The layer after pooling: `weight` (D', D) times a descriptor (D,), plus `bias` (D',), then l2 normalisation."""

    weight: Float32
    bias: Float32


@dataclass(frozen=True)
class LearnedWhitening:
    """A whitening learned after training: `projection` (D', D) times (descriptor minus `mean` (D,)), then l2."""

    mean: Float32
    projection: Float32


@dataclass(frozen=True)
class SoftAssignment:
    """A NetVLAD layer: `weight` (K, C) and `bias` (K,) give the logits, `centroids` (K, C) are the anchors."""

    weight: Float32
    bias: Float32
    centroids: Float32


@dataclass(frozen=True)
class RetrievalHead:
    """The retrieval head of a network: pooling and whitening.

    pooling: the kind that pools them, as recipes call it, or another name where we have none. layer: whose maps these
    are; empty where the file does not say. exponent: (1,) or (C,), GeM's p. whitening: part of the network, applied to
    what is summed: the vector of every scale, or of every region. learned: after training, by the set that it was
    learned on and "ss" (for one scale) or "ms" (for several). assignment: of NetVLAD. whitens_positions: every position
    of the maps is whitened before pooling.
    """

    pooling: str
    layer: str = ""
    exponent: Float32 | None = None
    whitening: Projection | None = None
    learned: Mapping[str, Mapping[str, LearnedWhitening]] = field(default_factory=dict)
    assignment: SoftAssignment | None = None
    whitens_positions: bool = False


def head_of(state: Mapping[str, Tensor], header: Mapping[str, str], path: Path) -> RetrievalHead | None:
    """Reads the head in safetensors of ours; None where there is none. WeightsError where it is damaged.

    Tensors: retrieval.exponent; retrieval.whitening.weight and .bias; retrieval.learned.SET.SCALES.mean and
    .projection, SCALES ss or ms; retrieval.assignment.weight, .bias and .centroids.
    """
    tensors = {name.removeprefix(PREFIX): _array(one) for name, one in state.items() if name.startswith(PREFIX)}
    if not tensors and "pooling" not in header:
        return None
    if "pooling" not in header:
        raise WeightsError(f"{path}: it has {PREFIX}{min(tensors)}, and its header does not say which pooling it is of")
    try:
        learned: dict[str, dict[str, LearnedWhitening]] = {}
        for name in [name for name in tensors if name.startswith("learned.") and name.endswith(".mean")]:
            trained_on, _, scales = name.removeprefix("learned.").removesuffix(".mean").rpartition(".")
            whitening = LearnedWhitening(tensors.pop(name), tensors.pop(f"learned.{trained_on}.{scales}.projection"))
            _check_shape(name, whitening.mean, (whitening.projection.shape[-1],))
            learned.setdefault(trained_on, {})[scales] = whitening
        head = RetrievalHead(
            pooling=header["pooling"],
            layer=header.get("layer", ""),
            exponent=_exponent(tensors.pop("exponent", None)),
            whitening=_projection(tensors),
            learned=learned,
            assignment=_assignment(tensors),
        )
    except KeyError as error:
        raise WeightsError(f"{path}: it lacks {PREFIX}{error.args[0]}") from None
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from None
    if tensors:
        raise WeightsError(f"{path}: nothing is known of {PREFIX}{min(tensors)}")
    return head


def tensors_of(head: RetrievalHead) -> tuple[dict[str, Float32], dict[str, str]]:
    """Returns a head as `head_of` reads it: tensors by name, and entries of the header."""
    arrays: dict[str, Float32] = {} if head.exponent is None else {"exponent": head.exponent}
    if head.whitening is not None:
        arrays |= {"whitening.weight": head.whitening.weight, "whitening.bias": head.whitening.bias}
    for name, by_scales in head.learned.items():
        for scales, one in by_scales.items():
            key = f"learned.{name}.{scales}"
            arrays |= {f"{key}.mean": one.mean, f"{key}.projection": one.projection}
    if head.assignment is not None:
        layer = head.assignment
        arrays |= {f"assignment.{key}": getattr(layer, key) for key in ("weight", "bias", "centroids")}
    header = {"pooling": head.pooling} | ({"layer": head.layer} if head.layer else {})
    return {f"{PREFIX}{name}": np.ascontiguousarray(array) for name, array in arrays.items()}, header


def _exponent(found: Float32 | None) -> Float32 | None:
    if found is None:
        return None
    exponent = found.reshape(-1)
    if not (exponent > 0).all():
        raise ValueError(f"{PREFIX}exponent is not greater than 0")
    return exponent


def _projection(tensors: dict[str, Float32]) -> Projection | None:
    if "whitening.weight" not in tensors:
        return None
    found = Projection(tensors.pop("whitening.weight"), tensors.pop("whitening.bias"))
    if found.weight.ndim != 2:
        raise ValueError(f"{PREFIX}whitening.weight has shape {found.weight.shape}")
    _check_shape("whitening.bias", found.bias, found.weight.shape[:1])
    return found


def _assignment(tensors: dict[str, Float32]) -> SoftAssignment | None:
    if "assignment.centroids" not in tensors:
        return None
    names = ("assignment.weight", "assignment.bias", "assignment.centroids")
    found = SoftAssignment(*(tensors.pop(name) for name in names))
    if found.centroids.ndim != 2:
        raise ValueError(f"{PREFIX}assignment.centroids has shape {found.centroids.shape}")
    _check_shape("assignment.weight", found.weight, found.centroids.shape)
    _check_shape("assignment.bias", found.bias, found.centroids.shape[:1])
    return found


def _check_shape(name: str, array: Float32, wanted: tuple[int, ...]) -> None:
    if array.shape != wanted:
        raise ValueError(f"{PREFIX}{name} has shape {array.shape}, not {wanted}")


def _array(tensor: Tensor) -> Float32:
    return np.asarray(tensor.detach().float().numpy(), np.float32)
