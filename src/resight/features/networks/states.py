"""State dicts: read from files, and checked against the network that they are for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from resight.errors import WeightsError

State = dict[str, Tensor]

_COUNTER = ".num_batches_tracked"
_SHOWN = 3


def as_state(found: object, path: Path) -> State:
    """Returns the content of a file as tensors by name. Raises WeightsError for anything else."""
    if not isinstance(found, Mapping) or not found:
        raise WeightsError(f"{path}: holds {type(found).__name__}, not a state dict: tensors by name")
    other = [str(key) for key, value in found.items() if not (isinstance(key, str) and isinstance(value, Tensor))]
    if other:
        raise WeightsError(f"{path}: not a state dict: {_some(other)} are no tensors by name")
    return dict(found)


def fill(network: nn.Module, name: str, state: Mapping[str, Tensor], path: Path, others: Others) -> None:
    """Gives a network, whose parameters may be on the meta device, its weights, as float32.

    `others` builds, by name, other networks that the weights might belong to. Batch counters may be missing: files from
    before 2018 have none. Raises WeightsError that says which keys differ.
    """
    wanted = network.state_dict()
    given = {
        key: value.detach().to(torch.float32) if value.is_floating_point() else value
        for key, value in state.items()
        if key in wanted or not key.endswith(_COUNTER)
    }
    given |= {key: torch.zeros((), dtype=torch.int64) for key in wanted.keys() - given.keys() if key.endswith(_COUNTER)}
    differences = _differences(wanted, given, name)
    if differences:
        hint = next((other for other, build in others.items() if _fits(build(), state)), "")
        advice = f'they are those of {hint}: set network = "{hint}"' if hint else "name the network they were saved of"
        raise WeightsError(f"{path}: not the weights of {name}: {'; '.join(differences)}; {advice}")
    broken = [key for key, value in given.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if broken:
        raise WeightsError(f"{path}: not all numbers of {_some(broken)} are finite; fetch it again")
    network.load_state_dict(given, assign=True)


Others = Mapping[str, Callable[[], nn.Module]]


def _fits(network: nn.Module, state: Mapping[str, Tensor]) -> bool:
    wanted = {key: tensor.shape for key, tensor in network.state_dict().items() if not key.endswith(_COUNTER)}
    return wanted == {key: tensor.shape for key, tensor in state.items() if not key.endswith(_COUNTER)}


def _differences(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], name: str) -> list[str]:
    said = []
    missing = [key for key in wanted if key not in given]
    if missing:
        said.append(f"{len(missing)} keys are missing ({_some(missing)})")
    unexpected = [key for key in given if key not in wanted]
    if unexpected:
        said.append(f"{len(unexpected)} keys are unexpected ({_some(unexpected)})")
    reshaped = [
        f"{key}: {tuple(given[key].shape)} here, {tuple(wanted[key].shape)} in {name}"
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
    ]
    if reshaped:
        said.append(f"{len(reshaped)} are of another shape ({_some(reshaped)})")
    return said


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (", …" if len(listed) > _SHOWN else "")
