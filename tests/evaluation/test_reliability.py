"""Probabilities held against the truth, against obvious lines."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from resight.errors import UsageError
from resight.evaluation.reliability import EDGES, reliability

RNG = np.random.default_rng(3)
GIVEN = np.concatenate([RNG.uniform(0, 1, 300), EDGES])
TRUE = (RNG.uniform(0, 1, len(GIVEN)) < GIVEN**2).astype(float)


def test_bins_and_errors_are_those_of_a_loop() -> None:
    found = reliability(GIVEN, TRUE)
    total = 0.0
    bins = {(one.low, one.high): one for one in found.bins}
    for low, high in itertools.pairwise(EDGES):
        inside = [(p, t) for p, t in zip(GIVEN, TRUE, strict=True) if low <= p < high or p == high == 1.0]
        mean, true = (sum(column) / len(inside) for column in zip(*inside, strict=True))
        one = bins[low, high]
        assert (one.hits, one.mean, one.true) == (len(inside), pytest.approx(mean), pytest.approx(true))
        total += len(inside) * abs(mean - true)
    assert found.calibration_error == pytest.approx(total / len(GIVEN))
    assert found.brier == pytest.approx(sum((p - t) ** 2 for p, t in zip(GIVEN, TRUE, strict=True)) / len(GIVEN))


def test_what_is_called_sure_is_counted() -> None:
    called, right = reliability(GIVEN, TRUE).called(0.95)
    assert (called, right) == (int((GIVEN >= 0.95).sum()), int(TRUE[GIVEN >= 0.95].sum()))


def test_calibrated_probabilities_have_little_error_and_overconfident_ones_much() -> None:
    p = RNG.uniform(0, 1, 20_000)
    truth = (RNG.uniform(0, 1, len(p)) < p).astype(float)
    assert reliability(p, truth).calibration_error < 0.02
    assert reliability(np.where(p > 0.5, 1.0, 0.0), truth).calibration_error > 0.2


def test_nothing_is_no_error() -> None:
    found = reliability(np.empty(0), np.empty(0))
    assert (found.hits, found.bins, found.brier, found.called(0.95)) == (0, (), 0.0, (0, 0))


@pytest.mark.parametrize(
    ("given", "truth"), [([0.5], [0, 1]), ([[0.5]], [[1]]), ([1.5], [1]), ([float("nan")], [1]), ([0.5], [2])]
)
def test_what_is_no_probability_is_refused(given: list[float], truth: list[float]) -> None:
    with pytest.raises(UsageError):
        reliability(np.array(given), np.array(truth))
