"""Global poolings against loops, against each other, and against another implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.descriptors.gem_module import GeM
from resight.descriptors.pooling import gem, l2_normalise, mac, masked, power_mean, spoc
from resight.descriptors.priors import centre_bias, centre_prior
from resight.descriptors.superglobal import gem_plus, regional_gem, relup, scale_gem
from resight.errors import UsageError


def random_maps(seed: int = 0, shape=(3, 5, 6, 7)) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 0.5


def in_a_loop(maps, pool):
    return np.array([[pool(channel.ravel()) for channel in image] for image in maps.numpy()])


def test_poolings_equal_the_loops():
    x = random_maps().clamp(min=0)
    np.testing.assert_allclose(mac(x), in_a_loop(x, max))
    np.testing.assert_allclose(spoc(x), in_a_loop(x, lambda v: sum(v) / len(v)))
    expected = in_a_loop(x, lambda v: (sum(max(value, 1e-6) ** 2.5 for value in v) / len(v)) ** (1 / 2.5))
    np.testing.assert_allclose(gem(x, 2.5), expected, rtol=1e-12)


def test_weights_equal_a_loop():
    x, weights = random_maps(1).clamp(min=0), random_maps(2, (6, 7)).abs()
    w = weights.numpy().ravel()
    np.testing.assert_allclose(spoc(x, weights), in_a_loop(x, lambda v: (v * w).sum() / w.sum()), rtol=1e-12)
    expected = in_a_loop(x, lambda v: ((np.maximum(v, 1e-6) ** 3 * w).sum() / w.sum()) ** (1 / 3))
    np.testing.assert_allclose(gem(x, 3.0, weights), expected, rtol=1e-12)
    np.testing.assert_allclose(masked(x, weights), x.numpy() * weights.numpy())


def test_a_mask_of_a_box_pools_what_the_box_holds():
    x = random_maps(3)
    mask = torch.zeros(6, 7, dtype=torch.bool)
    mask[1:4, 2:6] = True
    part = x[:, :, 1:4, 2:6]
    np.testing.assert_allclose(mac(x, mask), mac(part))
    np.testing.assert_allclose(spoc(x, mask), spoc(part))
    np.testing.assert_allclose(gem(x, 3.0, mask), gem(part), rtol=1e-9)


def test_each_image_has_its_own_mask_and_an_empty_one_gives_zeros():
    x = random_maps(4)
    masks = torch.zeros(3, 6, 7, dtype=torch.bool)
    masks[0, 2, 3] = True
    masks[1] = True
    for pooled in (mac(x, masks), spoc(x, masks)):
        np.testing.assert_allclose(pooled[0], x[0, :, 2, 3])
        assert not pooled[2].any()
    np.testing.assert_allclose(mac(x, masks)[1], mac(x)[1])
    assert torch.isfinite(gem(x, 3.0, masks)).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 5), st.integers(0, 6), st.integers(0, 1000))
def test_what_moves_in_the_map_keeps_its_maximum_and_mean(dy, dx, seed):
    x = random_maps(seed)
    moved = torch.roll(x, (dy, dx), dims=(2, 3))
    np.testing.assert_allclose(mac(moved), mac(x))
    np.testing.assert_allclose(spoc(moved), spoc(x), atol=1e-12)
    np.testing.assert_allclose(gem(moved), gem(x), atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(0.5, 20.0), st.integers(0, 1000))
def test_a_brighter_map_is_a_longer_vector(factor, p, seed):
    x = random_maps(seed).abs() + 0.01
    for pool in (mac, spoc, lambda maps: gem(maps, p)):
        np.testing.assert_allclose(pool(x * factor), pool(x) * factor, rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 10.0), st.floats(0.1, 5.0), st.integers(0, 1000))
def test_gem_grows_with_p_from_the_mean_to_the_maximum(p, more, seed):
    x = random_maps(seed).clamp(min=1e-6)
    assert (gem(x, p + more) >= gem(x, p) - 1e-12).all()
    np.testing.assert_allclose(gem(x, 1.0), spoc(x), rtol=1e-12)
    np.testing.assert_allclose(gem(x, 5000.0), mac(x), rtol=2e-3)


def test_a_large_p_stays_in_range_in_float32():
    x = random_maps(5).float() * 1000
    assert torch.isfinite(gem(x, 60.0)).all()
    np.testing.assert_allclose(gem(x, 60.0), gem(x.double(), 60.0), rtol=1e-5)


@pytest.mark.parametrize("pool", [mac, spoc, gem, lambda x: gem(x, torch.tensor([2.2]))])
def test_a_batch_of_one_equals_a_batch_of_many(pool):
    x = random_maps(6, (9, 64, 12, 16)).float()
    together = pool(x)
    for row in range(len(x)):
        np.testing.assert_allclose(pool(x[row : row + 1])[0], together[row], atol=1e-5)
    np.testing.assert_allclose(pool(x.contiguous(memory_format=torch.channels_last)), together, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_pooled_in_float32(dtype):
    x = (random_maps(7).clamp(min=0) * 50).to(dtype)
    for pool in (mac, spoc, gem):
        assert pool(x).dtype == torch.float32
        np.testing.assert_allclose(pool(x), pool(x.double()), rtol=1e-5)


def test_p_is_learned_for_all_channels_or_each():
    x = random_maps(8).clamp(min=0.01)
    for layer in (GeM(2.0), GeM(2.0, parameters=5)):
        np.testing.assert_allclose(layer(x).detach(), gem(x, 2.0), rtol=1e-6)
        layer(x).sum().backward()
        assert layer.p.grad is not None
        assert (layer.p.grad != 0).all()
    assert set(GeM().state_dict()) == {"p"}
    each = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.float64)
    np.testing.assert_allclose(gem(x, each), torch.stack([gem(x, float(p))[:, i] for i, p in enumerate(each)], 1))


def test_gradients_are_those_of_the_definition():
    x = (random_maps(9, (1, 2, 3, 3)).abs() + 0.1).requires_grad_()
    p = torch.tensor([2.5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gem, (x, p))
    assert torch.autograd.gradcheck(lambda maps: power_mean(maps[0, :, None, :, 0], 3.0), (x,))


@pytest.mark.parametrize("p", [0.0, -1.0, float("nan")])
def test_p_must_be_positive(p):
    with pytest.raises(UsageError, match="p > 0"):
        gem(random_maps(), p)


def test_shapes_that_do_not_suit_are_told():
    with pytest.raises(UsageError, match="4 values of p do not suit 5 channels"):
        gem(random_maps(), torch.ones(4))
    for shape in ((7, 6), (2, 6, 7), (3, 1, 6, 7)):
        with pytest.raises(UsageError, match="weights of shape"):
            spoc(random_maps(), torch.ones(shape))


def test_power_mean_over_scales():
    d = l2_normalise(random_maps(10, (4, 3, 8)))
    np.testing.assert_allclose(power_mean(d), l2_normalise(d.mean(0)))
    signed = torch.sign(d) * d.abs() ** 3
    expected = signed.mean(0)
    np.testing.assert_allclose(power_mean(d, 3.0), l2_normalise(expected.sign() * expected.abs() ** (1 / 3)), atol=1e-9)
    np.testing.assert_allclose(power_mean(d[:1], 3.0), d[0], atol=1e-9)
    np.testing.assert_allclose(power_mean(d, torch.tensor(3.0)), power_mean(d, 3.0), atol=1e-6)


def test_a_row_of_zeros_stays():
    assert not l2_normalise(torch.zeros(2, 3)).any()


def test_centre_priors():
    prior = centre_prior(9, 15)
    np.testing.assert_allclose(prior, prior[::-1])
    np.testing.assert_allclose(prior, prior[:, ::-1])
    assert prior[4, 7] == 1.0
    # One sigma, 9 / 6 positions, from the centre: exp(-1/2); the distance is 1.5 for a wider prior of sigma 3 as well.
    assert prior[4, 8] == pytest.approx(np.exp(-1 / (2 * 1.5**2)))
    assert centre_prior(9, 15, sigma=3.0)[1, 7] == pytest.approx(np.exp(-0.5))
    assert centre_prior(1, 1) == 1.0


def test_centre_bias_is_flat_in_the_middle_and_1_at_the_corners():
    bias = centre_bias(7, 10, 0.5)
    np.testing.assert_allclose(bias[3, 4:6], 1.5)
    np.testing.assert_allclose(bias[[0, 0, -1, -1], [0, -1, 0, -1]], 1.0)
    np.testing.assert_allclose(centre_bias(4, 4, 2.0)[1:3, 1:3], 3.0)


@pytest.mark.golden
def test_golden_values(golden):
    values = golden("pooling")
    for case in range(int(values["n_cases"])):
        given = {name: values[f"case{case}_{name}"] for name in ("mac", "spoc", "gem_p3", "gem_p2_37")}
        single = torch.from_numpy(values[f"case{case}_x"])[None]
        for x, tolerance in ((single.double(), 1e-14), (single, 1e-6)):
            np.testing.assert_allclose(mac(x)[0], given["mac"], rtol=tolerance)
            np.testing.assert_allclose(spoc(x)[0], given["spoc"], rtol=tolerance)
            np.testing.assert_allclose(gem(x, 3.0)[0], given["gem_p3"], rtol=tolerance * 5)
            np.testing.assert_allclose(gem(x, 2.37)[0], given["gem_p2_37"], rtol=tolerance * 5)


@pytest.mark.parametrize("window", [0, -1, 2, 4, 13])
def test_a_window_that_does_not_suit_the_map_is_told(window):
    with pytest.raises(
        UsageError, match=f"a window of {window} on a map of 7 x 6 positions: it must be odd, and at most 11"
    ):
        regional_gem(random_maps(), window=window)


def test_other_refusals_of_superglobal():
    for pool in (gem_plus, regional_gem):
        with pytest.raises(UsageError, match="p > 0, not 0"):
            pool(random_maps(), p=0)
    with pytest.raises(UsageError, match="no scale"):
        scale_gem(torch.zeros(0, 1, 3))


@pytest.mark.golden
def test_golden_values_of_superglobal(golden):
    values = golden("pooling")
    for case in range(int(values["n_cases"])):
        x = torch.from_numpy(values[f"case{case}_x"])[None].double()
        regional = regional_gem(x)
        found = {
            "gem_p4_6": gem_plus(x)[0],
            "rgem": regional[0],
            "rgem_gem": gem_plus(regional)[0],
            "relup": relup(x)[0],
            "sgem": scale_gem(torch.from_numpy(values[f"case{case}_superglobal_scale_descriptors"])[:, None])[0],
        }
        for name, value in found.items():
            np.testing.assert_allclose(value, values[f"case{case}_superglobal_{name}"], atol=1e-12)
