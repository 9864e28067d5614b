"""Weights kept in a byte each: integers with a scale for each output channel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from resight.arrays import Float32, Floating
from resight.libraries import AnyArray

SCALE = ".scale"
"""Ending of the key of the scales (C,) of an array (C, ...)."""


def quantised(weight: Floating) -> tuple[NDArray[np.int8], Float32]:
    """Returns integers from -127 to 127 and scales (C,), whose product is nearest to a weight (C, ...)."""
    flat = np.abs(weight.reshape(len(weight), -1)).max(axis=1)
    scales = np.where(flat > 0, flat / 127.0, 1.0).astype(np.float32)
    return np.rint(weight / scales.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.int8), scales


def restored(state: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Returns a state dict, of numpy or torch, in which every array that has scales is multiplied by them."""
    scales = {key.removesuffix(SCALE): values for key, values in state.items() if key.endswith(SCALE)}
    return {
        key: values * scales[key].reshape(-1, *[1] * (values.ndim - 1)) if key in scales else values
        for key, values in state.items()
        if not (key.endswith(SCALE) and key.removesuffix(SCALE) in state)
    }
