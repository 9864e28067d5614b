"""Positions of feature maps as local features."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from index_samples import collection, texture, write
from resight.errors import UsageError
from resight.features.convolutional import ConvolutionalExtractor, local_features
from resight.features.image_maps import ImageMaps
from resight.features.kinds import Convolutional
from resight.features.networks.architectures import blank
from resight.images import Decoded
from resight.index.index import Index

NETWORK, LAYER = blank("resnet18"), "layer2"
SIZE = (96, 64)


def maps(seed: int, height: int, width: int, channels: int = 5) -> torch.Tensor:
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(seed))


def image(
    *layers: torch.Tensor, masks: tuple[torch.Tensor | None, ...] = (), size: tuple[int, int] = SIZE, **more: Any
) -> ImageMaps:
    """Of layers at stride 8, the first at half the resolution of the photo, each next at half of that."""
    inputs = tuple((size[0] >> step, size[1] >> step) for step in range(1, len(layers) + 1))
    return ImageMaps(layers, masks or (None,) * len(layers), size, inputs, **more)


def extractor(**others: Any) -> ConvolutionalExtractor:
    given = {"network": "resnet18", "layer": LAYER, "checkpoint": {"source": "random"}, "runtime": "torch", **others}
    return ConvolutionalExtractor(Convolutional.model_validate(given))


def test_a_position_lies_where_the_middle_of_what_it_sees_lies_on_the_photo() -> None:
    found = local_features(image(maps(0, 4, 6), origin=(100.0, 7.0)), NETWORK, LAYER)
    sees = NETWORK.receptive_field(LAYER)
    expected = []
    for row in range(4):
        for column in range(6):
            middle = [sum(sees.interval(position)) / 2.0 for position in (column, row)]
            # Half the resolution.
            expected.append((100.0 + 2 * middle[0], 7.0 + 2 * middle[1]))
    assert {tuple(xy) for xy in found.xy.tolist()} == set(expected)
    assert set(found.scale.tolist()) == {sees.stride / 2.0 * 2}
    assert set(found.angle.tolist()) == {0.0}


def test_descriptors_are_activations_of_length_one_the_strongest_first() -> None:
    layer = maps(1, 4, 6)
    found = local_features(image(layer), NETWORK, LAYER)
    rows = layer.flatten(1).T.numpy()
    norms = np.linalg.norm(rows, axis=1)
    order = np.argsort(-norms)
    np.testing.assert_allclose(found.descriptors, (rows / norms[:, None])[order], atol=1e-6)


def test_positions_of_all_scales_are_there_each_in_its_size() -> None:
    layers = maps(2, 4, 6), maps(3, 2, 3)
    found = local_features(image(*layers), NETWORK, LAYER)
    assert len(found) == 24 + 6
    assert sorted(found.scale.tolist()) == [8.0] * 24 + [16.0] * 6
    assert found.descriptors.dtype == found.xy.dtype == found.scale.dtype == np.float32


def test_silent_and_masked_positions_are_left_out() -> None:
    layer = maps(4, 4, 6)
    layer[:, 0, 0] = 0.0
    mask = torch.ones(4, 6)
    mask[1:] = 0.0
    assert len(local_features(image(layer), NETWORK, LAYER)) == 23
    assert len(local_features(image(layer, masks=(mask,)), NETWORK, LAYER)) == 5
    assert len(local_features(image(layer, masks=(mask,)), NETWORK, LAYER, 2)) < 4 * 24 / 4 + 1
    nothing = local_features(image(torch.zeros(5, 4, 6)), NETWORK, LAYER)
    assert nothing.descriptors.shape == (0, 5)


def test_upsampled_positions_lie_between_those_of_the_map() -> None:
    """A map that grows linearly tells by its value where it was interpolated."""
    column = torch.arange(6.0).expand(4, 6)
    layer = torch.stack([column + 1.0, torch.ones(4, 6)])
    found = local_features(image(layer), NETWORK, LAYER, 2)
    assert len(found) == 8 * 12
    sees = NETWORK.receptive_field(LAYER)
    first = 2 * sum(sees.interval(0)) / 2.0
    value = found.descriptors[:, 0] / found.descriptors[:, 1] - 1.0
    at = (found.xy[:, 0] - first) / (2.0 * sees.stride)
    inside = (at >= 0) & (at <= 5)
    assert inside.sum() == 8 * 10
    np.testing.assert_allclose(value[inside], at[inside], atol=1e-5)


def test_what_a_photo_gives_does_not_depend_on_the_others_and_a_box_is_where_it_was() -> None:
    working = extractor(max_side=96)
    one = Decoded(texture(0, 192, 128), (192, 128))
    other = Decoded(texture(1, 192, 128), (192, 128))
    alone = working.extract([working.prepare(one)])[0]
    together = working.extract([working.prepare(other), working.prepare(one)])[1]
    np.testing.assert_allclose(np.sort(together.xy, axis=0), np.sort(alone.xy, axis=0))
    assert alone.descriptors.shape == (12 * 8, working.dimensions)
    assert working.extract([]) == []
    part = working.extract([working.prepare_query(one, (96, 64, 192, 128))])[0]
    assert part.xy[:, 0].min() > 90
    assert part.xy[:, 1].min() > 60
    masked = extractor(max_side=96, box="mask")
    inside = masked.extract([masked.prepare_query(one, (96, 64, 192, 128))])[0]
    assert len(inside) == 6 * 4
    assert (inside.xy >= (96, 64)).all()
    with pytest.raises(UsageError):
        working.prepare_query(one, (200, 0, 300, 50))


RECIPE = """
name = "small"
[features]
kind = "convolutional"
network = "resnet18"
layer = "layer2"
max_side = 96
runtime = "torch"
[features.checkpoint]
source = "random"
"""
METHODS = {
    "bow": '[words]\nkind = "bow"\nsize = 32\n',
    "asmk": '[words]\nkind = "asmk"\nsize = 8\n[[rerank]]\nkind = "spatial"\n',
    "hamming": '[words]\nkind = "hamming"\nsize = 8\nidf = false\n',
    "vlad": '[descriptor]\nkind = "vlad"\nsize = 8\n',
    "vlad-whitened": '[descriptor]\nkind = "vlad"\nsize = 8\nwhitening = "pca"\ndimensions = 64\n',
    "fisher": '[descriptor]\nkind = "fisher"\ncomponents = 4\npca = 16\n',
}


@pytest.mark.parametrize("method", METHODS)
def test_words_and_vectors_of_them_find_a_photo_again(method: str, tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    section, _, stages = METHODS[method].partition("[[")
    recipe.write_text(f'{RECIPE}{section}fit = "collection"\n{"[[" if stages else ""}{stages}')
    photos = collection(6)
    index = Index.create(tmp_path / "x.resight", recipe)
    (write(tmp_path / "photos", photos) / "broken.png").write_bytes(b"x")
    index.add(tmp_path / "photos")
    for name in list(photos)[::4]:
        assert Index.open(index.path).search(photos[name], k=1).hits[0].name == name


def test_the_scale_of_upsampled_positions_is_that_of_the_layer() -> None:
    found = local_features(image(maps(5, 4, 6)), NETWORK, LAYER, 2)
    assert math.isclose(float(found.scale[0]), 8.0)
