"""Samples of more than 8 bits: what is black, what is white, and what is no data."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawings import encoded
from PIL import Image
from tiff_files import tiff

from resight.images import decode_bytes
from resight.images.ranges import eight_bits


def ramp(top: int) -> np.ndarray:
    return np.linspace(0, top, 64 * 48).round().astype(np.uint16).reshape(48, 64)


def naive(values: np.ndarray, white: int) -> np.ndarray:
    return np.array([[int(value * 255 / white + 0.5) for value in row] for row in values.tolist()])


@pytest.mark.parametrize(
    ("top", "white"),
    [
        (65535, 65535),
        (30000, 65535),
        (16383, 16383),
        (5000, 16383),
        (4095, 4095),
        (1500, 4095),
        (1000, 1023),
        (255, 255),
    ],
)
def test_white_is_the_least_depth_that_holds_all_samples(top: int, white: int) -> None:
    np.testing.assert_array_equal(eight_bits(ramp(top)), naive(ramp(top), white))
    for data in (encoded(Image.fromarray(ramp(top)), "PNG"), tiff(ramp(top)), tiff(ramp(top), order=">")):
        np.testing.assert_array_equal(decode_bytes(data, "x").pixels[..., 0], naive(ramp(top), white))


@pytest.mark.parametrize(("top", "white"), [(4095, 4095), (1000, 1023), (16383, 16383)])
def test_colours_of_12_bits_in_16_are_not_dark(top: int, white: int) -> None:
    colours = np.stack([ramp(top), ramp(top)[::-1], ramp(top)[:, ::-1]], axis=-1)
    expected = np.stack([naive(band, white) for band in np.moveaxis(colours, -1, 0)], axis=-1)
    encoded_png = cv2.imencode(".png", colours[..., ::-1])[1].tobytes()
    with_alpha = np.dstack([colours[..., ::-1], np.full((48, 64), 65535, np.uint16)])
    for data in (
        encoded_png,
        cv2.imencode(".png", with_alpha)[1].tobytes(),
        tiff(colours, 2),
        tiff(colours, 2, order=">"),
        tiff(colours, 2, planar=True),
        tiff(colours, 2, compression=8, predictor=True),
    ):
        np.testing.assert_array_equal(decode_bytes(data, "x").pixels, expected)


def test_colours_that_use_16_bits_stay_as_they_were() -> None:
    colours = np.stack([ramp(65535), ramp(65535)[::-1], ramp(65535)[:, ::-1]], axis=-1)
    png = cv2.imencode(".png", colours[..., ::-1])[1].tobytes()
    for data in (png, tiff(colours, 2)):
        np.testing.assert_array_equal(decode_bytes(data, "x").pixels, colours >> 8)


def test_the_smallest_is_white_where_a_tiff_says_so() -> None:
    for top in (65535, 4095):
        pixels = decode_bytes(tiff(ramp(top), 0), "x").pixels[..., 0]
        np.testing.assert_array_equal(pixels, 255 - naive(ramp(top), top))


FLOATS = np.linspace(0.25, 0.75, 64 * 48, dtype=np.float32).reshape(48, 64)


@pytest.mark.parametrize("left_out", [np.nan, np.inf, -np.inf, -3.4e38, 3.4e38, -9999.0, -32768.0])
def test_what_stands_for_no_data_does_not_count_for_the_range(left_out: float) -> None:
    values = FLOATS.copy()
    values[10:20, 10:20] = left_out
    expected = np.rint((FLOATS.astype(float) - 0.25) * 510)
    pixels = decode_bytes(tiff(values), "x").pixels[..., 0]
    outside = np.ones(values.shape, bool)
    outside[10:20, 10:20] = False
    np.testing.assert_array_equal(pixels[outside], expected[outside])
    assert set(np.unique(pixels[~outside])) == {255 if left_out > 0 else 0}


@pytest.mark.parametrize(
    ("dtype", "value"), [(np.float32, -500.0), (np.int16, -500), (np.uint16, 65535), (np.float64, 7e5)]
)
def test_the_value_for_no_data_that_a_file_names_does_not_count(dtype: type, value: float) -> None:
    values = ramp(4095).astype(dtype)
    values[10:20, 10:20] = value
    pixels = decode_bytes(tiff(values, tags={42113: f"{value:g} ".encode()}), "x").pixels[..., 0]
    assert (pixels[10:20, 10:20] == 0).all()
    outside = np.ones(values.shape, bool)
    outside[10:20, 10:20] = False
    np.testing.assert_allclose(pixels[outside], naive(ramp(4095), 4095)[outside], atol=1)


def test_ordinary_values_that_look_like_sentinels_count() -> None:
    values = np.arange(-9999.0, 9999.0, 10)[None]
    assert eight_bits(values).tolist() == np.rint((values + 9999) * 255 / (values.max() + 9999)).astype(int).tolist()


def test_nothing_but_no_data_is_black() -> None:
    assert not eight_bits(np.full((4, 5), np.nan)).any()
    assert not eight_bits(np.full((4, 5), 7, np.uint16), no_data=7).any()
    assert not eight_bits(np.full((4, 5), -9999.0)).any()
