"""Reads files that torch.save wrote without letting them run any code.

Only torch's restricted unpickler reads them (`weights_only=True`). In addition to what it allows, numpy arrays are
rebuilt by the three classes and functions below, which replace numpy's own and accept plain numbers only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from resight.errors import WeightsError

_NUMBERS = frozenset({"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"})


class PickledArray:
    """Stand-in for a numpy array in a pickle; `array` is the real one."""

    def __init__(self) -> None:
        self.array: NDArray[Any] = np.empty(0)

    def __setstate__(self, state: tuple[int, tuple[int, ...], _Dtype, bool, bytes]) -> None:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
            raise ValueError("an array of something else than numbers")
        self.array = np.frombuffer(data, dtype.code).reshape(shape, order="F" if fortran else "C").copy()


class _Dtype:
    """Stand-in for a numpy type in a pickle: a type of plain numbers."""

    def __init__(self, code: str, align: object = False, copy: object = False) -> None:
        if code not in _NUMBERS:
            raise ValueError(f"an array of {code!r}, which is no number")
        self.code = code

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise ValueError(f"byte order {order!r}")
        self.code = ("" if order == "|" else order) + self.code[-2:]


def _reconstruct(subtype: object, shape: object, code: object) -> PickledArray:
    """Makes the empty array that its state then fills."""
    return PickledArray()


def _scalar(dtype: _Dtype, data: bytes) -> float:
    return float(np.frombuffer(data, dtype.code, count=1)[0])


# numpy renamed its core module in version 2: files of both are read.
_ALLOWED: list[Callable[..., object] | tuple[Callable[..., object], str]] = [
    (PickledArray, "numpy.ndarray"),
    (_Dtype, "numpy.dtype"),
    *((_reconstruct, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    *((_scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]


def read_pickled(path: Path) -> object:
    """Reads a file that `torch.save` wrote, tensors on the CPU, numpy arrays as PickledArray.

    Raises WeightsError for a file that is damaged or contains anything but tensors, arrays, numbers, text and
    containers of them.
    """
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file") from None
    # On a damaged or hostile file the unpickler and the archive reader raise all kinds of exceptions.
    except Exception as error:
        text = str(error)
        asked = re.search(r"GLOBAL ([\w.]+)", text) or re.search(r"[Uu]nsupported (?:class|global) ([\w.]+)", text)
        if asked:
            raise WeightsError(
                f"{path}: is refused: loading it would run {asked[1]}, and weights may run no code. Save just the "
                "state dict, best as safetensors"
            ) from None
        if "TorchScript" in text:
            raise WeightsError(f"{path}: a TorchScript program, not weights: save its state dict") from None
        # torch wraps the reason in advice for programmers.
        said = re.search(r"WeightsUnpickler error: (.+)", text) or re.search(r"(.+)", text)
        reason = said[1].strip()[:200] if said else type(error).__name__
        raise WeightsError(
            f"{path}: is not weights that can be read, or is truncated ({reason}); fetch it again"
        ) from None
