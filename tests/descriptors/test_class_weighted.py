"""Class-weighted vectors of a photo against a loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from resight.descriptors.class_weighted import class_weighted_vectors
from resight.errors import UsageError
from resight.features.class_maps import ClassedMaps, ClassMapExtractor
from resight.features.image_maps import ImageMaps
from resight.features.kinds import ClassMaps
from resight.features.networks.checkpoint import open_network
from resight.images import Decoded


def image(channels: int, *sizes: tuple[int, int], seed: int = 0) -> ImageMaps:
    generator = torch.Generator().manual_seed(seed)
    maps = tuple(torch.rand(channels, *size, generator=generator) ** 3 for size in sizes)
    return ImageMaps(maps, (None,) * len(maps), (10, 10), ((10, 10),) * len(maps))


def classed(maps: ImageMaps, last: ImageMaps) -> ClassedMaps:
    generator = torch.Generator().manual_seed(5)
    channels = last.maps[0].shape[0]
    return ClassedMaps(maps, last, torch.randn(7, channels, generator=generator), torch.randn(7, generator=generator))


def test_vectors_are_those_of_a_loop_over_classes_scales_and_positions() -> None:
    given = classed(image(5, (4, 6), (2, 3)), image(3, (4, 6), (2, 3), seed=1))
    found = class_weighted_vectors(given, 2)
    weight, bias = given.weight.double().numpy(), given.bias.double().numpy()
    lasts = [maps.double().numpy() for maps in given.last.maps]
    scores = np.mean([weight @ last.mean(axis=(1, 2)) + bias for last in lasts], axis=0)
    for row, chosen in enumerate(np.argsort(-scores)[:2]):
        total = np.zeros(5)
        for maps, last in zip(given.maps.maps, lasts, strict=True):
            seen = np.maximum(np.einsum("c,chw->hw", weight[chosen], last), 0.0)
            seen /= seen.max()
            x = maps.double().numpy()
            share = (x > 0).mean(axis=(1, 2))
            channel = np.array([math.log(share.sum() / one) for one in share])
            vector = np.array([(x[c] * seen).sum() for c in range(5)]) * channel
            total += vector / np.linalg.norm(vector)
        np.testing.assert_allclose(found[row], total / np.linalg.norm(total), atol=1e-5)


def test_a_coarser_last_map_is_seen_on_the_finer_one() -> None:
    fine, coarse = image(5, (8, 6)), image(3, (4, 3), seed=1)
    spread = torch.nn.functional.interpolate(coarse.maps[0][None], (8, 6), mode="nearest")[0]
    found = class_weighted_vectors(classed(fine, coarse), 1)
    near = class_weighted_vectors(classed(fine, ImageMaps((spread,), (None,), (10, 10), ((10, 10),))), 1)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-6)
    assert float(found[0] @ near[0]) > 0.99


def test_a_class_that_is_seen_nowhere_has_no_vector() -> None:
    given = classed(image(5, (4, 6)), image(3, (4, 6), seed=1))
    weight = given.weight.clone()
    likeliest = int((weight @ given.last.maps[0].mean(dim=(1, 2)) + given.bias).argmax())
    weight[likeliest] = -1.0
    bias = given.bias.clone()
    bias[likeliest] = 100.0
    hidden = ClassedMaps(given.maps, given.last, weight, bias)
    assert class_weighted_vectors(hidden, 1).shape == (0, 5)


def test_only_positions_that_count_choose_classes_and_make_vectors() -> None:
    sizes = ((4, 6), (2, 3))
    maps, last = image(5, *sizes), image(3, *sizes, seed=1)
    masks = [torch.zeros(size) for size in sizes]
    for mask in masks:
        mask[:, : mask.shape[1] // 3] = 1.0
    masked = [ImageMaps(each.maps, tuple(masks), each.size, each.inputs) for each in (maps, last)]
    cropped = [
        ImageMaps(tuple(x[:, :, : x.shape[2] // 3] for x in each.maps), (None, None), each.size, each.inputs)
        for each in (maps, last)
    ]
    for count in (1, 2, 3):
        found = class_weighted_vectors(classed(*masked), count)
        np.testing.assert_allclose(found, class_weighted_vectors(classed(*cropped), count), atol=1e-5)


def test_a_mask_does_not_draw_the_scores_to_the_bias() -> None:
    last = torch.zeros(2, 4, 6)
    last[0, :, 0] = 1.0
    mask = torch.zeros(4, 6)
    mask[:, 0] = 1.0
    maps = ImageMaps((torch.rand(5, 4, 6),), (mask,), (10, 10), ((10, 10),))
    # A mean of 1 makes the first class 1.0 and the second, which is seen nowhere, 0.5.
    weight, bias = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0.0, 0.5])
    given = ClassedMaps(maps, ImageMaps((last,), (mask,), (10, 10), ((10, 10),)), weight, bias)
    assert class_weighted_vectors(given, 1).shape == (1, 5)


def test_more_classes_than_there_are() -> None:
    with pytest.raises(UsageError, match="8 classes are asked of a classifier that has 7"):
        class_weighted_vectors(classed(image(5, (4, 6)), image(3, (4, 6))), 8)


@pytest.mark.parametrize("layer", ["conv5_1", "cam"])
def test_both_maps_come_from_one_pass_with_the_classifier(layer: str) -> None:
    params = ClassMaps.model_validate(
        {"network": "vgg16_cam", "layer": layer, "checkpoint": {"source": "random"}, "runtime": "torch", "max_side": 64}
    )
    extractor = ClassMapExtractor(params)
    decoded = Decoded(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8), (48, 64))
    (found,) = extractor.extract([extractor.prepare(decoded)])
    loaded = open_network("vgg16_cam", params.checkpoint)
    with torch.inference_mode():
        expected = loaded.network.maps(loaded.input(decoded.pixels[None]), [layer, "cam"])
    torch.testing.assert_close(found.maps.maps[0], expected[layer][0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found.last.maps[0], expected["cam"][0], rtol=1e-3, atol=1e-3)
    assert found.weight.shape == (1000, 1024)
    assert extractor.dimensions == found.maps.maps[0].shape[0]
    assert extractor.extract([]) == []


def test_a_network_without_such_a_classifier_says_so() -> None:
    params = ClassMaps.model_validate(
        {"network": "vgg16", "layer": "conv5_1", "checkpoint": {"source": "random"}, "runtime": "torch", "max_side": 32}
    )
    extractor = ClassMapExtractor(params)
    decoded = Decoded(np.zeros((32, 32, 3), np.uint8), (32, 32))
    with pytest.raises(UsageError, match="class-activation maps"):
        extractor.extract([extractor.prepare(decoded)])
