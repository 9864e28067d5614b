"""Weights of the parts of a photo or a query: saliency, what is around a box, and other views."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from index_samples import texture
from resight.errors import UsageError
from resight.features.convolutional import ConvolutionalExtractor, View, joined, middle_half, mirrored
from resight.features.kinds import Convolutional, Maps
from resight.features.local import LocalFeatures
from resight.features.maps import MapExtractor
from resight.features.saliency.priors import faded, stretched_centre_prior
from resight.images import Decoded

BOX = (96.0, 64.0, 192.0, 128.0)
PHOTO = Decoded(texture(0, 192, 128), (192, 128))


def params(**others: Any) -> dict[str, Any]:
    given = {"network": "resnet18", "layer": "layer2", "checkpoint": {"source": "random"}, "runtime": "torch"}
    return {**given, "max_side": 96, **others}


def extractor(**others: Any) -> ConvolutionalExtractor:
    return ConvolutionalExtractor(Convolutional.model_validate(params(**others)))


def features(working: ConvolutionalExtractor, views: list[View]) -> LocalFeatures:
    return working.extract([views])[0]


def by_place(found: LocalFeatures) -> dict[tuple[float, float], float]:
    assert found.weights is not None
    places = [(round(x, 2), round(y, 2)) for x, y in found.xy.tolist()]
    return dict(zip(places, found.weights.tolist(), strict=True))


def test_positions_of_indexed_photos_weigh_by_saliency_and_those_of_queries_do_not() -> None:
    working = extractor(saliency="gaussian")
    found = by_place(features(working, working.prepare(PHOTO)))
    columns, rows = (sorted({place[axis] for place in found}) for axis in (0, 1))
    prior = stretched_centre_prior(8, 12)
    # Corners weigh nothing, and are left out.
    assert len(found) == 8 * 12 - 4
    for (x, y), weight in found.items():
        assert weight == pytest.approx(prior[rows.index(y), columns.index(x)], abs=1e-6)
    query = features(working, working.prepare_query(PHOTO, None))
    assert query.weights is None
    assert len(query) == 8 * 12


def test_saliency_of_pixels_lies_where_things_are_on_the_photo() -> None:
    pixels = np.full((128, 192, 3), 60, np.uint8)
    pixels += np.random.default_rng(0).integers(0, 3, pixels.shape).astype(np.uint8)
    cv2.circle(pixels, (150, 40), 14, (250, 250, 250), -1)
    working = extractor(saliency="boolean-maps", upsampling=2)
    found = features(working, working.prepare(Decoded(pixels, (192, 128))))
    assert found.weights is not None
    assert math.dist(found.xy[found.weights.argmax()].tolist(), (150, 40)) < 16


def test_saliency_of_files_is_found_by_the_name_of_the_photo(tmp_path: Path) -> None:
    values = np.zeros((8, 12), np.uint8)
    values[:, 6:] = 200
    Image.fromarray(values).save(tmp_path / "one.png")
    working = extractor(saliency="files", saliency_folder=str(tmp_path))
    found = features(working, working.prepare(Decoded(PHOTO.pixels, PHOTO.size, name="one.jpg")))
    assert len(found) == 8 * 6
    assert found.xy[:, 0].min() > 80
    with pytest.raises(UsageError, match="no saliency map of two"):
        working.prepare(Decoded(PHOTO.pixels, PHOTO.size, name="two.jpg"))


def test_maps_of_a_pooling_are_masked_by_saliency_too() -> None:
    working = MapExtractor(Maps.model_validate(params(saliency="l2")))
    (found,) = working.extract([working.prepare(PHOTO)])
    norms = np.linalg.norm(np.asarray(found.maps[0]), axis=0)
    np.testing.assert_allclose(np.asarray(found.masks[0]), norms / norms.max(), rtol=1e-5)
    (query,) = working.extract([working.prepare_query(PHOTO, None)])
    assert query.masks == (None,)


def test_a_mask_and_saliency_go_together_and_a_mask_beside_all_that_is_salient_counts_alone() -> None:
    counts = np.zeros((128, 192), np.bool_)
    counts[:, 96:] = True
    working = extractor(saliency="gaussian")
    found = features(working, working.prepare(Decoded(PHOTO.pixels, PHOTO.size, counts=counts)))
    assert found.xy[:, 0].min() >= 96
    counts[:] = False
    counts[:8, :8] = True
    corner = features(working, working.prepare(Decoded(PHOTO.pixels, PHOTO.size, counts=counts)))
    assert corner.weights is not None
    assert corner.weights.tolist() == [1.0]


def test_what_is_around_a_box_counts_not_at_all_or_alike_or_less_with_the_distance() -> None:
    modes = {one: extractor(box="mask", context=one) for one in ("none", "whole", "fading")}
    found = {one: features(working, working.prepare_query(PHOTO, BOX)) for one, working in modes.items()}
    assert (len(found["none"]), len(found["whole"]), len(found["fading"])) == (24, 96, 96)
    assert found["none"].weights is None
    assert found["none"].box is None
    assert found["whole"].weights is None
    assert found["whole"].box == found["fading"].box == BOX
    inside = np.zeros((8, 12), np.bool_)
    inside[4:, 6:] = True
    expected = faded(inside)
    weights = by_place(found["fading"])
    columns, rows = (sorted({place[axis] for place in weights}) for axis in (0, 1))
    for (x, y), weight in weights.items():
        assert weight == pytest.approx(expected[rows.index(y), columns.index(x)], abs=1e-6)
    assert features(modes["fading"], modes["fading"].prepare_query(PHOTO, None)).weights is None


def test_weights_fall_with_the_distance_to_what_is_inside() -> None:
    inside = np.zeros((6, 9), np.bool_)
    inside[1:3, 2:4] = True
    places = np.argwhere(inside).tolist()
    distance = [[min(math.dist((y, x), place) for place in places) for x in range(9)] for y in range(6)]
    np.testing.assert_allclose(faded(inside), 1 - np.array(distance) / np.max(distance), atol=1e-5)
    np.testing.assert_array_equal(faded(np.ones((2, 3), np.bool_)), 1.0)
    np.testing.assert_array_equal(faded(np.zeros((2, 3), np.bool_)), 1.0)


@pytest.mark.parametrize(("views", "count"), [("plain", 1), ("mirror", 2), ("zoom", 2), ("both", 4)])
def test_a_query_has_all_its_views_in_one(views: str, count: int) -> None:
    working = extractor(views=views)
    prepared = working.prepare_query(PHOTO, None)
    assert len(prepared) == count
    assert len(working.prepare(PHOTO)) == 1
    found = features(working, prepared)
    alone = [working.extract([[view]])[0] for view in prepared]
    assert len(found) == sum(map(len, alone))
    np.testing.assert_allclose(found.descriptors, np.concatenate([one.descriptors for one in alone]), atol=1e-5)
    assert (found.xy >= 0).all()
    assert (found.xy <= (192, 128)).all()


def test_a_mirrored_view_is_that_of_the_mirrored_photo_at_its_places_on_the_photo() -> None:
    working = extractor(views="mirror", box="mask")
    plain, turned = working.prepare_query(PHOTO, BOX)
    other = Decoded(np.ascontiguousarray(PHOTO.pixels[:, ::-1]), PHOTO.size)
    expected = features(extractor(box="mask"), extractor(box="mask").prepare_query(other, (0.0, 64.0, 96.0, 128.0)))
    found = features(working, [turned])
    np.testing.assert_allclose(found.descriptors, expected.descriptors, atol=1e-5)
    np.testing.assert_allclose(found.xy[:, 0], 192 - expected.xy[:, 0], atol=1e-3)
    assert mirrored(mirrored(plain.image)).box == plain.image.box
    assert (found.xy[:, 0] >= 96).all()


def test_a_zoomed_view_is_the_middle_half_as_large_as_the_photo() -> None:
    working = extractor(views="zoom")
    _, zoomed = working.prepare_query(PHOTO, None)
    assert zoomed.image.pixels.shape == (64, 96, 3)
    assert zoomed.image.origin == (48.0, 32.0)
    assert middle_half((0.0, 0.0, 8.0, 4.0)) == (2.0, 1.0, 6.0, 3.0)
    found = features(working, [zoomed])
    assert (found.xy >= (48, 32)).all()
    assert (found.xy <= (144, 96)).all()


def test_views_without_weights_weigh_1_beside_others() -> None:
    one = LocalFeatures.none(3)
    other = LocalFeatures(
        np.zeros((2, 2), np.float32),
        np.ones(2, np.float32),
        np.zeros(2, np.float32),
        np.ones((2, 3), np.float32),
        np.array([0.5, 0.25], np.float32),
    )
    plain = LocalFeatures(other.xy, other.scale, other.angle, other.descriptors)
    found = joined([one, other, plain])
    assert found.weights is not None
    assert found.weights.tolist() == [0.5, 0.25, 1.0, 1.0]
    assert other.take(np.array([1])).weights == [0.25]


def test_keys_that_do_not_go_together_are_refused() -> None:
    for wrong in (
        {"context": "whole"},
        {"saliency": "files"},
        {"saliency_folder": "/x"},
        {"saliency": "files", "saliency_folder": "x"},
        {"saliency": "nose"},
    ):
        with pytest.raises(ValidationError):
            Convolutional.model_validate(params(**wrong))


def test_a_fit_is_named_by_saliency_and_not_by_how_queries_are_seen() -> None:
    plain = Convolutional.model_validate(params())
    queried = Convolutional.model_validate(params(box="mask", context="fading", views="both"))
    assert plain.seen() == queried.seen()
    assert "saliency=l2" in Convolutional.model_validate(params(saliency="l2")).seen()
    assert "saliency" not in plain.seen()
