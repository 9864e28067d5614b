"""What tells the states of a collection apart, kept with what was made of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stamp(live: NDArray[np.int64]) -> NDArray[np.int64]:
    """(2,) newest id and number of live images, which tell any two states of a collection apart: ids only grow."""
    return np.array([live.max(initial=-1), len(live)], np.int64)
