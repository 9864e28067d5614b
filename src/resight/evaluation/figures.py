"""Figures of one query by the names that tables use, and their means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from resight.datasets.dataset import AveragePrecision
from resight.evaluation.metrics import (
    checked_positions,
    clipped_precision_at,
    filled_in_ap,
    mean_over_queries,
    ns_score,
    oxford_ap,
    precision_at,
    recall_at,
    rectangle_ap,
    success_at,
)

Figures = Mapping[str, float]
"""Figures by name; NaN where a query has no positives."""

_KAPPAS = (1, 5, 10)
_RECALL_KAPPAS = (10, 100, 1000)
_SUCCESS_KAPPAS = (1, 2, 4, 5, 8, 10, 100, 1000)

_AVERAGE_PRECISION = {"trapezoid": oxford_ap, "rectangle": rectangle_ap, "filled-in": filled_in_ap}

NAMES = (
    "AP",
    *(f"AP-{variant}" for variant in _AVERAGE_PRECISION),
    *(f"P@{k}" for k in _KAPPAS),
    *(f"mP@{k}" for k in _KAPPAS),
    *(f"R@{k}" for k in _RECALL_KAPPAS),
    *(f"acc@{k}" for k in _SUCCESS_KAPPAS),
    "N-S",
)
"""AP in the variant of the benchmark, and in each of the three variants; P@k, plain precision; mP@k, precision clipped
at the last positive found; R@k, the share of the positives among the first k; acc@k, whether any positive is among
them, which metric learning calls Recall@k; N-S, the number of positives among the first four."""


def figures(found: ArrayLike, total: int, ap: AveragePrecision) -> dict[str, float]:
    """Returns every figure of one query, in the order of `NAMES`.

    found: ascending 0-based positions of the positives in the ranking without its junk; total: number of positives,
    found or not. Raises ValueError as the metrics do.
    """
    places = checked_positions(found, total)
    precisions = {variant: average(places, total) for variant, average in _AVERAGE_PRECISION.items()}
    values = (
        precisions[ap],
        *precisions.values(),
        *(precision_at(k, places, total) for k in _KAPPAS),
        *(clipped_precision_at(k, places, total) for k in _KAPPAS),
        *(recall_at(k, places, total) for k in _RECALL_KAPPAS),
        *(success_at(k, places, total) for k in _SUCCESS_KAPPAS),
        ns_score(places, total),
    )
    return dict(zip(NAMES, values, strict=True))


def mean_name(figure: str) -> str:
    """Returns the name of the mean of a figure: the mean of AP is mAP."""
    return f"m{figure}" if figure.startswith("AP") else figure


def mean_figures(each: Sequence[Figures]) -> dict[str, float]:
    """Returns the mean of every figure over the queries that have positives; NaN where none has."""
    if not each:
        return dict.fromkeys(NAMES, math.nan)
    return {name: mean_over_queries(one[name] for one in each) for name in NAMES}
