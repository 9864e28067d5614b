"""The edge filter: how much an edge of some strength counts to the network."""

from __future__ import annotations

import numpy as np

from resight.arrays import Float32
from resight.features.edges.kinds import EdgeFilter

_FAR = 60.0
"""Exponents beyond this change nothing any more, and would leave the range of numbers."""


def filtered(strengths: Float32, by: EdgeFilter | None) -> Float32:
    """Returns w^power / (1 + exp(steepness (threshold - w))) of strengths w from 0 to 1; w where there is no filter.

    Source: Radenovic, Tolias & Chum, "Deep shape matching", ECCV 2018, eq. 1.

    Notes: the paper's constant factor W is what the network's input is divided by: `deviation` of the checkpoint.
    """
    if by is None:
        return strengths
    w = np.asarray(strengths, np.float64)
    gate = 1.0 + np.exp(np.clip(by.steepness * (by.threshold - w), -_FAR, _FAR))
    return np.asarray(w**by.power / gate, np.float32)
