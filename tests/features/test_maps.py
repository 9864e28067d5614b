"""Photos to feature maps: sizes, boxes, scales and batches."""

from __future__ import annotations

import logging
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from resight.errors import RecipeError, ResightError, UsageError, WeightsError
from resight.features import maps as module
from resight.features.image_maps import ImageMaps
from resight.features.kinds import Maps
from resight.features.maps import MapExtractor
from resight.features.networks import checkpoint
from resight.features.networks.checkpoint import open_network
from resight.features.runtimes.torch_inputs import TorchInputs
from resight.images import Decoded, decode, resize
from resight.images.masks import PhotoMask, masked

RNG = np.random.default_rng(0)
SCALES = (1.0, 1.0 / math.sqrt(2.0), 0.5)


def params(network: str = "resnet18", layer: str = "layer2", **others: Any) -> Maps:
    return Maps.model_validate(
        {"network": network, "layer": layer, "checkpoint": {"source": "random"}, "runtime": "torch", **others}
    )


def photo(width: int, height: int, original: tuple[int, int] | None = None) -> Decoded:
    return Decoded(RNG.integers(0, 256, (height, width, 3), np.uint8), original or (width, height))


@pytest.fixture(scope="module")
def extractor() -> MapExtractor:
    return MapExtractor(params(max_side=64))


@pytest.fixture(scope="module")
def scaled() -> MapExtractor:
    return MapExtractor(params(max_side=96, scales=SCALES))


@pytest.fixture(scope="module")
def demanding() -> MapExtractor:
    """One whose layer asks for 63 pixels a side."""
    return MapExtractor(params("alexnet", "pool5", max_side=128, scales=(1.0, 0.5)))


@pytest.fixture(scope="module")
def masking() -> MapExtractor:
    return MapExtractor(params(max_side=64, box="mask", scales=(1.0, 0.5)))


def one(extractor: MapExtractor, decoded: Decoded) -> ImageMaps:
    (found,) = extractor.extract([extractor.prepare(decoded)])
    return found


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= tolerance * float(expected.abs().max())


def test_constructing_opens_no_weights(no_weights: Path) -> None:
    found = MapExtractor(params("mobilenet_v2", "features.14.expand", checkpoint={"source": "nowhere.pth"}))
    assert found.dimensions == 576
    assert found.max_side == 1024
    assert found.together > 1
    with pytest.raises(WeightsError, match=r"nowhere\.pth"):
        found.extract([found.prepare(photo(40, 40))])


def test_a_layer_that_is_not_there() -> None:
    with pytest.raises(RecipeError, match="did you mean"):
        MapExtractor(params(layer="layer9"))


def test_maps_are_those_of_the_network(scaled: MapExtractor) -> None:
    decoded = photo(90, 61)
    found = one(scaled, decoded)
    loaded = open_network("resnet18", scaled.params.checkpoint)
    x = loaded.input(decoded.pixels[None])
    for scale, given_size, maps in zip(SCALES, found.inputs, found.maps, strict=True):
        y = x
        if scale != 1.0:
            y = torch.nn.functional.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)
        assert given_size == (y.shape[-1], y.shape[-2])
        with torch.no_grad():
            expected = loaded.network.maps(y, ["layer2"])["layer2"][0]
        assert maps.dtype == torch.float32
        assert maps.is_contiguous()
        assert maps.shape[0] == scaled.dimensions
        close(maps, expected)
    assert found.size == (90, 61)
    assert found.origin == (0.0, 0.0)
    assert found.masks == (None, None, None)


def test_a_photo_is_reduced_and_never_enlarged(extractor: MapExtractor) -> None:
    assert extractor.prepare(photo(128, 100)).pixels.shape == (50, 64, 3)
    small = photo(20, 30)
    assert extractor.prepare(small).pixels is small.pixels
    assert one(extractor, photo(32, 25, original=(320, 250))).size == (320, 250)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from([(64, 48), (48, 64), (33, 64), (64, 64)]), min_size=1, max_size=6), st.integers(1, 3))
def test_no_photo_depends_on_the_others(extractor: MapExtractor, sizes: list[tuple[int, int]], most: int) -> None:
    prepared = [extractor.prepare(photo(*size)) for size in sizes]
    alone = [extractor.extract([each])[0] for each in prepared]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extractor, "together", most)
        together = extractor.extract(prepared)
    assert len(together) == len(alone)
    for found, expected in zip(together, alone, strict=True):
        assert found.inputs == expected.inputs
        close(found.maps[0], expected.maps[0])


