"""Parts of a photo pooled on one map of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index_samples import collection, texture, write
from resight.features.codes import maps_of
from resight.features.image_maps import layer_sampling
from resight.features.kinds import RegionMaps
from resight.features.maps import MapExtractor
from resight.features.region_maps import RegionMapExtractor
from resight.images import Decoded
from resight.images.masks import PhotoMask, masked
from resight.index.index import Index
from resight.libraries import to_numpy


def params(**others: Any) -> RegionMaps:
    given = {"network": "resnet18", "layer": "layer2", "checkpoint": {"source": "random"}, "runtime": "torch", **others}
    return RegionMaps.model_validate(given)


def photo(width: int = 160, height: int = 96, seed: int = 0) -> Decoded:
    return Decoded(texture(seed, width, height), (width, height))


def test_each_part_has_the_largest_activations_of_the_positions_whose_centres_are_in_it() -> None:
    given = params(regions="rigid", cells=2)
    working = RegionMapExtractor(given)
    (found,) = working.extract([working.prepare(photo())])
    extractor = MapExtractor(maps_of(given))
    maps = to_numpy(extractor.extract([extractor.prepare(photo())])[0].maps[0])
    sampling = layer_sampling(extractor.network(), "layer2", 160)
    x = sampling.start + sampling.stride * np.arange(maps.shape[2])
    y = sampling.start + sampling.stride * np.arange(maps.shape[1])
    expected = [maps.max(axis=(1, 2))]
    for top, bottom in ((0, 48), (48, 96)):
        for left, right in ((0, 80), (80, 160)):
            inside = np.outer((y >= top) & (y < bottom), (x >= left) & (x < right))
            expected.append(maps[:, inside].max(axis=1))
    np.testing.assert_allclose(found.rows, np.stack(expected), rtol=1e-5)
    assert found.levels.tolist() == [0, 1, 1, 1, 1]


def test_photos_of_several_sizes_come_out_in_their_order() -> None:
    working = RegionMapExtractor(params(regions="grid", levels=2))
    photos = [photo(160, 96), photo(96, 96, 1), photo(160, 96, 2)]
    together = working.extract([working.prepare(one) for one in photos])
    for one, found in zip(photos, together, strict=True):
        (alone,) = working.extract([working.prepare(one)])
        np.testing.assert_allclose(found.rows, alone.rows, rtol=1e-4, atol=1e-5)
        assert len(found.levels) == len(found.rows)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (3, 2)])
@pytest.mark.parametrize("regions", ["grid", "rigid", "pyramid", "dense", "proposals"])
def test_a_photo_of_a_few_pixels_has_parts_that_are_on_the_map(size: tuple[int, int], regions: str) -> None:
    working = RegionMapExtractor(params(regions=regions))
    (found,) = working.extract([working.prepare(photo(*size))])
    assert len(found) >= 1
    assert np.isfinite(found.rows).all()


def test_a_box_is_what_the_photo_would_be_that_is_cropped_to_it() -> None:
    working = RegionMapExtractor(params(regions="rigid", cells=2))
    part = np.ascontiguousarray(photo().pixels[10:70, 20:120])
    asked, alone = (
        working.extract([one])[0]
        for one in (
            working.prepare_query(photo(), (20, 10, 120, 70)),
            working.prepare(Decoded(part, (100, 60))),
        )
    )
    np.testing.assert_allclose(asked.rows, alone.rows, rtol=1e-5)


def test_nothing_beneath_a_mask_matters_and_parts_that_it_leaves_out_are_none() -> None:
    working = RegionMapExtractor(params(regions="rigid", cells=2))
    counts = np.ones((96, 160), np.bool_)
    counts[:, 80:] = False
    other = replace(photo(), pixels=np.where(counts[..., None], photo().pixels, photo(seed=5).pixels))
    first, second = working.extract(
        [working.prepare(masked(one, PhotoMask("m", "", counts))) for one in (photo(), other)]
    )
    np.testing.assert_array_equal(first.rows, second.rows)
    assert first.levels.tolist() == [0, 1, 1]


RECIPE = """
name = "small"
[features]
kind = "region-maps"
network = "resnet18"
layer = "layer1"
runtime = "torch"
regions = "rigid"
cells = 2
[features.checkpoint]
source = "random"
[descriptor]
kind = "region-codes"
whitening = "pca"
dimensions = 8
fit = "collection"
"""


def test_photos_are_found_by_parts_of_their_maps(tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE)
    photos = collection(3)
    (write(tmp_path / "photos", photos) / "broken.png").write_bytes(b"x")
    index = Index.create(tmp_path / "x.resight", recipe)
    assert [name for name, _ in index.add(tmp_path / "photos").unreadable] == ["broken.png"]
    for name, pixels in list(photos.items())[::2]:
        assert Index.open(index.path).search(pixels, k=1).hits[0].name == name
