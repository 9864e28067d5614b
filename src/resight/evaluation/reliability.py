"""Reliability of probabilities: how often are hits true that are given a certain probability?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.errors import UsageError

EDGES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Edges of the bins: finer near the probabilities at which the verdict changes."""


@dataclass(frozen=True)
class Bin:
    """Hits with probabilities in [low, high), or up to 1. mean: of the probabilities; true: share of true hits."""

    low: float
    high: float
    hits: int
    mean: float
    true: float


@dataclass(frozen=True)
class Reliability:
    """bins: those that have hits. calibration_error: mean |mean - true| over hits; brier: mean (p - truth)^2.

    Sources: Naeini, Cooper, Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015
    (expected calibration error); Brier, Monthly Weather Review 78(1), 1950.
    """

    hits: int
    bins: tuple[Bin, ...]
    calibration_error: float
    brier: float

    def called(self, least: float) -> tuple[int, int]:
        """Returns the number of hits with a probability of at least `least`, an edge of the bins, and of true ones."""
        chosen = [one for one in self.bins if one.low >= least]
        return sum(one.hits for one in chosen), round(sum(one.hits * one.true for one in chosen))


def reliability(probabilities: NDArray[Any], truth: NDArray[Any]) -> Reliability:
    """Compares probabilities (n,) in [0, 1] with the truth (n,), 0 or 1; without hits all figures are 0.

    Raises UsageError where their shapes differ, or values are out of range.
    """
    given, true = np.asarray(probabilities, np.float64), np.asarray(truth, np.float64)
    if given.ndim != 1 or given.shape != true.shape:
        raise UsageError(f"probabilities {given.shape} and truth {true.shape} must both be (n,)")
    if not ((given >= 0) & (given <= 1)).all() or not np.isin(true, (0.0, 1.0)).all():
        raise UsageError("probabilities must be from 0 to 1, and the truth 0 or 1")
    if not len(given):
        return Reliability(0, (), 0.0, 0.0)
    place = np.minimum(np.searchsorted(EDGES, given, side="right") - 1, len(EDGES) - 2)
    bins = tuple(
        Bin(EDGES[at], EDGES[at + 1], int(here.sum()), float(given[here].mean()), float(true[here].mean()))
        for at in np.unique(place).tolist()
        for here in [place == at]
    )
    error = sum(one.hits * abs(one.mean - one.true) for one in bins) / len(given)
    return Reliability(len(given), bins, error, float(np.mean((given - true) ** 2)))
