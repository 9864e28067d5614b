"""R-MAC, the paper's and the code's, against loops and another implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resight.descriptors.region_pooling import region_max
from resight.descriptors.regional import regional_maxima, rmac, rmac_cirtorch
from resight.features.regions.grids import rmac_grid


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def in_a_loop(image, levels=3):
    total = np.zeros(len(image))
    for x0, y0, x1, y1 in rmac_grid(*image.shape[1:], levels):
        total += unit(image[:, y0:y1, x0:x1].max(axis=(1, 2)))
    return total


def random_maps(seed=0, shape=(4, 16, 12, 17)):
    return np.random.default_rng(seed).gamma(0.3, size=shape)


def test_rmac_equals_the_loop():
    x = random_maps()
    found = rmac(torch.from_numpy(x))
    for row, image in zip(found, x, strict=True):
        np.testing.assert_allclose(row, unit(in_a_loop(image)), atol=1e-12)


def test_the_codes_variant_adds_the_whole_map():
    x = random_maps(1)
    found = rmac_cirtorch(torch.from_numpy(x))
    for row, image in zip(found, x, strict=True):
        np.testing.assert_allclose(row, in_a_loop(image) + unit(image.max(axis=(1, 2))), rtol=1e-5)


def test_regions_are_whitened_before_they_are_summed():
    x, rng = random_maps(2), np.random.default_rng(3)
    weight, bias = rng.normal(size=(6, 16)), rng.normal(size=6)

    def whiten(rows):
        return torch.nn.functional.normalize(rows @ torch.from_numpy(weight).T + torch.from_numpy(bias), dim=-1)

    found = rmac(torch.from_numpy(x), 2, whiten)
    for row, image in zip(found, x, strict=True):
        parts = [image[:, y0:y1, x0:x1].max(axis=(1, 2)) for x0, y0, x1, y1 in rmac_grid(12, 17, 2)]
        np.testing.assert_allclose(row, unit(unit(unit(np.array(parts)) @ weight.T + bias).sum(axis=0)), atol=1e-12)


def test_a_batch_of_one_equals_a_batch_of_many():
    x = torch.from_numpy(random_maps(4, (6, 64, 16, 21))).float()
    together = rmac(x)
    for row in range(len(x)):
        np.testing.assert_allclose(rmac(x[row : row + 1])[0], together[row], atol=1e-5)


def test_a_blank_map_gives_zeros():
    assert not rmac(torch.zeros(1, 4, 6, 6)).any()
    assert not rmac_cirtorch(torch.zeros(1, 4, 6, 6)).any()


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("pooling")
    for case in range(int(values["n_cases"])):
        x = torch.from_numpy(values[f"case{case}_x"])[None].double()
        grid = rmac_grid(x.shape[2], x.shape[3])
        np.testing.assert_allclose(region_max(x, grid)[0], values[f"case{case}_rmac_region_mac"], atol=0)
        np.testing.assert_allclose(rmac(x)[0], values[f"case{case}_rmac_paper"], atol=1e-12)
        summed = regional_maxima(x)[0].sum(dim=0).numpy()
        np.testing.assert_allclose(unit(summed), values[f"case{case}_rmac_paper"], atol=1e-12)
        raw = rmac_cirtorch(x)[0].numpy()
        np.testing.assert_allclose(raw, values[f"case{case}_rmac_cirtorch_raw"], atol=1e-12)
        np.testing.assert_allclose(unit(raw), values[f"case{case}_rmac_cirtorch_l2"], atol=2e-6)
        # The two differ by 1e-3: a test that took one for the other would be too loose.
        assert np.abs(unit(raw) - rmac(x)[0].numpy()).max() > 5e-4