def test_nothing_to_extract(extractor: MapExtractor) -> None:
    assert extractor.extract([]) == []


def test_a_cropped_part_is_reduced_by_the_factor_of_its_photo(extractor: MapExtractor) -> None:
    whole = photo(256, 128)
    prepared = extractor.prepare_query(whole, (100.5, 20.0, 180.0, 60.0))
    # 256 becomes 64, so the 80 x 40 that the box touches become 20 x 10.
    assert prepared.pixels.shape == (10, 20, 3)
    assert prepared.size == (80, 40)
    assert prepared.origin == (100.0, 20.0)
    assert prepared.box is None


def test_a_part_of_a_photo_that_was_reduced_when_decoded(extractor: MapExtractor) -> None:
    prepared = extractor.prepare_query(photo(64, 32, original=(256, 128)), (100.0, 20.0, 180.0, 60.0))
    assert prepared.pixels.shape == (10, 20, 3)
    assert prepared.size == (80, 40)
    assert prepared.origin == (100.0, 20.0)


def test_a_part_that_is_small_enough_stays(extractor: MapExtractor) -> None:
    whole = photo(60, 50)
    prepared = extractor.prepare_query(whole, (10, 5, 40, 25))
    np.testing.assert_array_equal(prepared.pixels, whole.pixels[5:25, 10:40])


def test_a_small_query_and_a_small_box_are_enlarged() -> None:
    enlarging = MapExtractor(params(max_side=64, enlarge_to=48))
    small = photo(24, 12)
    assert enlarging.prepare(small).pixels.shape == (12, 24, 3)
    query = enlarging.prepare_query(small, None)
    assert query.pixels.shape == (24, 48, 3)
    assert query.size == (24, 12)
    assert enlarging.prepare_query(photo(50, 20), None).pixels.shape == (20, 50, 3)
    # 256 becomes 64, so the 80 x 40 of the box would become 20 x 10; they are taken from the pixels that are there.
    whole = photo(256, 128)
    box = enlarging.prepare_query(whole, (100.0, 20.0, 180.0, 60.0))
    np.testing.assert_array_equal(box.pixels, resize(whole.pixels[20:60, 100:180], 48))
    assert (box.size, box.origin) == ((80, 40), (100.0, 20.0))
    assert enlarging.prepare_query(whole, (100.0, 20.0, 110.0, 25.0)).pixels.shape == (24, 48, 3)


def test_a_query_is_enlarged_no_further_than_photos_are_reduced() -> None:
    found = MapExtractor(params(max_side=64, enlarge_to=480))
    assert found.prepare_query(photo(24, 12), None).pixels.shape == (32, 64, 3)
    masked = MapExtractor(params(max_side=64, enlarge_to=64, box="mask", scales=(1.0, 0.5)))
    (whole,) = masked.extract([masked.prepare_query(photo(32, 32), (0, 0, 16, 32))])
    mask = whole.masks[0]
    assert mask is not None
    assert mask.shape == (8, 8)
    assert float(mask.mean()) == 0.5


def test_a_query_without_a_box_is_a_photo(masking: MapExtractor) -> None:
    decoded = photo(50, 40)
    query, base = masking.extract([masking.prepare_query(decoded, None), masking.prepare(decoded)])
    assert torch.equal(query.maps[0], base.maps[0])
    assert query.masks == (None, None)


@pytest.mark.parametrize("box", ["crop", "mask"])
@pytest.mark.parametrize("side", [1, 2])
def test_a_box_of_two_pixels(box: str, side: int) -> None:
    found = MapExtractor(params(layer="layer1", box=box, max_side=64, scales=SCALES))
    query = found.prepare_query(photo(400, 300), (7, 9, 7 + side, 9 + side))
    (maps,) = found.extract([query])
    for each, mask in zip(maps.maps, maps.masks, strict=True):
        assert each.numel() > 0
        assert each.isfinite().all()
        assert mask is None or mask.sum() == 1


def test_a_box_outside_the_photo(extractor: MapExtractor, masking: MapExtractor) -> None:
    for each in (extractor, masking):
        with pytest.raises(UsageError, match="reaches beyond"):
            each.prepare_query(photo(40, 30), (10, 10, 41, 20))
        with pytest.raises(UsageError, match="empty"):
            each.prepare_query(photo(40, 30), (10, 10, 10, 20))


