"""Channels of joined maps, of class-weighted vectors and of NetVLAD, and what they are fitted on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from index_samples import collection, texture, write
from resight.channels.fitting import build_channel, builtin_name, fit_arrays, needed_arrays, rows_to_fit_on
from resight.channels.joined import arrays_of, rows_of_part, rows_of_parts
from resight.descriptors.kinds import Joined, Mac, NetVlad, Rmac
from resight.descriptors.netvlad import NetVLAD
from resight.descriptors.pooled import descriptor, raw_vectors
from resight.errors import FitError, RecipeError, WeightsError
from resight.features.joined import JoinedExtractor
from resight.features.kinds import JoinedMaps, Maps
from resight.features.maps import ImageMaps, MapExtractor
from resight.features.networks.architectures import blank, randomise
from resight.index import Index
from resight.learned.whitening import VECTORS, fit_pca_whitening, from_arrays, to_arrays
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


@pytest.fixture(scope="module")
def extractor() -> JoinedExtractor:
    return JoinedExtractor(JoinedMaps(parts=tuple(part(layer) for layer in LAYERS)))


def test_rows_of_parts_come_apart_again() -> None:
    rows = rows_of_parts(PHOTOS[0], METHOD)
    for number, (own, method) in enumerate(zip(PHOTOS[0], METHOD.parts, strict=True)):
        np.testing.assert_array_equal(rows_of_part(rows, number), raw_vectors(own, method))
    with pytest.raises(FitError, match="part 3"):
        rows_of_part(rows, 2)


def test_each_part_is_whitened_by_itself_and_joined(extractor: JoinedExtractor) -> None:
    rows_of = rows_to_fit_on(extractor, METHOD)
    fitted = fit_arrays(METHOD, np.concatenate([rows_of(photo) for photo in PHOTOS]), 0)
    assert fitted.keys() == needed_arrays(METHOD)
    channel: Any = build_channel(extractor, METHOD, fitted)
    assert channel.size == 13
    whitenings = [from_arrays(arrays_of(fitted, number)) for number in (0, 1)]
    parts = [
        descriptor(own, method, whitening)
        for own, method, whitening in zip(PHOTOS[3], METHOD.parts, whitenings, strict=True)
    ]
    expected = np.concatenate([parts[0], 0.5 * parts[1]])
    np.testing.assert_allclose(channel.aggregate(PHOTOS[3]), expected / np.linalg.norm(expected), atol=1e-6)


def test_a_whitening_of_another_layer_is_refused(extractor: JoinedExtractor) -> None:
    rows = np.concatenate([rows_of_parts(photo, METHOD) for photo in PHOTOS])
    fitted = fit_arrays(METHOD, rows, 0)
    swapped = {f"{1 - int(key[0])}{key[1:]}": array for key, array in fitted.items()}
    with pytest.raises(FitError, match="another layer than one of 128 channels"):
        build_channel(extractor, METHOD, swapped)
    with pytest.raises(FitError, match=r"1\.mean"):
        build_channel(extractor, METHOD, {key: array for key, array in fitted.items() if key != "1.mean"})


def test_what_ships_for_the_parts_serves_the_whole() -> None:
    features = JoinedMaps(parts=(part("layer2"), part("layer1")))
    name = builtin_name(features, METHOD)
    assert name == "random-layer2-1-regions3-1 + random-layer1-1-mac-1"


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


def netvlad_file(path: Path, clusters: int = 3, channels: int = 512, module: str = "") -> dict[str, torch.Tensor]:
    network = blank("vgg16", None)
    randomise(network, 0)
    generator = torch.Generator().manual_seed(1)
    state = {f"encoder.{module}{key.removeprefix('features.')}": v for key, v in network.state_dict().items()}
    state[f"pool.{module}conv.weight"] = torch.randn(clusters, channels, 1, 1, generator=generator)
    state[f"pool.{module}centroids"] = torch.randn(clusters, channels, generator=generator)
    torch.save({"epoch": 1, "state_dict": state, "recalls": {1: 0.5}}, path)
    return state


def vgg(path: Path) -> MapExtractor:
    return MapExtractor(part("conv5_3.linear", network="vgg16", checkpoint={"source": str(path)}, scales=(1.0, 0.5)))


@pytest.mark.parametrize("module", ["", "module."])
def test_the_layer_of_a_netvlad_checkpoint_is_read(tmp_path: Path, module: str) -> None:
    path = tmp_path / "netvlad.pth.tar"
    state = netvlad_file(path, module=module)
    channel: Any = build_channel(vgg(path), NetVlad(whitening="none"), {})
    assert channel.size == 3 * 512
    maps = ImageMaps(tuple(torch.randn(512, *size) for size in ((4, 3), (2, 2))), (None, None), (9, 9), ((9, 9),) * 2)
    layer = NetVLAD(3, 512, bias=False)
    layer.load_state_dict(
        {"conv.weight": state[f"pool.{module}conv.weight"], "centroids": state[f"pool.{module}centroids"]}
    )
    with torch.inference_mode():
        expected = sum(layer(each[None])[0] for each in maps.maps)
    np.testing.assert_allclose(channel.aggregate(maps), torch.nn.functional.normalize(expected, dim=0), atol=1e-5)


def test_a_masked_map_is_its_positions_that_count(tmp_path: Path) -> None:
    netvlad_file(tmp_path / "n.pth.tar")
    channel: Any = build_channel(vgg(tmp_path / "n.pth.tar"), NetVlad(whitening="none"), {})
    x = torch.randn(512, 4, 6)
    mask = torch.zeros(4, 6)
    mask[1:3, 2:5] = 1.0
    masked, cropped = (ImageMaps((m,), (k,), (9, 9), ((9, 9),)) for m, k in ((x, mask), (x[:, 1:3, 2:5], None)))
    np.testing.assert_allclose(channel.aggregate(masked), channel.aggregate(cropped), atol=1e-6)


@pytest.mark.parametrize("whitening", ["none", "pca"])
def test_a_photo_without_activations_has_no_netvlad(tmp_path: Path, whitening: Any) -> None:
    netvlad_file(tmp_path / "n.pth.tar")
    extractor = vgg(tmp_path / "n.pth.tar")
    plain: Any = build_channel(extractor, NetVlad(whitening="none"), {})
    drawn = np.random.default_rng(0).normal(size=(9, plain.size)).astype(np.float32)
    fitted = to_arrays(fit_pca_whitening(drawn, 4), VECTORS) if whitening == "pca" else {}
    channel: Any = build_channel(extractor, NetVlad(whitening=whitening, dimensions=4), fitted)
    x = torch.randn(512, 4, 6)
    for maps, mask in ((x, torch.zeros(4, 6)), (torch.zeros_like(x), None), (torch.zeros_like(x), torch.ones(4, 6))):
        vector = channel.aggregate(ImageMaps((maps,), (mask,), (9, 9), ((9, 9),)))
        assert vector.shape == (channel.size,)
        assert not vector.any()
    seen, half = (ImageMaps(m, (None,) * len(m), (9, 9), ((9, 9),) * len(m)) for m in ((x,), (x, torch.zeros_like(x))))
    np.testing.assert_allclose(channel.aggregate(half), channel.aggregate(seen), atol=1e-6)


def test_files_without_a_layer_that_suits_say_so(tmp_path: Path) -> None:
    netvlad_file(tmp_path / "narrow.pth.tar", channels=256)
    with pytest.raises(FitError, match=r"for 256 channels, and maps of conv5_3\.linear have 512"):
        build_channel(vgg(tmp_path / "narrow.pth.tar"), NetVlad(whitening="none"), {})
    state = netvlad_file(tmp_path / "broken.pth.tar")
    state["pool.conv.weight"] = state["pool.conv.weight"][:2]
    torch.save({"state_dict": state}, tmp_path / "broken.pth.tar")
    with pytest.raises(WeightsError, match="do not suit each other"):
        vgg(tmp_path / "broken.pth.tar").loaded()
    save_weights(tmp_path / "plain.safetensors", "vgg16", 0)
    with pytest.raises(FitError, match="no NetVLAD layer is in it"):
        build_channel(vgg(tmp_path / "plain.safetensors"), NetVlad(whitening="none"), {})


def test_a_fitted_layer_is_a_vlad_of_its_words_where_assignment_is_sharp() -> None:
    from resight.descriptors.vlad import vlad

    maps = [image(16, seed) for seed in range(6)]
    method = NetVlad(words="fitted", size=3, whitening="none", fit="collection")
    extractor = MapExtractor(part("layer1"))
    rows_of = rows_to_fit_on(extractor, method)
    sample = np.concatenate([rows_of(each) for each in maps])
    np.testing.assert_allclose(np.linalg.norm(sample, axis=1), 1.0, atol=1e-5)
    fitted = fit_arrays(method, sample, 0)
    assert fitted.keys() == needed_arrays(method)
    sharp = {**fitted, "alpha": np.array([1e5], np.float32)}
    from resight.channels.netvlad import NetVladChannel

    channel = NetVladChannel(extractor, method, sharp)
    x = rows_of(maps[0])
    words = ((x[:, None] - fitted["centroids"]) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_allclose(channel.raw(maps[0]), vlad(x, words, fitted["centroids"]), atol=1e-4)
