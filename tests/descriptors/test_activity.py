"""Channels that are rare, and classes, are shown where they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resight.descriptors.activation import class_activation_maps
from resight.descriptors.activity import likely_class_maps, sparse_channels
from resight.descriptors.crow import channel_weights
from resight.errors import UsageError
from resight.features.image_maps import ImageMaps
from resight.features.networks.architectures import blank, randomise
from resight.features.regions.sampling import Sampling
from resight.features.sight import Sight

PLACE = Sight(Sampling(10.0, 30.0, 5.0), Sampling(10.0, 30.0, 5.0), (80, 60), (1.0, 1.0), (0.0, 0.0, 80.0, 60.0))


def image(maps: torch.Tensor, mask: torch.Tensor | None = None) -> ImageMaps:
    small = torch.rand(len(maps), 2, 2, generator=torch.Generator().manual_seed(0))
    return ImageMaps((small, maps), (None, mask), (80, 60), ((20, 20), (80, 60)))


def test_the_channels_of_the_fewest_positions_come_first() -> None:
    maps = torch.zeros(4, 6, 8)
    maps[1] = 1.0
    maps[2, 3, 5] = 2.0
    maps[3, 1, 1:4] = 1.0
    maps[3, 1, 2] = 1.5
    found = sparse_channels(image(maps), (PLACE, PLACE))
    assert [one.number for one in found] == [2, 3, 1]
    assert [one.box for one in found[:2]] == [(50, 30, 60, 40), (20, 10, 30, 20)]
    weights = channel_weights(maps[None])[0].numpy()
    np.testing.assert_allclose([one.weight for one in found], weights[[2, 3, 1]], rtol=1e-6)
    np.testing.assert_array_equal(found[1].heat.values, maps[3].numpy())
    assert [one.number for one in sparse_channels(image(maps), (PLACE, PLACE), count=1)] == [2]


def test_positions_that_do_not_count_are_not_active() -> None:
    maps = torch.ones(2, 6, 8)
    mask = torch.zeros(6, 8)
    mask[4, 6] = 1.0
    maps[1, 4, 6] = 0.0
    assert [(one.number, one.box) for one in sparse_channels(image(maps, mask), (PLACE, PLACE))] == []
    maps[1, 5, 6] = mask[5, 6] = 1.0
    found = sparse_channels(image(maps, mask), (PLACE, PLACE))
    assert [(one.number, one.box) for one in found] == [(1, (60, 50, 70, 60)), (0, (60, 40, 70, 50))]


def test_classes_are_shown_by_their_score() -> None:
    network = blank("mobilenet_v2", classes=9)
    randomise(network, 1)
    maps = torch.rand(1280, 6, 8, generator=torch.Generator().manual_seed(3))
    weight, bias = network.class_weights()
    found = likely_class_maps(image(maps), (PLACE, PLACE), network, 3)
    scores = (maps.mean(dim=(1, 2)) @ weight.detach().T + bias.detach()).numpy()
    assert [one.number for one in found] == np.argsort(-scores)[:3].tolist()
    np.testing.assert_allclose([one.weight for one in found], np.sort(scores)[::-1][:3], rtol=1e-4)
    expected = class_activation_maps(maps[None], weight.detach(), torch.tensor([[found[0].number]]))[0, 0]
    np.testing.assert_allclose(found[0].heat.values, expected.numpy(), atol=1e-5)


def test_maps_of_another_layer_have_no_classes() -> None:
    network = blank("mobilenet_v2", classes=9)
    randomise(network, 1)
    with pytest.raises(UsageError, match="reads 1280 channels, and these maps have 32"):
        likely_class_maps(image(torch.rand(32, 6, 8)), (PLACE, PLACE), network)
