"""Channels of joined maps, and what cannot be joined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from index_samples import collection, texture, write
from resight.channels.opening import open_channel
from resight.descriptors.kinds import Joined, Mac, Rmac
from resight.descriptors.methods.joined import arrays_of
from resight.errors import FitError, RecipeError, WeightsError
from resight.features.image_maps import ImageMaps
from resight.features.joined import JoinedExtractor
from resight.features.kinds import JoinedMaps, Maps
from resight.features.networks.architectures import blank, randomise
from resight.index.index import Index
from resight.learned.passes import Terms
from resight.learned.whitening import from_arrays
from resight.recipe import parse_recipe

LAYERS = ("layer2", "layer1")
METHOD = Joined(parts=(Rmac(whitening="pca", dimensions=8), Mac(whitening="pca", dimensions=5)), weights=(1.0, 0.5))


def part(layer: str, **others: Any) -> Maps:
    return Maps.model_validate(
        {
            "network": "resnet18",
            "layer": layer,
            "checkpoint": {"source": "random"},
            "runtime": "torch",
            "max_side": 64,
            **others,
        }
    )


def image(channels: int, seed: int) -> ImageMaps:
    generator = torch.Generator().manual_seed(seed)
    return ImageMaps((torch.rand(channels, 6, 8, generator=generator) ** 4,), (None,), (80, 60), ((80, 60),))


PHOTOS = [(image(128, seed), image(64, seed + 100)) for seed in range(20)]


def fit(method: Joined) -> dict[str, Any]:
    (whitenings,) = method.passes
    return whitenings.fit(np.concatenate([method.rows(photo) for photo in PHOTOS]), Terms(0))


@pytest.fixture(scope="module")
def extractor() -> JoinedExtractor:
    return JoinedExtractor(JoinedMaps(parts=tuple(part(layer) for layer in LAYERS)))


def test_each_part_is_whitened_by_itself_and_joined(extractor: JoinedExtractor) -> None:
    fitted = fit(METHOD)
    channel: Any = open_channel(METHOD, extractor, fitted)
    assert channel.size == 13
    whitenings = [from_arrays(arrays_of(fitted, number)) for number in (0, 1)]
    parts = [
        method.describe(own, whitening, {})
        for own, method, whitening in zip(PHOTOS[3], METHOD.parts, whitenings, strict=True)
    ]
    expected = np.concatenate([parts[0], 0.5 * parts[1]])
    np.testing.assert_allclose(channel.query(PHOTOS[3], (80, 60)), expected / np.linalg.norm(expected), atol=1e-6)


def test_a_whitening_of_another_layer_is_refused(extractor: JoinedExtractor) -> None:
    fitted = fit(METHOD)
    swapped = {f"{1 - int(key[0])}{key[1:]}": array for key, array in fitted.items()}
    with pytest.raises(FitError, match="another layer than one of 128 channels"):
        open_channel(METHOD, extractor, swapped)
    with pytest.raises(FitError, match=r"1\.mean"):
        open_channel(METHOD, extractor, {key: array for key, array in fitted.items() if key != "1.mean"})


RECIPE = """
name = "small"
[features]
kind = "joined"
[[features.parts]]
network = "mobilenet_v2"
layer = "features.4"
max_side = 96
runtime = "torch"
checkpoint = { source = "one.safetensors" }
[[features.parts]]
network = "resnet18"
layer = "layer1"
max_side = 64
runtime = "torch"
checkpoint = { source = "other.safetensors" }
[descriptor]
kind = "joined"
fit = "collection"
[[descriptor.parts]]
kind = "rmac"
whitening = "pca"
dimensions = 6
[[descriptor.parts]]
kind = "gem"
"""


def save_weights(path: Path, network: Any, seed: int) -> None:
    from safetensors.torch import save_file

    made = blank(network)
    randomise(made, seed)
    save_file({name: value.contiguous() for name, value in made.state_dict().items()}, path)


def test_an_index_of_two_networks_keeps_to_the_weights_of_both(tmp_path: Path) -> None:
    method = tmp_path / "method"
    method.mkdir()
    save_weights(method / "one.safetensors", "mobilenet_v2", 1)
    save_weights(method / "other.safetensors", "resnet18", 1)
    recipe = method / "small.toml"
    recipe.write_text(RECIPE)
    index = Index.create(tmp_path / "x.resight", recipe)
    index.add(write(tmp_path / "photos", collection(4)))
    for name, pixels in collection(4).items():
        assert Index.open(index.path).search(pixels, k=1).hits[0].name == name
    assert len(index.search(texture(1), box=(10, 10, 120, 100), k=2).hits) == 2
    save_weights(method / "other.safetensors", "resnet18", 2)
    with pytest.raises(WeightsError, match="its SHA-256 is"):
        Index.open(index.path).search(texture(1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "gem"\n', 'kind = "gem"\n[[descriptor.parts]]\nkind = "mac"\n', "2 parts and .descriptor. 3"),
        ('kind = "gem"\n', 'kind = "gem"\nfit = "builtin"\n', "set fit beside parts"),
        ('kind = "gem"\n', 'kind = "gem"\nwhitening = "checkpoint"\n', "whitened by what is fitted"),
        ('kind = "gem"\n', 'kind = "gem"\nwhitenin = "pca"\n', r"descriptor.parts\[1\].whitening"),
        ('kind = "gem"\n', 'kind = "regions"\n', "the nearest is|there is no kind|does not match"),
        ('kind = "joined"\nfit', 'kind = "joined"\nweights = [1.0]\nfit', "2 parts take 2 weights, not 1"),
        ('kind = "joined"\nfit', 'kind = "joined"\nhow = "sum"\nfit', "equal dimensions can be summed"),
        ("max_side = 64", "max_sid = 64", r"features.parts\[1\].max_side"),
    ],
)
def test_what_cannot_be_joined_is_told(old: str, new: str, message: str) -> None:
    assert old in RECIPE
    with pytest.raises(RecipeError, match=message):
        parse_recipe(RECIPE.replace(old, new), "small")
