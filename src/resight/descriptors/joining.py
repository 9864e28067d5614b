"""Vectors of several layers or networks joined in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from resight.arrays import Vector
from resight.errors import UsageError


def join(parts: Sequence[Vector], weights: Sequence[float], how: Literal["concatenate", "sum"]) -> Vector:
    """L2-normalised concatenation, or sum, of L2-normalised vectors, each times its weight.

    Two concatenations are as similar as their parts on average, weighted by the squares of the weights. UsageError:
    vectors of unequal dimensions are to be summed.
    """
    weighted = [np.float32(weight) * part for weight, part in zip(weights, parts, strict=True)]
    if how == "sum":
        if len({len(part) for part in parts}) > 1:
            raise UsageError(f"vectors of {', '.join(str(len(part)) for part in parts)} dimensions cannot be summed")
        joined = np.sum(weighted, axis=0)
    else:
        joined = np.concatenate(weighted)
    return np.asarray(joined / max(float(np.linalg.norm(joined)), np.finfo(np.float32).tiny), np.float32)
