"""Pooling over boxes against pooling of the parts cut out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.descriptors.pooling import gem, mac, spoc
from resight.descriptors.region_pooling import (
    max_by_places,
    max_by_slices,
    max_by_table,
    region_gem,
    region_max,
    region_mean,
)
from resight.errors import UsageError


def random_boxes(rng: np.random.Generator, count: int, height: int, width: int) -> np.ndarray:
    x = np.sort(np.stack([rng.permutation(width + 1)[:2] for _ in range(count)]), axis=1)
    y = np.sort(np.stack([rng.permutation(height + 1)[:2] for _ in range(count)]), axis=1)
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)


def cut_out(maps, boxes, pool):
    return torch.stack([pool(maps[:, :, y0:y1, x0:x1]) for x0, y0, x1, y1 in boxes.tolist()], dim=1)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 17), st.integers(1, 17), st.integers(1, 40), st.integers(0, 10**6))
def test_regions_of_the_map_equal_crops_of_the_map(height, width, count, seed):
    rng = np.random.default_rng(seed)
    maps = torch.from_numpy(rng.normal(size=(2, 3, height, width)))
    boxes = random_boxes(rng, count, height, width)
    expected = cut_out(maps, boxes, mac)
    for pool in (region_max, max_by_slices, max_by_table):
        np.testing.assert_array_equal(pool(maps, boxes), expected)
    np.testing.assert_allclose(region_mean(maps, boxes), cut_out(maps, boxes, spoc), atol=1e-12)
    active = maps.abs() + 0.01
    np.testing.assert_allclose(region_gem(active, boxes, 3.0), cut_out(active, boxes, gem), rtol=1e-6)


def test_a_weak_region_beside_a_strong_one_keeps_its_generalised_mean():
    maps = torch.full((1, 1, 8, 8), 1e-3)
    maps[:, :, :, 4:] = 100.0
    boxes = np.array([[0, 0, 4, 8], [4, 0, 8, 8]])
    np.testing.assert_allclose(region_gem(maps, boxes)[0, :, 0], [1e-3, 100.0], rtol=1e-3, atol=5e-4)


def test_all_ways_to_the_maxima_of_many_boxes_have_the_gradient_of_the_slices():
    rng = np.random.default_rng(3)
    boxes = random_boxes(rng, 300, 12, 16)
    maps = torch.from_numpy(rng.permutation(4 * 12 * 16).reshape(1, 4, 12, 16).astype(np.float64))
    gradients = []
    for pool in (max_by_slices, max_by_table, max_by_places, region_max):
        x = maps.clone().requires_grad_()
        pool(x, boxes).square().sum().backward()
        gradients.append(x.grad)
    np.testing.assert_allclose(gradients[1], gradients[0])
    np.testing.assert_allclose(gradients[2], gradients[0])
    np.testing.assert_allclose(gradients[3], gradients[0])


def test_with_and_without_gradients_the_maxima_are_the_same():
    maps = torch.from_numpy(np.maximum(np.random.default_rng(4).standard_normal((2, 5, 9, 13)), 0))
    for seed in range(5):
        boxes = random_boxes(np.random.default_rng(seed), 20, 9, 13)
        found = region_max(maps.clone().requires_grad_(), boxes).detach()
        np.testing.assert_array_equal(found, region_max(maps, boxes))


@pytest.mark.parametrize("pool", [region_max, region_mean, region_gem])
def test_no_boxes_are_no_regions(pool):
    assert pool(torch.ones(2, 3, 4, 5), np.empty((0, 4), np.int64)).shape == (2, 0, 3)


@pytest.mark.parametrize("pool", [region_max, region_mean, region_gem])
@pytest.mark.parametrize("box", [[0, 0, 0, 4], [0, 0, 6, 4], [-1, 0, 2, 2], [3, 2, 1, 3], [0, 0, 5, 5]])
def test_boxes_that_are_empty_or_outside_are_told(pool, box):
    with pytest.raises(UsageError, match="is empty or reaches out of a map of 5 x 4"):
        pool(torch.ones(1, 2, 4, 5), np.array([[0, 0, 1, 1], box]))


def test_boxes_are_integers():
    with pytest.raises(UsageError, match="integers"):
        region_max(torch.ones(1, 2, 4, 5), np.ones((1, 4)))
