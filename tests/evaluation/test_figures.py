"""The figures of a query go by the right names."""

from __future__ import annotations

import math

import numpy as np
import pytest

from resight.datasets.dataset import AveragePrecision
from resight.evaluation.figures import NAMES, figures, mean_figures

FOUND, TOTAL = np.array([1, 2, 6, 40, 200]), 8
TRAPEZOID = (0 + 1 / 2 + 1 / 2 + 2 / 3 + 2 / 6 + 3 / 7 + 3 / 40 + 4 / 41 + 4 / 200 + 5 / 201) / 16
RECTANGLE = (1 / 2 + 2 / 3 + 3 / 7 + 4 / 41 + 5 / 201) / 8
FILLED_IN = (2 / 3 + 2 / 3 + 3 / 7 + 4 / 41 + 5 / 201) / 8


def test_every_figure_by_hand() -> None:
    assert figures(FOUND, TOTAL, "rectangle") == pytest.approx(
        {
            "AP": RECTANGLE,
            "AP-trapezoid": TRAPEZOID,
            "AP-rectangle": RECTANGLE,
            "AP-filled-in": FILLED_IN,
            "P@1": 0,
            "P@5": 2 / 5,
            "P@10": 3 / 10,
            "mP@1": 0,
            "mP@5": 2 / 5,
            "mP@10": 3 / 10,
            "R@10": 3 / 8,
            "R@100": 4 / 8,
            "R@1000": 5 / 8,
            "acc@1": 0,
            "acc@2": 1,
            "acc@4": 1,
            "acc@5": 1,
            "acc@8": 1,
            "acc@10": 1,
            "acc@100": 1,
            "acc@1000": 1,
            "N-S": 2,
        }
    )
    assert figures(FOUND[:1], TOTAL, "rectangle")["mP@5"] == 1 / 2


@pytest.mark.parametrize(
    ("ap", "expected"),
    [
        ("trapezoid", TRAPEZOID),
        ("rectangle", RECTANGLE),
        ("filled-in", FILLED_IN),
    ],
)
def test_the_average_precision_is_the_one_asked_for(ap: AveragePrecision, expected: float) -> None:
    assert figures(FOUND, TOTAL, ap)["AP"] == pytest.approx(expected)


def test_a_query_without_positives_has_no_figure_and_is_in_no_mean() -> None:
    none = figures(np.empty(0, np.int64), 0, "trapezoid")
    assert tuple(none) == NAMES
    assert all(map(math.isnan, none.values()))
    one = figures(FOUND, TOTAL, "trapezoid")
    perfect = figures(np.arange(TOTAL), TOTAL, "trapezoid")
    mean = mean_figures([one, none, perfect])
    assert mean == pytest.approx({name: (one[name] + perfect[name]) / 2 for name in NAMES})
    for nothing in (mean_figures([]), mean_figures([none])):
        assert tuple(nothing) == NAMES
        assert all(map(math.isnan, nothing.values()))
