"""NetVLAD against its definition in loops and against VLAD with hard assignment."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resight.descriptors.netvlad import NetVLAD, starting_alpha
from resight.descriptors.vlad import vlad
from resight.errors import UsageError


def random_case(clusters=5, dimensions=6):
    rng = np.random.default_rng(0)
    words = rng.normal(size=(clusters, dimensions)).astype(np.float32)
    words *= 0.5  # of different norms, so that the biases matter
    maps = rng.gamma(0.5, size=(3, dimensions, 4, 5)).astype(np.float32)
    layer = NetVLAD(clusters, dimensions)
    layer.start_from(words, 10.0)
    return layer, words, maps


def test_the_layer_equals_the_loops():
    layer, words, maps = random_case()
    found = layer(torch.from_numpy(maps)).detach().numpy()
    for row, image in zip(found, maps, strict=True):
        sums = np.zeros(words.shape)
        for y in range(4):
            for x in range(5):
                descriptor = image[:, y, x] / np.linalg.norm(image[:, y, x])
                logits = np.array([-10.0 * ((descriptor - word) ** 2).sum() for word in words])
                weights = np.exp(logits - logits.max())
                weights /= weights.sum()
                for k, word in enumerate(words):
                    sums[k] += weights[k] * (descriptor - word)
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        np.testing.assert_allclose(row, sums.ravel() / np.linalg.norm(sums), atol=1e-5)


def test_a_sharp_assignment_is_vlad():
    layer, words, maps = random_case()
    layer.start_from(words, 1e5)
    found = layer(torch.from_numpy(maps)).detach().numpy()
    for row, image in zip(found, maps, strict=True):
        x = image.reshape(6, -1).T
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        nearest = ((x[:, None] - words) ** 2).sum(axis=2).argmin(axis=1)
        np.testing.assert_allclose(row, vlad(x, nearest, words, normalisation="intra"), atol=1e-4)


def test_everything_is_learned_and_named_as_published():
    layer, _, maps = random_case()
    layer(torch.from_numpy(maps))[:, 3].sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    assert set(layer.state_dict()) == {"centroids", "conv.weight", "conv.bias"}
    assert set(NetVLAD(2, 3, bias=False).state_dict()) == {"centroids", "conv.weight"}


def test_the_starting_alpha_makes_the_nearest_word_weigh_a_hundredfold():
    rng = np.random.default_rng(1)
    words = np.eye(4)
    x = np.repeat(words[:1] * np.cos(0.3) + words[1:2] * np.sin(0.3), 5, axis=0) + rng.normal(scale=1e-9, size=(5, 4))
    alpha = starting_alpha(x, words)
    distances = ((x[0] - words) ** 2).sum(axis=1)
    assert np.exp(-alpha * distances[0]) / np.exp(-alpha * distances[1]) == pytest.approx(100.0, rel=1e-3)


def test_wrong_shapes_are_told():
    layer, words, _ = random_case()
    with pytest.raises(UsageError, match="made for 6 channels, the map has 7"):
        layer(torch.ones(1, 7, 2, 2))
    with pytest.raises(UsageError, match="do not suit"):
        layer.start_from(words[:2], 1.0)
    with pytest.raises(UsageError, match="at least 2 words"):
        starting_alpha(words, words[:1])
    with pytest.raises(UsageError, match="equally far"):
        starting_alpha(words, np.ones((2, 6)))
