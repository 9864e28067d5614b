"""Saliency as what is surrounded."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from saliency_scenes import disc, flat, peak, ring

from resight.features.saliency.boolean_maps import attention, boolean_map_saliency, surrounded, whitened_channels


def reached_from_the_border(boolean: np.ndarray) -> np.ndarray:
    """Returns what of the ones a walk in 8 directions from the border reaches."""
    height, width = boolean.shape
    reached = np.zeros_like(boolean)
    waiting = [(y, x) for y in range(height) for x in range(width) if y in (0, height - 1) or x in (0, width - 1)]
    while waiting:
        y, x = waiting.pop()
        if 0 <= y < height and 0 <= x < width and boolean[y, x] and not reached[y, x]:
            reached[y, x] = 1
            waiting += [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return reached


def test_what_a_walk_from_the_border_reaches_is_not_surrounded() -> None:
    for seed in range(5):
        boolean = (np.random.default_rng(seed).random((14, 19)) < 0.4).astype(np.uint8)
        np.testing.assert_array_equal(surrounded(boolean), boolean - reached_from_the_border(boolean))


def test_attention_is_what_is_surrounded_of_either_value_small_regions_more() -> None:
    boolean = np.zeros((30, 40), np.uint8)
    boolean[10:20, 10:25] = 1
    boolean[14:16, 14:16] = 0
    expected = np.zeros((30, 40))
    for value in (boolean, 1 - boolean):
        inside = value - reached_from_the_border(value)
        spread = np.zeros((30, 40))
        for y, x in np.argwhere(inside):
            spread[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = 1
        expected += spread / math.sqrt((spread**2).sum())
    np.testing.assert_allclose(attention(boolean), expected, atol=1e-6)


def test_channels_are_whitened_to_the_whole_range() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    pixels[..., 1] = pixels[..., 0] // 2 + pixels[..., 1] // 2
    rows = pixels.reshape(-1, 3).astype(float)
    rows -= rows.mean(axis=0)
    cov = rows.T @ rows / len(rows) + 50 * np.eye(3)
    values, axes = np.linalg.eigh(cov)
    root = sum(np.outer(axis, axis) / math.sqrt(value) for value, axis in zip(values, axes.T, strict=True))
    whitened = rows @ root
    for channel, given in enumerate(whitened_channels(pixels)):
        own = whitened[:, channel].reshape(40, 50)
        scaled = np.rint((own - own.min()) / np.ptp(own) * 255).astype(np.uint8)
        np.testing.assert_allclose(given, cv2.medianBlur(scaled, 3), atol=1)


def test_a_closed_ring_has_an_inside_and_an_open_one_has_not() -> None:
    closed, opened = (boolean_map_saliency(ring(one)) for one in (True, False))
    middle = slice(180, 220)
    assert closed.shape == (400, 400)
    assert closed[middle, middle].mean() > 0.5
    assert opened[middle, middle].mean() < 0.1


def test_a_disc_is_found_and_one_colour_says_nothing() -> None:
    pixels = disc()
    assert math.dist(peak(boolean_map_saliency(pixels), pixels), (180, 90)) < 10
    assert not boolean_map_saliency(flat()).any()
    assert not boolean_map_saliency(flat(1, 1)).any()


@pytest.mark.parametrize("shape", [(1, 300), (2, 2), (900, 3)])
def test_any_shape_has_a_map(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    assert np.isfinite(boolean_map_saliency(pixels)).all()
