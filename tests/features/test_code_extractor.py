"""Activations of a photo and its regions, each warped to the size of the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from index_samples import collection, texture, write
from resight.arrays import Pixels
from resight.descriptors.kinds import Mop
from resight.descriptors.methods.mop import patch_vectors
from resight.errors import UsageError
from resight.features.codes import CodeExtractor, ImageCodes
from resight.features.kinds import Codes
from resight.features.networks.checkpoint import open_network
from resight.features.regions.grids import rmac_grid
from resight.features.regions.warping import warp_regions
from resight.images import Decoded
from resight.images.masks import PhotoMask, masked
from resight.index.index import Index
from resight.learned.passes import Terms


def params(**others: Any) -> Codes:
    given = {"network": "resnet18", "layer": "layer2", "checkpoint": {"source": "random"}, "runtime": "torch", **others}
    return Codes.model_validate(given)


def photo(width: int = 130, height: int = 90, seed: int = 0) -> Decoded:
    return Decoded(texture(seed, width, height), (width, height))


def plain(pixels: Pixels, boxes: np.ndarray[Any, Any], layer: str = "layer2", network: str = "resnet18") -> Any:
    """The maximum of each channel, region by region."""
    given = params(network=network, layer=layer)
    loaded = open_network(given.network, given.checkpoint)
    side = loaded.network.input_side
    rows = []
    for box in boxes:
        warped = warp_regions(pixels, box[None], (side, side))
        with torch.inference_mode():
            rows.append(loaded.network.maps(loaded.input(warped), [layer])[layer].amax(dim=(2, 3))[0].numpy())
    return np.stack(rows)


def test_a_photo_is_warped_and_run_whole() -> None:
    working = CodeExtractor(params())
    found = working.extract([working.prepare(photo())])[0]
    expected = plain(photo().pixels, np.array([[0, 0, 130, 90]]))
    assert found.rows.shape == (1, working.dimensions)
    np.testing.assert_allclose(found.rows, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [(130, 90), (80, 80)])
def test_the_grid_is_that_of_rmac_over_the_pixels_after_the_whole_photo(size: tuple[int, int]) -> None:
    working = CodeExtractor(params(regions="grid", levels=2))
    others = [photo(60, 60, 1), photo(*size), photo(70, 50, 2)]
    found = working.extract([working.prepare(one) for one in others])
    grid = rmac_grid(size[1], size[0], 2)
    boxes = np.concatenate([[[0, 0, *size]], grid if size[0] != size[1] else grid[1:]])
    assert len(np.unique(boxes, axis=0)) == len(found[1]) == len(boxes)
    np.testing.assert_allclose(found[1].rows, plain(others[1].pixels, boxes), rtol=1e-3, atol=1e-4)
    # From the largest squares to the smallest.
    sides = (boxes[1:, 3] - boxes[1:, 1]).tolist()
    assert sides == sorted(sides, reverse=True)
    assert found[1].levels[0] == 0
    assert [side for side, level in zip(sides, found[1].levels[1:], strict=True) if level == 1] == [
        side for side in sides if side == size[1]
    ]


def test_patches_are_a_half_and_a_quarter_of_the_photo_every_eighth_of_it() -> None:
    prepared = CodeExtractor(params(regions="patches")).prepare(photo(256, 256))
    assert np.bincount(prepared.levels).tolist() == [1, 5 * 5, 7 * 7]
    pixels, side = photo(256, 256).pixels, prepared.pixels.shape[1]
    for place, box in ((1 + 5 + 2, (64, 32, 192, 160)), (26 + 3 * 7 + 6, (192, 96, 256, 160))):
        np.testing.assert_array_equal(prepared.pixels[place], warp_regions(pixels, np.array([box]), (side, side))[0])


def test_pooled_patches_are_the_photo_and_a_vlad_of_each_level() -> None:
    rng = np.random.default_rng(0)
    features = [ImageCodes(rng.random((6, 10), np.float32), np.array([0, 1, 1, 2, 2, 2])) for _ in range(40)]
    sample = np.concatenate([patch_vectors(one) for one in features])
    method = Mop(size=2, pca=4, whitening="none")
    (levels,) = method.passes
    fitted = levels.fit(sample, Terms(0))
    found = method.encoder(CodeExtractor(params()), fitted).query(features[0], (1, 1))
    parts = [features[0].rows[0] / np.linalg.norm(features[0].rows[0])]
    for level, rows in ((1, features[0].rows[1:3]), (2, features[0].rows[3:])):
        centroids = fitted[f"{level}.centroids"]
        sums = np.zeros_like(centroids)
        for row in rows:
            x = fitted[f"{level}.components"] @ (row / np.linalg.norm(row) - fitted[f"{level}.mean"])
            word = int(np.linalg.norm(centroids - x, axis=1).argmin())
            sums[word] += x - centroids[word]
        parts.append(sums.ravel() / np.linalg.norm(sums))
    expected = np.concatenate(parts) / np.linalg.norm(np.concatenate(parts))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_fully_connected_layer_gives_its_code() -> None:
    working = CodeExtractor(params(network="alexnet", layer="fc6"))
    found = working.extract([working.prepare(photo())])[0]
    given = working.params
    loaded = open_network(given.network, given.checkpoint)
    warped = warp_regions(photo().pixels, np.array([[0, 0, 130, 90]]), (224, 224))
    with torch.inference_mode():
        code = loaded.network.codes(loaded.input(warped), "fc6").numpy()
    assert found.rows.shape == (1, 4096)
    np.testing.assert_allclose(found.rows, code, rtol=1e-3, atol=1e-3)


def test_a_box_is_what_the_photo_would_be_that_is_cropped_to_it() -> None:
    working = CodeExtractor(params())
    box = (20, 10, 100, 70)
    part = np.ascontiguousarray(photo().pixels[10:70, 20:100])
    asked = working.prepare_query(photo(), box).pixels
    np.testing.assert_array_equal(asked, working.prepare(Decoded(part, (part.shape[1], part.shape[0]))).pixels)
    np.testing.assert_array_equal(working.prepare_query(photo(), None).pixels, working.prepare(photo()).pixels)
    # The photo was reduced to a half when it was decoded.
    halved = Decoded(photo().pixels, (260, 180))
    np.testing.assert_array_equal(working.prepare_query(halved, (40, 20, 200, 140)).pixels, asked)
    with pytest.raises(UsageError):
        working.prepare_query(photo(), (130, 0, 140, 20))


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (3, 2)])
@pytest.mark.parametrize("regions", ["whole", "grid", "patches"])
def test_a_photo_of_a_few_pixels_has_codes(size: tuple[int, int], regions: str) -> None:
    working = CodeExtractor(params(regions=regions))
    prepared = working.prepare(photo(*size))
    assert len(prepared.pixels) == len(prepared.levels) >= 1


RECIPE = """
name = "small"
[features]
kind = "codes"
network = "resnet18"
layer = "layer1"
runtime = "torch"
REGIONS
[features.checkpoint]
source = "random"
[descriptor]
kind = "KIND"
whitening = "WHITENING"
dimensions = 8
fit = "collection"
"""


@pytest.mark.parametrize(
    ("kind", "regions"), [("codes", ""), ("region-codes", 'regions = "grid"\nlevels = 2'), ("codes", "max_side = 50")]
)
@pytest.mark.parametrize("whitening", ["none", "pca"])
def test_photos_are_found_by_their_codes(kind: str, regions: str, whitening: str, tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE.replace("REGIONS", regions).replace("KIND", kind).replace("WHITENING", whitening))
    photos = collection(3)
    (write(tmp_path / "photos", photos) / "broken.png").write_bytes(b"x")
    index = Index.create(tmp_path / "x.resight", recipe)
    assert [name for name, _ in index.add(tmp_path / "photos").unreadable] == ["broken.png"]
    for name, pixels in list(photos.items())[::2]:
        assert Index.open(index.path).search(pixels, k=1).hits[0].name == name


def test_photos_are_found_by_their_patches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("resight.features.codes.PATCH_STRIDE", 128)
    recipe = tmp_path / "small.toml"
    text = RECIPE.replace("REGIONS", 'regions = "patches"').replace("KIND", "mop").replace("WHITENING", "pca")
    recipe.write_text(f"{text}size = 2\npca = 8\n")
    photos = collection(3)
    index = Index.create(tmp_path / "x.resight", recipe)
    index.add(write(tmp_path / "photos", photos))
    for name, pixels in list(photos.items())[::2]:
        assert Index.open(index.path).search(pixels, k=1).hits[0].name == name


@pytest.mark.parametrize("regions", ["grid", "patches"])
def test_regions_that_a_mask_leaves_out_are_none_and_nothing_beneath_it_matters(regions: str) -> None:
    working = CodeExtractor(params(regions=regions))
    counts = np.ones((90, 130), np.bool_)
    counts[:, 60:] = False
    other = replace(photo(), pixels=np.where(counts[..., None], photo().pixels, photo(seed=5).pixels))
    first, second = working.extract(
        [working.prepare(masked(one, PhotoMask("m", "", counts))) for one in (photo(), other)]
    )
    (whole,) = working.extract([working.prepare(photo())])
    np.testing.assert_array_equal(first.rows, second.rows)
    assert first.levels[0] == 0
    assert 1 < len(first) < len(whole)
