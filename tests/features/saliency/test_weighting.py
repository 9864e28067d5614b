"""The table of weightings, and maps of any size as weights of positions."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image
from saliency_scenes import disc, flat

from resight.errors import ImageError, UsageError
from resight.features.saliency.files import read_saliency
from resight.features.saliency.kinds import SaliencyName
from resight.features.saliency.weighting import OF_MAPS, OF_PIXELS, position_weights


def test_every_name_is_in_one_table() -> None:
    assert sorted([*OF_PIXELS, *OF_MAPS, "files", "onnx"]) == sorted(get_args(SaliencyName))


@pytest.mark.parametrize("name", OF_PIXELS)
def test_weights_of_pixels_are_parts_of_the_largest(name: SaliencyName) -> None:
    weights = position_weights(OF_PIXELS[name](disc()), 21, 16)
    assert weights.shape == (21, 16)
    assert weights.max() == 1.0
    assert weights.min() >= 0.0
    np.testing.assert_array_equal(position_weights(OF_PIXELS[name](flat()), 3, 4), 1.0)
    np.testing.assert_array_equal(position_weights(OF_PIXELS[name](flat(1, 1)), 1, 1), 1.0)


@pytest.mark.parametrize("name", OF_MAPS)
def test_weights_of_maps_are_parts_of_the_largest(name: SaliencyName) -> None:
    maps = np.random.default_rng(0).random((4, 9, 12)).astype(np.float32)
    weights = OF_MAPS[name](maps)
    assert weights.shape == (9, 12)
    assert weights.max() == 1.0
    assert weights.min() >= 0.0
    np.testing.assert_array_equal(OF_MAPS[name](np.zeros((4, 1, 1), np.float32)), 1.0)


def test_a_map_is_shrunk_by_the_mean_of_areas() -> None:
    given = np.arange(24.0).reshape(4, 6)
    means = given.reshape(2, 2, 3, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(position_weights(given, 2, 3), means / means.max(), rtol=1e-6)
    grown = position_weights(np.array([[0.0, 1.0]]), 1, 4)
    np.testing.assert_allclose(grown, [[0.0, 0.25, 0.75, 1.0]], atol=1e-6)


@pytest.mark.parametrize(
    "given",
    [np.zeros((3, 3)), np.full((3, 3), 0.3), np.array([[0.0, np.nan]]), np.array([[1.0, np.inf]]), -np.ones((2, 2))],
)
def test_a_map_that_says_nothing_weighs_all_alike(given: np.ndarray) -> None:
    np.testing.assert_array_equal(position_weights(given, 4, 5), np.ones((4, 5)))
    np.testing.assert_array_equal(position_weights(np.empty((0, 0)), 1, 2), np.ones((1, 2)))


def test_maps_of_files_are_found_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "sub").mkdir()
    values = np.arange(0, 240, 10, np.uint8).reshape(4, 6)
    Image.fromarray(values).save(tmp_path / "sub" / "one.png")
    Image.fromarray(values.T.copy()).save(tmp_path / "two.jpg.png")
    np.testing.assert_allclose(read_saliency(tmp_path, "sub/one.jpg"), values / 255, atol=1e-6)
    np.testing.assert_allclose(read_saliency(tmp_path, "two.jpg"), values.T / 255, atol=1e-6)
    with pytest.raises(UsageError, match=r"no saliency map of three\.jpg: neither .*three\.jpg\.png nor .*three\.png"):
        read_saliency(tmp_path, "three.jpg")
    with pytest.raises(UsageError, match="have none"):
        read_saliency(tmp_path, "")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"bad\.png"):
        read_saliency(tmp_path, "bad.jpg")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "black.png")
    with caplog.at_level(logging.WARNING):
        assert not read_saliency(tmp_path, "black.jpg").any()
    assert "black.png is black all over" in caplog.text
