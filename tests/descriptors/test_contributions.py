"""Shares of channels sum to the similarity, and their places are where the activations are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from resight.descriptors.contributions import (
    Traced,
    contributions,
    shares,
    similarity_heat,
    traced,
)
from resight.descriptors.kinds import Crow, Gem, Mac, Rmac, Spoc
from resight.descriptors.methods.pooling import BY_SCALE, EXPONENT
from resight.features.image_maps import ImageMaps
from resight.features.networks.architectures import blank
from resight.features.regions.sampling import Sampling
from resight.features.sight import Sight, sights
from resight.learned.whitening import Whitening, fit_pca_whitening

SIZES = ((9, 12), (6, 8))
CHANNELS = 7
METHODS = [Mac(), Spoc(), Spoc(centre_prior=True), Gem(p=2.5), Crow(), Rmac(levels=2), Rmac(levels=3)]
WHITENING = fit_pca_whitening(np.random.default_rng(0).random((60, CHANNELS)).astype(np.float32) ** 3, 5)


def photo(seed: int, masked: bool = False) -> ImageMaps:
    generator = torch.Generator().manual_seed(seed)
    maps = tuple(torch.rand(CHANNELS, *size, generator=generator) ** 4 for size in SIZES)
    masks: list[Tensor | None] = [None, None]
    if masked:
        for row, size in enumerate(SIZES):
            mask = torch.zeros(size)
            mask[1:5, 2:7] = 1.0
            masks[row] = mask
    return ImageMaps(maps, tuple(masks), (120, 90), ((120, 90), (80, 60)))


def places(image: ImageMaps) -> tuple[Sight, ...]:
    """Of a layer with a stride of 10 pixels that sees 30."""
    sampling = Sampling(10.0, 30.0, 5.0)
    return tuple(
        Sight(sampling, sampling, given, (image.size[0] / given[0], image.size[1] / given[1]), (0.0, 0.0, 120.0, 90.0))
        for given in image.inputs
    )


def trace(image: ImageMaps, method: Any, whitening: Whitening | None = None, fitted: Any = None) -> Traced:
    return traced(image, places(image), method, whitening, fitted or {})


def descriptor(image: ImageMaps, method: Any, whitening: Whitening | None, fitted: Any = None) -> np.ndarray:
    found: np.ndarray = method.describe(image, whitening, fitted or {})
    return found


@pytest.mark.parametrize("whitening", [None, WHITENING], ids=["raw", "whitened"])
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_shares_sum_to_the_similarity(method: Any, masked: bool, whitening: Whitening | None) -> None:
    query, image = photo(1, masked), photo(2)
    similarity = descriptor(query, method, whitening) @ descriptor(image, method, whitening)
    each = shares(trace(query, method, whitening), trace(image, method, whitening))
    assert each.shape == (CHANNELS,)
    assert each.sum() == pytest.approx(similarity, abs=1e-5)
    if whitening is None:
        np.testing.assert_allclose(
            each, descriptor(query, method, None) * descriptor(image, method, None), atol=1e-6, err_msg=method.kind
        )


def test_a_photo_of_which_nothing_counts_shares_nothing() -> None:
    nowhere = photo(1)
    nowhere = ImageMaps(nowhere.maps, tuple(torch.zeros(size) for size in SIZES), nowhere.size, nowhere.inputs)
    assert not shares(trace(nowhere, Rmac(), WHITENING), trace(photo(2), Rmac(), WHITENING)).any()


@pytest.mark.parametrize("exponent", [[2.2], [1.0 + i / 3 for i in range(CHANNELS)]], ids=["one p", "a p a channel"])
def test_shares_of_a_learned_exponent_sum_to_the_similarity(exponent: list[float]) -> None:
    query, image, p = photo(1), photo(2), {EXPONENT: np.array(exponent, np.float32)}
    similarity = descriptor(query, Gem(), WHITENING, p) @ descriptor(image, Gem(), WHITENING, p)
    each = shares(trace(query, Gem(), WHITENING, p), trace(image, Gem(), WHITENING, p))
    assert each.sum() == pytest.approx(similarity, abs=1e-5)


def test_shares_of_scales_that_are_whitened_one_by_one_sum_to_the_similarity() -> None:
    query, image = photo(1), photo(2)
    fitted = {BY_SCALE: np.zeros(0, np.bool_)}
    similarity = descriptor(query, Gem(), WHITENING, fitted) @ descriptor(image, Gem(), WHITENING, fitted)
    assert similarity != descriptor(query, Gem(), WHITENING) @ descriptor(image, Gem(), WHITENING)
    one, other = (trace(maps, Gem(), WHITENING, fitted) for maps in (query, image))
    assert shares(one, other).sum() == pytest.approx(similarity, abs=1e-5)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_positions_sum_to_what_was_pooled(method: Any) -> None:
    image = trace(photo(1), method)
    total = sum(part.sum(axis=(1, 2), dtype=np.float64) for part in image.parts)
    np.testing.assert_allclose(total, descriptor(photo(1), method, None), atol=1e-6)
    heat = similarity_heat(image, trace(photo(2), method))
    similarity = descriptor(photo(1), method, None) @ descriptor(photo(2), method, None)
    assert sum(one.values.sum() for one in heat) == pytest.approx(similarity, abs=1e-5)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_positions_that_do_not_count_add_nothing(method: Any) -> None:
    image = photo(1, masked=True)
    for part, mask in zip(trace(image, method).parts, image.masks, strict=True):
        assert mask is not None
        counts = mask.numpy() > 0
        assert np.abs(part[:, counts]).max() > 0
        assert np.abs(part[:, ~counts]).max() == 0


@pytest.mark.parametrize("whitening", [None, WHITENING], ids=["raw", "whitened"])
def test_parts_are_activation_times_gradient(whitening: Whitening | None) -> None:
    query, image = photo(1), photo(2)
    against = torch.from_numpy(descriptor(image, Gem(), whitening)).double()
    maps = [each.double().clone().requires_grad_() for each in query.maps]
    scales = [torch.nn.functional.normalize(x.clamp(min=1e-6).pow(3).mean(dim=(1, 2)).pow(1 / 3), dim=0) for x in maps]
    # The norms are what they are: a gradient through them would say how a similarity changes, not what it is made of.
    fixed = [x.clamp(min=1e-6).pow(3).mean(dim=(1, 2)).pow(1 / 3) for x in maps]
    norms = [(value.detach() / scale.detach())[0] for value, scale in zip(fixed, scales, strict=True)]
    joined = sum(value / norm for value, norm in zip(fixed, norms, strict=True)) / 2
    joined = joined / torch.linalg.vector_norm(joined.detach())
    if whitening is not None:
        joined = torch.from_numpy(whitening.projection).double() @ (joined - torch.from_numpy(whitening.mean))
        joined = joined / torch.linalg.vector_norm(joined.detach())
    (joined @ against).backward()
    heat = similarity_heat(trace(query, Gem(), whitening), trace(image, Gem(), whitening))
    for each, values in zip(maps, heat, strict=True):
        assert each.grad is not None
        np.testing.assert_allclose(values.values, (each * each.grad).sum(dim=0).detach().numpy(), atol=1e-5)


def spots(*at: tuple[int, int, int, float], scales: int = 1) -> ImageMaps:
    """One map or two with activations (channel, row, column, value); the second scale sees nothing."""
    maps = [torch.zeros(4, *size) for size in SIZES[:scales]]
    for channel, row, column, value in at:
        maps[-1][channel, row, column] = value
    return ImageMaps(tuple(maps), (None,) * scales, (120, 90), ((120, 90), (80, 60))[:scales])


@pytest.mark.parametrize("method", [Mac(), Gem(), Rmac(levels=2)], ids=lambda method: method.kind)
def test_a_channel_looks_where_it_is_most_active(method: Any) -> None:
    query = spots((0, 2, 3, 1.0), (0, 7, 7, 0.5), (1, 4, 4, 2.0), (2, 0, 0, 3.0))
    image = spots((0, 8, 11, 1.0), (1, 5, 1, 2.0), (3, 4, 4, 1.0))
    first, second = contributions(trace(query, method), trace(image, method))[:2]
    assert (first.channel, second.channel) == (1, 0)
    assert first.share > second.share > 0
    assert (first.query_box, first.image_box) == ((40, 40, 50, 50), (10, 50, 20, 60))
    assert (second.query_box, second.image_box) == ((30, 20, 40, 30), (110, 80, 120, 90))
    # Receptive fields end at the border of the photo.
    assert (second.query_field, second.image_field) == ((20, 10, 50, 40), (100, 70, 120, 90))


def test_boxes_of_a_smaller_scale_are_larger_on_the_photo() -> None:
    image = spots((1, 2, 3, 1.0), scales=2)
    (one,) = contributions(trace(image, Mac()), trace(image, Mac()))
    assert one.query_box == (45, 30, 60, 45)
    assert one.share == pytest.approx(1.0)


def test_what_both_lack_is_not_told() -> None:
    mean = np.array([0.2, 0.2, 0.5, 0.1], np.float32)
    whitening = Whitening(mean, np.eye(4, dtype=np.float32))
    query, image = spots((0, 1, 1, 1.0), (3, 2, 2, 0.3)), spots((0, 1, 1, 1.0), (1, 3, 3, 0.8))
    one, other = trace(query, Mac(), whitening), trace(image, Mac(), whitening)
    assert shares(one, other)[2] > 0
    assert [each.channel for each in contributions(one, other)] == [0]
    assert contributions(one, other, count=0) == []


def test_photos_without_activations_share_nothing() -> None:
    for method in (Mac(), Spoc(), Crow(), Rmac()):
        assert contributions(trace(spots(), method), trace(spots((0, 1, 1, 1.0)), method)) == []


def test_a_part_of_a_photo_looks_at_that_part() -> None:
    network = blank("mobilenet_v2")
    maps = torch.zeros(32, 6, 8)
    maps[5, 1, 2] = 1.0
    part = ImageMaps((maps,), (None,), (128, 96), ((64, 48),), (30.0, 40.0))
    (place,) = sights(part, network, "features.4")
    (one,) = contributions(*[traced(part, (place,), Mac(), None, {})] * 2)
    centre = np.array(one.query_box).reshape(2, 2).mean(axis=0)
    field = network.receptive_field("features.4", 64)
    expected = [(index * field.stride + field.offset + field.size / 2) * 2 for index in (2, 1)]
    np.testing.assert_allclose(centre, np.add(expected, (30, 40)))
    assert one.query_box[2] - one.query_box[0] == field.stride * 2
    heat = place.heat(maps[5].numpy())
    np.testing.assert_allclose(np.array(heat.first) + np.array(heat.step) * (2, 1), centre)
    assert heat.part == (30, 40, 158, 136)
