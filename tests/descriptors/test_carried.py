"""What a checkpoint carries is what it was saved with, and what searches use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from index_samples import collection, texture, write
from resight.channels.opening import open_channel
from resight.descriptors.carried import carried_arrays
from resight.descriptors.kinds import Crow, Gem, Mac, Regions, Rmac, Spoc, Whitened
from resight.errors import FitError, RecipeError
from resight.features.image_maps import ImageMaps
from resight.features.kinds import Maps
from resight.features.maps import MapExtractor
from resight.features.networks.architectures import blank, randomise
from resight.features.networks.kinds import Checkpoint
from resight.index.index import Index
from resight.recipe import parse_recipe

CHANNELS = 256
SET = "retrieval-SfM-120k"
SIZE = (90, 60)
RNG = np.random.default_rng(4)


def whitening() -> dict[str, Any]:
    """As cirtorch stores it: the mean a column, float64."""
    return {"m": RNG.normal(size=(CHANNELS, 1)) / 40, "P": np.asfortranarray(RNG.normal(size=(CHANNELS, CHANNELS)))}


LEARNED = {name: {"ss": whitening(), "ms": whitening()} for name in (SET, "retrieval-SfM-30k")}
LAYER = {"weight": torch.from_numpy(RNG.normal(size=(CHANNELS, CHANNELS))).float(), "bias": torch.randn(CHANNELS)}


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    """AlexNet's convolutions, the smallest of those that cirtorch trains, at random."""
    network = blank("alexnet", None)
    randomise(network, 3)
    return dict(network.state_dict())


def save(
    path: Path, state: dict[str, Any], parts: dict[str, torch.Tensor] | None = None, pooling: str = "gem", **meta: Any
) -> Path:
    whole = {"architecture": "alexnet", "pooling": pooling, "Lw": LEARNED} | meta
    torch.save({"meta": whole, "state_dict": {**state, **(parts or {"pool.p": torch.tensor([2.5])})}}, path)
    return path


def extractor(path: Path | str, scales: tuple[float, ...] = (1.0,), layer: str = "conv5") -> MapExtractor:
    return MapExtractor(
        Maps(network="alexnet", layer=layer, scales=scales, checkpoint=Checkpoint(source=str(path)), runtime="torch")
    )


def maps(*sizes: tuple[int, int]) -> ImageMaps:
    generator = torch.Generator().manual_seed(1)
    # Sparse, so that scales differ.
    each = tuple(torch.rand(CHANNELS, *size, generator=generator) ** 12 for size in sizes)
    return ImageMaps(each, (None,) * len(sizes), SIZE, (SIZE,) * len(sizes))


def vector(of: MapExtractor, method: Whitened, image: ImageMaps) -> np.ndarray:
    channel: Any = open_channel(method, of, carried_arrays(of, method))
    found: np.ndarray = channel.query(image, SIZE)
    return found


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def scale_vectors(image: ImageMaps, p: float) -> np.ndarray:
    flat = [each.numpy().reshape(CHANNELS, -1).astype(np.float64) for each in image.maps]
    return unit(np.stack([(np.maximum(x, 1e-6) ** p).mean(axis=1) ** (1 / p) for x in flat]))


@pytest.mark.parametrize("learned_on", [SET, "retrieval-SfM-30k"])
def test_one_scale_takes_the_exponent_and_the_whitening_of_one_scale(
    tmp_path: Path, state: dict[str, Any], learned_on: str
) -> None:
    image, of = maps((5, 7)), extractor(save(tmp_path / "net.pth", state))
    arrays = LEARNED[learned_on]["ss"]
    expected = unit(arrays["P"] @ (scale_vectors(image, 2.5)[0] - arrays["m"][:, 0]))
    method = Gem(whitening="checkpoint", learned_on=learned_on)
    np.testing.assert_allclose(vector(of, method, image), expected, atol=1e-4)
    first = Gem(whitening="checkpoint", learned_on=learned_on, dimensions=20)
    np.testing.assert_allclose(vector(of, first, image), unit(expected[:20]), atol=1e-4)


