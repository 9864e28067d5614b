"""Reads `.safetensors` files, with the weights in numpy or in torch, and what their headers state."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from resight.errors import WeightsError
from resight.features.networks.inverted_residuals import Padding
from resight.features.networks.quantised import restored
from resight.libraries import AnyArray

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Stated:
    """The statements of a file on its weights; None: not stated. `mean` and `deviation` are of values from 0 to 1."""

    architecture: str | None = None
    mean: Triple | None = None
    deviation: Triple | None = None
    padding: Padding | None = None


NOTHING_STATED = Stated()


def read_safetensors(path: Path, library: Literal["np", "pt"]) -> tuple[dict[str, AnyArray], dict[str, str]]:
    """Returns arrays by name, of numpy or torch, and the header's metadata. Weights kept as integers are restored.

    Raises WeightsError where the file is damaged.
    """
    try:
        import safetensors
        from safetensors import safe_open
    except ImportError:
        raise WeightsError(f"{path}: reading it needs safetensors: pip install safetensors") from None
    try:
        with safe_open(path, framework=library) as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return restored(arrays), dict(file.metadata() or {})
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file") from None
    except (safetensors.SafetensorError, OSError, ValueError, TypeError, struct.error) as error:
        raise WeightsError(f"{path}: is not safetensors, or is truncated ({error}); fetch it again") from None


def stated(header: Mapping[str, str], path: Path) -> Stated:
    """Reads the metadata `network`, `padding`, and `mean` and `deviation` as lists in JSON; each may be missing.

    Raises WeightsError for what cannot be read.
    """
    padding = header.get("padding")
    if padding not in (None, "torch", "same"):
        raise WeightsError(f'{path}: its header says padding "{padding}"; known are "torch" and "same"')
    return Stated(
        header.get("network"),
        _triple(header, "mean", path),
        _triple(header, "deviation", path),
        "same" if padding == "same" else "torch" if padding else None,
    )


def _triple(header: Mapping[str, str], key: str, path: Path) -> Triple | None:
    if key not in header:
        return None
    try:
        values: Any = json.loads(header[key])
        red, green, blue = (float(value) for value in values)
    except (ValueError, TypeError):
        raise WeightsError(f"{path}: its header's {key} is not three numbers: {header[key]}") from None
    return red, green, blue