def test_a_mask_marks_the_positions_whose_centres_lie_in_the_box(masking: MapExtractor) -> None:
    # Reduced to 64 x 32; layer2 has stride 8, and the centre of its first position is at 0.5 of a pixel.
    (found,) = masking.extract([masking.prepare_query(photo(128, 64), (31.0, 16.0, 70.0, 64.0))])
    assert found.size == (128, 64)
    assert found.origin == (0.0, 0.0)
    whole, half = found.masks
    assert whole is not None
    assert half is not None
    rows, columns = np.nonzero(whole.numpy())
    centres = 0.5 + 8 * np.arange(8)
    assert set(columns) == {i for i in range(8) if 15.5 <= centres[i] < 35.0}
    assert set(rows) == {i for i in range(4) if 8.0 <= centres[i] < 32.0}
    assert whole.sum() == len(set(rows)) * len(set(columns))
    # At half the size: box 7.75 to 17.5 and 4 to 16, centres at 0.5, 8.5, 16.5, 24.5.
    assert half.tolist() == [[0, 0, 0, 0], [0, 1, 1, 0]]


def test_a_mask_lies_where_what_the_box_shows_is() -> None:
    """The strongest response to a lone bright square is inside the mask of a box around it."""
    # layer1 sees 43 pixels: the box is as much larger than the square that it holds every position which sees it.
    masking = MapExtractor(params(layer="layer1", box="mask", max_side=240))
    pixels = np.full((160, 240, 3), 128, np.uint8)
    empty = Decoded(pixels.copy(), (480, 320))
    pixels[90:94, 170:174] = 255
    shown = Decoded(pixels, (480, 320))
    box = (2 * 147.0, 2 * 67.0, 2 * 197.0, 2 * 117.0)
    first, second = masking.extract([masking.prepare_query(each, box) for each in (empty, shown)])
    change = (first.maps[0] - second.maps[0]).abs().sum(dim=0)
    assert change.max() > 0
    mask = second.masks[0]
    assert mask is not None
    assert float((change * (1 - mask)).max()) <= 1e-4 * float(change.max())


def test_a_photo_too_small_for_the_layer_is_enlarged_to_its_least_side(demanding: MapExtractor) -> None:
    assert demanding.prepare(photo(21, 40)).pixels.shape == (120, 63, 3)
    # As far as max_side allows.
    assert demanding.prepare(photo(2, 100)).pixels.shape == (128, 63, 3)
    found = one(demanding, photo(30, 10))
    assert found.size == (30, 10)
    # The second scale would have none, and takes the least side.
    assert found.inputs == ((128, 63), (64, 63))
    assert [maps.shape[1:] for maps in found.maps] == [(1, 3), (1, 1)]


def test_weights_are_opened_once_by_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures import ThreadPoolExecutor

    opened = []

    def opening(*given: Any) -> Any:
        opened.append(given)
        return open_network(*given)

    monkeypatch.setattr(checkpoint, "open_network", opening)
    found = MapExtractor(params(layer="layer1", max_side=32))
    prepared = [found.prepare(photo(32, 24 + i)) for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        several = list(pool.map(lambda each: found.extract([each])[0], prepared))
    assert len(opened) == 1
    for each, image in zip(several, prepared, strict=True):
        close(each.maps[0], found.extract([image])[0].maps[0])


class Small(TorchInputs):
    """A card that holds `most` photos."""

    name = "small"
    device = torch.device("cpu")
    most_pixels = 1 << 30

    def __init__(self, most: int) -> None:
        self.most = most
        self.batches: list[int] = []

    def run(self, x: Tensor) -> tuple[Tensor, ...]:
        self.batches.append(len(x))
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return (x.mean(dim=(2, 3), keepdim=True),)


def with_runtime(runtime: Small) -> MapExtractor:
    found = MapExtractor(params(layer="layer1", max_side=32))
    found._runtime = runtime
    return found


def test_a_full_card_halves_the_batch_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    runtime = Small(most=3)
    found = with_runtime(runtime)
    prepared = [found.prepare(photo(32, 32)) for _ in range(14)]
    with caplog.at_level(logging.WARNING, module.__name__):
        results = found.extract(prepared)
    # 14 and 7 do not fit, 3 do; what is left of the 7 goes in halves too.
    assert runtime.batches[:3] == [14, 7, 3]
    assert sum(count for count in runtime.batches if count <= 3) == 14
    said = [record.message for record in caplog.records if "out of memory" in record.message]
    assert "14 photos of 32 x 32: going on with 7 at once" in said[0]
    for each, image in zip(results, prepared, strict=True):
        close(each.maps[0].flatten(), found._load().input(image.pixels[None]).mean(dim=(0, 2, 3)))
    # It is remembered.
    runtime.batches.clear()
    found.extract(prepared)
    assert max(runtime.batches) <= 3


def test_a_card_too_small_for_one_photo() -> None:
    found = with_runtime(Small(most=0))
    with pytest.raises(ResightError, match=re.escape("one photo of 32 x 24 pixels")):
        found.extract([found.prepare(photo(32, 24))])


def test_bfloat16_gives_float32_maps_near_those_of_float32(extractor: MapExtractor) -> None:
    half = MapExtractor(params(max_side=64, precision="bfloat16"))
    decoded = photo(64, 40)
    (found,), (expected,) = one(half, decoded).maps, one(extractor, decoded).maps
    assert found.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0) > 0.999
    assert not torch.equal(found, expected)


