"""Precision-recall curves: the points of one query, the curve through them, and the mean curve of many queries."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from resight.arrays import Float64
from resight.evaluation.metrics import fill_in, precisions

LEVELS = 101
"""Recalls 0, 0.01, ..., 1."""


def precision_recall(found: ArrayLike, total: int) -> tuple[Float64, Float64]:
    """Returns recall and precision, each (f,), right after each of the f positives found, best first.

    found: ascending 0-based positions of positives in the ranking without junk. total: number of positives. Raises
    ValueError where more were found.
    """
    after = precisions(found, total)
    return np.arange(1, len(after) + 1) / max(total, 1), after


def interpolated_precision(found: ArrayLike, total: int, levels: int = LEVELS) -> Float64:
    """Returns (levels,) interpolated precisions at evenly spaced recalls from 0 to 1; NaN without positives.

    The precision at a recall is the best precision at any recall at least that high, 0 where that recall was not
    reached. Raises ValueError for fewer than two levels, or where more were found than `total`.

    Source: interpolated precision of Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008,
    section 8.4.
    """
    if levels < 2:
        raise ValueError(f"a curve has at least 2 levels, not {levels}")
    after = precisions(found, total)
    if not total:
        return np.full(levels, np.nan)
    # In whole numbers, because a recall of 0.3 and one of 3 / 10 must be the same: positives needed for each recall, at
    # least one.
    needed = np.maximum(1, -(-np.arange(levels) * total // (levels - 1)))
    curve = np.zeros(levels)
    reached = needed <= len(after)
    curve[reached] = fill_in(after)[needed[reached] - 1]
    return curve


def mean_curve(queries: Iterable[tuple[ArrayLike, int]], levels: int = LEVELS) -> tuple[Float64, Float64]:
    """Returns recalls and the mean over queries of `interpolated_precision`, each (levels,).

    queries: `found` and `total` of each; those without positives are ignored, and the curve is NaN where none is left.
    """
    curves = [interpolated_precision(found, total, levels) for found, total in queries if total]
    return np.linspace(0, 1, levels), np.mean(curves, axis=0) if curves else np.full(levels, np.nan)
