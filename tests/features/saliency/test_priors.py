"""Weights of positions by where they are and how strong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from resight.features.regions.grids import rmac_grid
from resight.features.saliency.priors import feature_norms, region_coverage, stretched_centre_prior


def test_the_stretched_prior_is_the_papers_formula_from_nothing_to_one() -> None:
    prior = stretched_centre_prior(9, 15)
    naive = [
        [math.exp(-((-4.5 + 9 * y / 8) ** 2 + (-7.5 + 15 * x / 14) ** 2) / (2 * (9 / 3) ** 2)) for x in range(15)]
        for y in range(9)
    ]
    low, high = np.min(naive), np.max(naive)
    np.testing.assert_allclose(prior, (np.array(naive) - low) / (high - low), atol=1e-6)
    assert prior[4, 7] == 1.0
    assert prior[0, 0] == prior[8, 14] == 0.0
    assert stretched_centre_prior(1, 1) == 1.0


def test_norms_are_parts_of_the_largest() -> None:
    maps = np.random.default_rng(0).random((5, 3, 4)).astype(np.float32)
    naive = [[math.sqrt(sum(float(v) ** 2 for v in maps[:, y, x])) for x in range(4)] for y in range(3)]
    np.testing.assert_allclose(feature_norms(maps), np.array(naive) / np.max(naive), rtol=1e-6)
    np.testing.assert_array_equal(feature_norms(np.zeros((2, 3, 4), np.float32)), 1.0)
    np.testing.assert_array_equal(feature_norms(np.ones((2, 1, 1), np.float32)), 1.0)


@pytest.mark.parametrize("levels", [1, 2, 3, 7])
def test_coverage_counts_the_regions_that_a_position_lies_in(levels: int) -> None:
    count = [
        [sum(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in rmac_grid(9, 14, levels)) for x in range(14)]
        for y in range(9)
    ]
    found = region_coverage(np.zeros((3, 9, 14), np.float32), levels)
    np.testing.assert_allclose(found, np.array(count) / np.max(count), rtol=1e-6)


def test_coverage_prefers_the_middle_and_one_position_is_all() -> None:
    found = region_coverage(np.zeros((3, 12, 12), np.float32))
    assert found[6, 6] > found[0, 0]
    np.testing.assert_array_equal(region_coverage(np.zeros((3, 1, 1), np.float32), 7), [[1.0]])