@pytest.mark.weights
@pytest.mark.photos
def test_a_real_network_on_a_real_photo(weights: Path, photos: Path) -> None:
    found = MapExtractor(
        params(
            "mobilenet_v2",
            "features.14.expand",
            checkpoint={"source": str(weights / "mobilenet_v2-imagenet.safetensors")},
            max_side=320,
        )
    )
    path = sorted((photos / "scenes" / "images").iterdir())[0]
    first, second = one(found, decode(path, 320)), one(found, decode(path, 300))
    assert first.maps[0].shape[0] == 576
    assert first.maps[0].min() >= 0
    # A slightly smaller photo pools to nearly the same.
    pooled = [each.maps[0].mean(dim=(1, 2)) for each in (first, second)]
    assert torch.nn.functional.cosine_similarity(pooled[0], pooled[1], dim=0) > 0.95


def test_layers_of_one_pass_are_those_of_a_pass_each() -> None:
    decoded = photo(90, 61)
    several = MapExtractor(params(max_side=96, scales=SCALES), beside=["layer3", "layer1"])
    (found,) = several.extract_layers([several.prepare(decoded)])
    assert several.dimensions == 128
    for layer, maps in zip(("layer2", "layer3", "layer1"), found, strict=True):
        alone = one(MapExtractor(params(layer=layer, max_side=96, scales=SCALES)), decoded)
        assert maps.inputs == alone.inputs
        for ours, expected in zip(maps.maps, alone.maps, strict=True):
            close(ours, expected)


def test_each_layer_of_a_box_has_its_mask() -> None:
    masked = MapExtractor(params(max_side=64, box="mask"), beside=["layer3"])
    ((fine, coarse),) = masked.extract_layers([masked.prepare_query(photo(64, 64), (0, 0, 32, 64))])
    for maps, side in ((fine, 8), (coarse, 4)):
        (mask,) = maps.masks
        assert mask is not None
        assert mask.shape == (side, side)
        assert float(mask.mean()) == 0.5


def test_the_least_side_is_that_of_the_layer_that_asks_for_most() -> None:
    both = MapExtractor(params("alexnet", "conv1", max_side=128), beside=["pool5"])
    (found,) = both.extract_layers([both.prepare(photo(20, 20))])
    assert found[1].maps[0].shape[1:] == (1, 1)


@pytest.mark.parametrize("box", [None, (10.0, 20.0, 128.0, 96.0)])
@pytest.mark.parametrize("how", ["crop", "mask"])
def test_what_lies_beneath_a_mask_does_not_matter_and_does_not_count(how: str, box: tuple[float, ...] | None) -> None:
    extractor = MapExtractor(params(max_side=96, scales=(1.0, 0.5), box=how))
    counts = np.ones((96, 128), np.bool_)
    counts[60:] = False
    one = photo(128, 96)
    other = replace(one, pixels=np.where(counts[..., None], one.pixels, photo(128, 96).pixels))
    laid = [masked(each, PhotoMask("m", "", counts)) for each in (one, other)]
    first, second = extractor.extract([extractor.prepare_query(each, box) for each in laid])  # type: ignore[arg-type]
    for maps, again, mask in zip(first.maps, second.maps, first.masks, strict=True):
        assert torch.equal(maps, again)
        assert mask is not None
        # Positions lie every 8 pixels of 96 x 72, of which the mask leaves 45 rows.
        assert 0 < mask.sum() < mask.numel()
        assert not mask[-1].any()
        assert mask[0].any() or box is not None


def test_a_mask_that_leaves_less_than_a_position_leaves_the_one_that_is_near(extractor: MapExtractor) -> None:
    counts = np.zeros((64, 64), np.bool_)
    counts[1:3, 61:63] = True
    (found,) = extractor.extract([extractor.prepare(replace(photo(64, 64), counts=counts))])
    mask = found.masks[0]
    assert mask is not None
    assert torch.nonzero(mask).tolist() == [[0, mask.shape[1] - 1]]
