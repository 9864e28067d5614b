"""Checks arrays from a file, so that compiled code cannot read outside of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from resight.arrays import Arrays, Floating, Int64

Shape = Sequence[int | None]

_ROWS = 1 << 16


def misshapen(arrays: Arrays, expected: Mapping[str, tuple[type[Any], Shape]]) -> tuple[str, str] | None:
    """Returns the first array that is missing or has another type or shape than expected, and what is wrong.

    Types and shapes are expected by name.

    A length of None stands for any length.
    """
    for name, (kind, shape) in expected.items():
        if name not in arrays:
            return name, "is missing"
        array = arrays[name]
        fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
        if array.dtype != np.dtype(kind) or not fits:
            told = ", ".join("any" if length is None else str(length) for length in shape)
            return name, f"is {array.dtype} {array.shape} and not {np.dtype(kind)} ({told})"
    return None


def shared_out(offsets: Int64, total: int) -> bool:
    """Tells whether offsets, (n + 1,), begin at 0, never decrease and end at `total`."""
    return bool(offsets[0] == 0 and offsets[-1] == total and (offsets[1:] >= offsets[:-1]).all())


def finite(array: Floating) -> bool:
    """Tells whether all numbers are finite; reads the array in parts, as it may be larger than memory."""
    return all(bool(np.isfinite(array[start : start + _ROWS]).all()) for start in range(0, len(array), _ROWS))
