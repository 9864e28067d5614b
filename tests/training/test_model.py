"""The descriptor that is trained is that of the index, and gives its weights back as the network has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from resight.descriptors.joining import join
from resight.descriptors.pooled import unit_sum
from resight.errors import RecipeError
from resight.features.joined import JoinedExtractor
from resight.features.kinds import JoinedMaps
from resight.features.networks.architectures import blank, randomise
from resight.images import Decoded
from resight.recipe import load_recipe
from resight.recipe.reading import parse_recipe
from resight.training.heads import head_of
from resight.training.model import TrainedDescriptor, joined, open_descriptor, parts_of


@pytest.fixture
def model(recipe_folder: Path) -> TrainedDescriptor:
    channel = load_recipe(recipe_folder / "tiny.toml").channel["main"]
    return open_descriptor(channel, "tiny", recipe_folder, until="blocks.1")


def test_it_is_the_descriptor_of_the_index(model: TrainedDescriptor, recipe_folder: Path) -> None:
    channel = load_recipe(recipe_folder / "tiny.toml").channel["main"]
    assert isinstance(channel.features, JoinedMaps)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    extractor = JoinedExtractor(channel.features, recipe_folder)
    (images,) = extractor.extract([extractor.prepare(Decoded(pixels, (96, 64)))])
    vectors = [unit_sum(part.method.vectors_of(image)) for part, image in zip(model.parts, images, strict=True)]
    with torch.no_grad():
        found = model(model.inputs(pixels[None]))
    for own, wanted in zip(found, vectors, strict=True):
        assert np.allclose(own[0].numpy(), wanted, atol=1e-5)
    whole = joined(model.parts, "concatenate", found)
    assert np.allclose(whole[0].numpy(), join(vectors, [1.0, 1.0], "concatenate"), atol=1e-5)


def test_changed_weights_are_those_of_the_network(model: TrainedDescriptor) -> None:
    with torch.no_grad():
        for number, one in enumerate(model.learned().values()):
            one += 0.01 * torch.randn(one.shape, generator=torch.Generator().manual_seed(number))
    again = blank("efficientnet_lite0")
    state = model.network_state()
    assert state.keys() == again.state_dict().keys()
    again.load_state_dict(state, assign=True)
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(9))
    layers = [part.features.layer for part in model.parts]
    with torch.no_grad():
        wanted, found = model.layers(x), again.maps(x, layers)
    for layer, own in zip(layers, wanted, strict=True):
        assert torch.allclose(found[layer], own, atol=1e-4)


def test_what_a_frozen_layer_depends_on_does_not_learn(model: TrainedDescriptor) -> None:
    learned = {name.removeprefix("layers.network.") for name in model.learned()}
    assert not any(name.startswith(("_conv_stem", "_blocks.0.", "_blocks.1.", "_conv_head", "_fc")) for name in learned)
    # The first layer whose maps are used ends within block 2, the last within block 3.
    assert "_blocks.2._expand_conv.weight" in learned
    assert "_blocks.3._expand_conv.bias" in learned
    assert not any(name.startswith(("_blocks.3._project", "_blocks.4")) for name in learned)
    assert "heads.1.gem.p" in learned


def test_what_cannot_be_trained_says_why(recipe_folder: Path) -> None:
    with pytest.raises(RecipeError, match=r"leaves nothing to learn"):
        open_descriptor(
            load_recipe(recipe_folder / "tiny.toml").channel["main"], "tiny", Path(), until="blocks.3.expand"
        )
    with pytest.raises(RecipeError, match="made of the maps of a network"):
        parts_of(load_recipe("sift-bow").channel["main"], "sift-bow")
    summed = load_recipe("superglobal-mobilenet").channel["main"]
    with pytest.raises(RecipeError, match='"superglobal" cannot be trained here'):
        head_of(summed.method, parts_of(summed, "it")[0].features, 8, "it")


def test_every_bit_of_a_classifier_and_of_netvlad_is_kept() -> None:
    text = """
name = "places"
[features]
kind = "maps"
network = "alexnet"
layer = "conv5"
checkpoint = { source = "random" }
[descriptor]
kind = "netvlad"
words = "fitted"
size = 4
"""
    channel = parse_recipe(text, "places").channel["main"]
    model = open_descriptor(channel, "places", Path(), classes=3)
    assert model.network_state()["classifier.6.weight"].shape == (3, 4096)
    head = model.retrieval_head()
    assert head is not None
    assert head.assignment is not None
    assert (head.layer, head.assignment.centroids.shape) == ("conv5", (4, 256))
    network = blank("alexnet", 3)
    network.load_state_dict(model.network_state(), assign=True)


def test_random_weights_are_left_alone() -> None:
    network = blank("mobilenet_v2")
    randomise(network, 1)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    randomise(network, 1)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
