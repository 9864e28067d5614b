"""What learning NetVLAD starts from, and the whitening of its vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from resight.descriptors.kinds import NetVlad
from resight.descriptors.netvlad_layer import positions
from resight.descriptors.vlad import vlad
from resight.features.image_maps import ImageMaps
from resight.features.kinds import Maps
from resight.features.maps import MapExtractor
from resight.learned.passes import Terms

CHANNELS = 64
PARAMS = Maps.model_validate(
    {"network": "resnet18", "layer": "layer1", "checkpoint": {"source": "random"}, "runtime": "torch"}
)


def photo(seed: int) -> ImageMaps:
    generator = torch.Generator().manual_seed(seed)
    maps = tuple(torch.rand(CHANNELS, *size, generator=generator) ** 4 for size in ((6, 8), (3, 4)))
    return ImageMaps(maps, (None, None), (80, 60), ((80, 60), (40, 30)))


PHOTOS = [photo(seed) for seed in range(6)]


def test_words_are_fitted_on_positions_of_all_scales() -> None:
    rows = positions(PHOTOS[0])
    assert rows.shape == (6 * 8 + 3 * 4, CHANNELS)
    for row, maps, y, x in ((8 + 2, 0, 1, 2), (48 + 4 + 3, 1, 1, 3)):
        own = PHOTOS[0].maps[maps][:, y, x].numpy()
        np.testing.assert_allclose(rows[row], own / np.linalg.norm(own), atol=1e-6)


def test_a_fitted_layer_is_a_vlad_of_its_words_where_assignment_is_sharp() -> None:
    method = NetVlad(words="fitted", size=3, whitening="none", fit="collection")
    extractor = MapExtractor(PARAMS)
    (words_pass,) = method.passes
    maps = [ImageMaps(one.maps[:1], one.masks[:1], one.size, one.inputs[:1]) for one in PHOTOS]
    fitted = words_pass.fit(np.concatenate([positions(one) for one in maps]), Terms(0))
    assert fitted.keys() == method.needs
    encoder = method.encoder(extractor, {**fitted, "alpha": np.array([1e5], np.float32)})
    x = positions(maps[0])
    words = ((x[:, None] - fitted["centroids"]) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_allclose(encoder.query(maps[0], maps[0].size), vlad(x, words, fitted["centroids"]), atol=1e-4)


def test_a_whitening_alone_is_fitted_where_the_layer_comes_with_the_network() -> None:
    extractor = MapExtractor(PARAMS)
    method = NetVlad(dimensions=3)
    (whitening,) = method.passes
    assert whitening.one_each
    rows_of = whitening.rows_of(extractor, {})
    sample = np.concatenate([rows_of(one) for one in PHOTOS])
    plain: Any = NetVlad(whitening="none").opened(extractor, {})
    np.testing.assert_array_equal(sample[2], plain.query(PHOTOS[2], PHOTOS[2].size))
    fitted = whitening.fit(sample, Terms(0))
    assert fitted.keys() == method.needs
    assert method.opened(extractor, fitted).size == 3