def test_several_scales_are_joined_by_the_same_exponent_and_have_their_own_whitening(
    tmp_path: Path, state: dict[str, Any]
) -> None:
    image = maps((5, 7), (3, 4))
    of = extractor(save(tmp_path / "net.pth", state), (1.0, 0.5))
    joined = unit((scale_vectors(image, 2.5) ** 2.5).mean(axis=0) ** (1 / 2.5))
    arrays = LEARNED[SET]["ms"]
    expected = unit(arrays["P"] @ (joined - arrays["m"][:, 0]))
    np.testing.assert_allclose(vector(of, Gem(whitening="checkpoint"), image), expected, atol=1e-4)


def test_a_layer_of_the_network_whitens_every_scale(tmp_path: Path, state: dict[str, Any]) -> None:
    image = maps((5, 7), (3, 4))
    parts = {"pool.p": torch.tensor([2.5]), "whiten.weight": LAYER["weight"], "whiten.bias": LAYER["bias"]}
    of = extractor(save(tmp_path / "net.pth", state, parts), (1.0, 0.5))
    weight, bias = LAYER["weight"].double().numpy(), LAYER["bias"].double().numpy()
    each = unit(scale_vectors(image, 2.5) @ weight.T + bias)
    expected = unit(each.sum(axis=0))
    np.testing.assert_allclose(vector(of, Gem(whitening="checkpoint"), image), expected, atol=1e-4)
    at_last = unit(unit(scale_vectors(image, 2.5).sum(axis=0)) @ weight.T + bias)
    assert np.abs(at_last - expected).max() > 1e-3


def test_an_exponent_for_each_channel(tmp_path: Path, state: dict[str, Any]) -> None:
    image = maps((5, 7))
    p = torch.linspace(1.0, 6.0, CHANNELS)
    of = extractor(save(tmp_path / "net.pth", state, {"pool.p": p}, pooling="gemmp"))
    flat = image.maps[0].double().reshape(CHANNELS, -1).numpy()
    pooled = unit(np.array([(x**e).mean() ** (1 / e) for x, e in zip(flat, p.double().numpy(), strict=True)]))
    arrays = LEARNED[SET]["ss"]
    expected = unit(arrays["P"] @ (pooled - arrays["m"][:, 0]))
    np.testing.assert_allclose(vector(of, Gem(whitening="checkpoint"), image), expected, atol=1e-4)


def test_regions_are_whitened_by_the_layer_behind_their_pooling(tmp_path: Path, state: dict[str, Any]) -> None:
    image = maps((5, 7))
    parts = {"pool.whiten.weight": LAYER["weight"], "pool.whiten.bias": LAYER["bias"]}
    of = extractor(save(tmp_path / "net.pth", state, parts, pooling="mac", regional=True))
    method = Rmac(levels=2, whitening="checkpoint")
    rows = method.rows(image, {}).astype(np.float64)
    weight, bias = LAYER["weight"].double().numpy(), LAYER["bias"].double().numpy()
    expected = unit(unit(rows @ weight.T + bias).sum(axis=0))
    np.testing.assert_allclose(vector(of, method, image), expected, atol=1e-4)
    with pytest.raises(FitError, match='is for pooling by rmac, not by "mac"'):
        carried_arrays(of, Mac(whitening="checkpoint"))


