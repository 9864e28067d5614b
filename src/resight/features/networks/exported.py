"""Networks that need no torch: those of inverted residual blocks from `.safetensors`, and any from an ONNX file."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resight.arrays import Arrays
from resight.errors import WeightsError
from resight.features.graphs.inverted_residuals import inverted_residuals_model
from resight.features.networks.inputs import check_architecture, input_of, known_by
from resight.features.networks.inverted_residuals import INVERTED_RESIDUALS, InvertedResiduals
from resight.features.networks.kinds import Checkpoint
from resight.features.networks.layers import Layered
from resight.features.networks.locating import locate, verified
from resight.features.networks.published import PUBLISHED, Triple
from resight.features.networks.safetensors_files import read_safetensors, stated


@dataclass(frozen=True)
class ExportedNetwork:
    """A network up to some layers as an ONNX model, whose outputs are their maps, and the normalisation of its input.

    network: its layers as numbers. mean, deviation: of values from 0 to 1 in RGB. outputs: names of the layers that are
    wanted. size: (width, height) of the images, None where any will do.
    """

    network: Layered
    model: bytes
    mean: Triple
    deviation: Triple
    outputs: tuple[str, ...]
    size: tuple[int, int] | None = None


def can_export(network: str, checkpoint: Checkpoint) -> bool:
    """Returns whether `open_exported` opens these weights; `open_network` opens others, in torch."""
    if network == "onnx":
        return True
    published = PUBLISHED.get(checkpoint.source)
    file = published.file if published else checkpoint.source
    return network in INVERTED_RESIDUALS and file.endswith(".safetensors")


def open_exported(name: str, checkpoint: Checkpoint, layers: Sequence[str], folder: Path) -> ExportedNetwork:
    """Returns a network up to some layers; a path is looked for relative to `folder`.

    Raises WeightsError, RecipeError, UsageError, StorageError.
    """
    published = PUBLISHED.get(checkpoint.source)
    if published is not None and published.network != name:
        raise WeightsError(
            f'{checkpoint.source}: weights of {published.network}, not of {name}: set network = "{published.network}"'
        )
    path = locate(checkpoint, folder)
    sha256 = verified(path, checkpoint, published)
    if name == "onnx":
        from resight.features.networks.onnx_file import open_onnx_file

        return open_onnx_file(path, checkpoint, layers)
    arrays, header = read_safetensors(path, "np")
    said = stated(header, path)
    check_architecture(path, said, name)
    given = input_of(checkpoint, said, published or known_by(sha256))
    plan = INVERTED_RESIDUALS[name].padded(given.padding)
    _check_arrays(path, plan, arrays)
    model = inverted_residuals_model(plan, arrays, layers)
    return ExportedNetwork(plan, model, given.mean, given.deviation, tuple(layers))


def _check_arrays(path: Path, plan: InvertedResiduals, arrays: Arrays) -> None:
    """Raises WeightsError where arrays of the network are missing, of another shape, or not finite."""
    shapes: dict[str, tuple[int, ...]] = {}
    for each in plan.convolutions:
        shapes[each.weight] = each.shape
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{each.norm}.{name}"] = (each.outputs,)
    missing = [key for key in shapes if key not in arrays]
    if missing:
        some = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        near = difflib.get_close_matches(missing[0], arrays, 1)
        hint = f"; it has {near[0]}" if near else ""
        raise WeightsError(
            f"{path}: not the weights of {plan.name}: {len(missing)} keys are missing ({some}){hint}; name the network "
            "they were saved of"
        )
    for key, shape in shapes.items():
        if arrays[key].shape != shape:
            raise WeightsError(
                f"{path}: not the weights of {plan.name}: {key} is {arrays[key].shape} here, {shape} in {plan.name}"
            )
        if not np.isfinite(arrays[key]).all():
            raise WeightsError(f"{path}: not all numbers of {key} are finite; fetch it again")
