"""What is computed of maps is the same in numpy and in torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from resight.descriptors.crow import channel_weights, crow, spatial_weights
from resight.descriptors.pooling import gem, l2_normalise, mac, power_mean, spoc
from resight.descriptors.region_pooling import max_by_slices, max_by_table, region_gem, region_max, region_mean
from resight.descriptors.regional import regional_maxima, rmac, rmac_cirtorch
from resight.descriptors.superglobal import regional_gem, scale_gem, superglobal_vector
from resight.libraries import AnyArray

RNG = np.random.default_rng(5)
MAPS = np.maximum(RNG.standard_normal((2, 7, 11, 14)), 0).astype(np.float32)
MAPS[:, 3] = 0.0
MASK = np.zeros((11, 14), np.float32)
MASK[2:9, 3:8] = 1.0
BOXES = np.array([[0, 0, 14, 11], [3, 2, 4, 3], [5, 1, 12, 10], [0, 4, 9, 7], [2, 2, 8, 8]])
CASES: dict[str, Callable[..., AnyArray]] = {
    "mac": mac,
    "spoc": spoc,
    "gem": partial(gem, p=2.5),
    "power mean": partial(power_mean, p=3.0),
    "l2": l2_normalise,
    "crow": crow,
    "spatial": spatial_weights,
    "channels": channel_weights,
    "region max": partial(region_max, boxes=BOXES),
    "by slices": partial(max_by_slices, boxes=BOXES),
    "by table": partial(max_by_table, boxes=BOXES),
    "no boxes": partial(max_by_table, boxes=BOXES[:0]),
    "region mean": partial(region_mean, boxes=BOXES),
    "region gem": partial(region_gem, boxes=BOXES, p=2.5),
    "regional maxima": regional_maxima,
    "rmac": rmac,
    "cirtorch": rmac_cirtorch,
    "regional gem": regional_gem,
    "scale gem": scale_gem,
}
MASKED: dict[str, Callable[..., AnyArray]] = {
    "mac": mac,
    "spoc": spoc,
    "gem": lambda maps, mask: gem(maps, 3.0, mask),
    "regional maxima": lambda maps, mask: regional_maxima(maps, 3, mask),
    "rmac": lambda maps, mask: rmac([maps, maps[:, :, ::1]], 2, None, [mask, mask]),
    "superglobal": lambda maps, mask: superglobal_vector(maps[0], mask),
}


def same(found: Any, expected: Any) -> None:
    assert isinstance(found, np.ndarray)
    assert isinstance(expected, torch.Tensor)
    assert found.dtype == expected.numpy().dtype
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_maps(name: str, dtype: type) -> None:
    given = MAPS.astype(dtype)
    same(CASES[name](given), CASES[name](torch.from_numpy(given)))


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("mask", [MASK, np.zeros_like(MASK), np.ones_like(MASK)], ids=["some", "none", "all"])
def test_masked_maps(name: str, mask: Any) -> None:
    same(MASKED[name](MAPS, mask), MASKED[name](torch.from_numpy(MAPS), torch.from_numpy(mask)))


def test_half_precision_is_pooled_in_float32() -> None:
    for function in (mac, spoc, gem):
        found = function(MAPS.astype(np.float16))
        same(found, function(torch.from_numpy(MAPS.astype(np.float16))))
        assert found.dtype == np.float32


def test_an_exponent_of_each_channel() -> None:
    p = np.linspace(1.0, 5.0, 7, dtype=np.float32)
    same(gem(MAPS, p), gem(torch.from_numpy(MAPS), torch.from_numpy(p)))