@pytest.mark.parametrize(
    ("method", "saved", "layer", "said"),
    [
        (Mac(whitening="checkpoint"), {}, "conv5", 'its whitening is for pooling by gem, not by "mac"'),
        (Crow(whitening="checkpoint"), {}, "conv5", 'not by "crow"'),
        (Regions(whitening="checkpoint"), {}, "conv5", 'not by "regions"'),
        (Spoc(whitening="checkpoint", centre_prior=True), {"pooling": "spoc"}, "conv5", 'not by "spoc"'),
        (Gem(whitening="checkpoint"), {}, "conv4", 'is for maps of conv5, not of conv4: set layer = "conv5"'),
        (Gem(whitening="checkpoint"), {"Lw": {}}, "conv5", "carries no whitening; fit one on photos"),
        (Gem(whitening="checkpoint", learned_on="x"), {}, "conv5", 'on "x": set learned_on = "retrieval-SfM-30k", of'),
        (
            Gem(whitening="checkpoint"),
            {"Lw": {SET: {"ms": LEARNED[SET]["ms"]}}},
            "conv5",
            "its whitening is for several scales only",
        ),
        (
            Gem(whitening="checkpoint"),
            {"Lw": {SET: {"ss": {"m": np.zeros(3), "P": np.eye(3)}}}},
            "conv5",
            "its whitening is for 3 dimensions, and maps of conv5 have 256 channels",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else None,
)
def test_what_a_checkpoint_does_not_carry_is_said(
    tmp_path: Path, state: dict[str, Any], method: Whitened, saved: dict[str, Any], layer: str, said: str
) -> None:
    of = extractor(save(tmp_path / "net.pth", state, **saved), layer=layer)
    with pytest.raises(FitError, match=f"net.pth: .*{said}"):
        carried_arrays(of, method)


def test_a_layer_whose_bias_no_mean_explains_is_no_whitening(tmp_path: Path, state: dict[str, Any]) -> None:
    weight = torch.zeros(CHANNELS, CHANNELS)
    parts = {"pool.p": torch.tensor([3.0]), "whiten.weight": weight, "whiten.bias": torch.ones(CHANNELS)}
    with pytest.raises(FitError, match="no mean explains its bias"):
        carried_arrays(extractor(save(tmp_path / "net.pth", state, parts)), Gem(whitening="checkpoint"))


def test_weights_alone_carry_nothing(tmp_path: Path, state: dict[str, Any]) -> None:
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(FitError, match=r"net\.pth: carries no whitening: it holds the weights of a network alone"):
        carried_arrays(extractor(tmp_path / "net.pth"), Gem(whitening="checkpoint"))


RECIPE = """
name = "carried"
[features]
kind = "maps"
network = "alexnet"
layer = "conv5"
max_side = 96
runtime = "torch"
[features.checkpoint]
source = "net.pth"
[descriptor]
kind = "gem"
whitening = "checkpoint"
"""


def test_an_index_keeps_what_its_checkpoint_carries(tmp_path: Path, state: dict[str, Any]) -> None:
    (tmp_path / "carried.toml").write_text(RECIPE)
    save(tmp_path / "net.pth", state)
    photos = write(tmp_path / "photos", collection(2))
    # Photos to fit on change nothing: there is nothing to fit.
    for number, fit in enumerate((None, photos)):
        index = Index.create(tmp_path / f"{number}.resight", tmp_path / "carried.toml", fit=fit)
        index.add(photos)
        assert Index.open(index.path).search(texture(1), k=1).hits[0].name == "01-0.png"
        (kept,) = (index.path / "fitted" / "main").glob("*.npz")
        with np.load(kept) as arrays:
            np.testing.assert_array_equal(arrays["projection"], LEARNED[SET]["ss"]["P"].astype(np.float32))
            assert arrays["exponent"].tolist() == [2.5]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("p = 4.0", r'whitening = "checkpoint" leaves nothing to p'),
        ('fit = "x.npz"\npower = 0.5', "leaves nothing to power and fit"),
    ],
)
def test_what_the_checkpoint_says_cannot_be_said_again(more: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        parse_recipe(RECIPE + more, "x")


def test_the_checkpoint_is_no_place_to_fit_from() -> None:
    text = RECIPE.replace('"checkpoint"', '"pca"') + 'fit = "checkpoint"'
    with pytest.raises(RecipeError, match="without fit"):
        parse_recipe(text, "x")
