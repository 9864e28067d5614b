"""The smallest entries of each row of a matrix, so that any run repeats exactly."""

from __future__ import annotations

import numpy as np

from resight.arrays import Array
from resight.kernels.compiling import kernel


@kernel()
def smallest(values: Array, k: int) -> Array:
    """Returns (n, k) int64 columns of the k smallest entries of each row, ascending; equal ones by column.

    values: (n, m) without NaN, k <= m. Almost every entry is above the k-th best so far: one pass with an insertion.
    """
    found = np.empty((len(values), k), np.int64)
    best = np.empty(k, values.dtype)
    for row in range(len(values) if k > 0 else 0):
        count = 0
        for column in range(values.shape[1]):
            value = values[row, column]
            if count == k and value >= best[k - 1]:
                continue
            place = min(count, k - 1)
            while place > 0 and best[place - 1] > value:
                best[place] = best[place - 1]
                found[row, place] = found[row, place - 1]
                place -= 1
            best[place] = value
            found[row, place] = column
            count = min(count + 1, k)
    return found
