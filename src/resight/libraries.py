"""Arrays of numpy and tensors of torch under one set of functions, so that one text computes on both.

Both libraries have functions of the same names for what is computed here, with `axis` and `keepdims`; these are the few
that differ. torch is imported only where a tensor is given.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

AnyArray: TypeAlias = Any
"""A numpy array or a torch tensor. What is computed of it is of the same library, on the same device."""


def library(x: AnyArray) -> Any:
    """Returns the module that computes on an array: numpy or torch."""
    return np if isinstance(x, np.ndarray) else sys.modules["torch"]


def as_type(x: AnyArray, dtype: Any) -> AnyArray:
    """Returns an array with elements of another type of its library."""
    return x.astype(dtype, copy=False) if isinstance(x, np.ndarray) else x.to(dtype)


def beside(values: AnyArray, x: AnyArray) -> AnyArray:
    """Returns values as an array of the library, device and type of `x`."""
    if isinstance(x, np.ndarray):
        return np.asarray(values, x.dtype)
    return sys.modules["torch"].as_tensor(values, dtype=x.dtype, device=x.device)


def to_numpy(x: AnyArray) -> NDArray[np.float32]:
    """Returns float32 in numpy, contiguous."""
    return np.ascontiguousarray(x if isinstance(x, np.ndarray) else x.float().cpu().numpy(), np.float32)


def detached(x: AnyArray) -> AnyArray:
    """Returns the values alone, through which no gradient goes."""
    return x if isinstance(x, np.ndarray) else x.detach()


def without_gradients() -> AbstractContextManager[Any]:
    """Returns a context in which torch, where it is in use, keeps nothing for gradients."""
    torch = sys.modules.get("torch")
    return nullcontext() if torch is None else torch.inference_mode()
