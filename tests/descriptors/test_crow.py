"""Cross-dimensional weighting against its definition in loops and the authors' values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resight.descriptors.crow import channel_weights, crow, spatial_weights, ucrow


def random_maps(seed=0):
    x = np.random.default_rng(seed).gamma(0.5, size=(3, 8, 5, 6))
    x[x < 0.3] = 0.0
    x[1, 4] = 0.0
    return x


def in_loops(image, a=2.0, b=2.0):
    channels, height, width = image.shape
    total = [[sum(image[c, i, j] for c in range(channels)) for j in range(width)] for i in range(height)]
    norm = sum(value**a for row in total for value in row) ** (1 / a)
    share = [np.count_nonzero(image[c]) / (height * width) for c in range(channels)]
    result = []
    for c in range(channels):
        weight = np.log(sum(share) / share[c]) if share[c] else 0.0
        pooled = sum(image[c, i, j] * (total[i][j] / norm) ** (1 / b) for i in range(height) for j in range(width))
        result.append(weight * pooled)
    return result


@pytest.mark.parametrize(("a", "b"), [(2.0, 2.0), (1.0, 1.0), (2.0, 0.5)])
def test_crow_equals_the_loops(a, b):
    x = random_maps()
    expected = [in_loops(image, a, b) for image in x]
    np.testing.assert_allclose(crow(torch.from_numpy(x), a, b), expected, rtol=1e-6)
    np.testing.assert_allclose(ucrow(torch.from_numpy(x)), x.sum(axis=(2, 3)))


def test_a_dead_channel_weighs_nothing_and_a_blank_map_is_zeros():
    assert channel_weights(torch.from_numpy(random_maps()))[1, 4] == 0.0
    blank = torch.zeros(1, 4, 3, 3)
    assert not crow(blank).any()
    assert not spatial_weights(blank).any()
    assert not channel_weights(blank).any()


def test_weights_do_not_depend_on_brightness():
    x = torch.from_numpy(random_maps(1))
    np.testing.assert_allclose(spatial_weights(x * 7), spatial_weights(x))
    np.testing.assert_allclose(channel_weights(x * 7), channel_weights(x))


def test_a_batch_of_one_equals_a_batch_of_many():
    x = torch.from_numpy(random_maps(2)).float()
    for row in range(len(x)):
        np.testing.assert_allclose(crow(x[row : row + 1])[0], crow(x)[row], rtol=1e-5)


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("crow")
    for case in range(int(values["n_cases"])):
        x = torch.from_numpy(values[f"case{case}_x"])[None].double()
        expected = {name: values[f"case{case}_{name}"] for name in ("crow", "crow_l2", "ucrow", "channel_weight")}
        a, b = float(values["a"]), float(values["b"])
        np.testing.assert_allclose(spatial_weights(x, a, b)[0], values[f"case{case}_spatial_weight"], rtol=1e-12)
        unit_powers = spatial_weights(x, 1.0, 1.0)[0]
        np.testing.assert_allclose(unit_powers, values[f"case{case}_spatial_weight_a1_b1"], rtol=1e-12)
        np.testing.assert_allclose(channel_weights(x)[0], expected["channel_weight"], atol=6e-7)
        np.testing.assert_array_equal(channel_weights(x)[0] == 0, expected["channel_weight"] == 0)
        found = crow(x, a, b)[0]
        np.testing.assert_allclose(found, expected["crow"], rtol=1e-6)
        np.testing.assert_allclose(found / found.norm(), expected["crow_l2"], atol=1e-7)
        np.testing.assert_allclose(ucrow(x)[0], expected["ucrow"], rtol=1e-12)
