"""Saliency by contrast between scales."""

from __future__ import annotations

import math

import numpy as np
import pytest
from saliency_scenes import bars, disc, flat, peak

from resight.features.saliency.itti_koch import itti_koch, opponents, orientation, promoted


def naive_promoted(x: np.ndarray) -> np.ndarray:
    """N(x) for maps without equal neighbours."""
    scaled = (x - x.min()) / (x.max() - x.min())
    height, width = x.shape
    maxima = [
        scaled[r, c]
        for r in range(height)
        for c in range(width)
        if scaled[r, c] > 0.1 and scaled[r, c] >= scaled[max(0, r - 1) : r + 2, max(0, c - 1) : c + 2].max()
    ]
    maxima.remove(1.0)
    return np.asarray(scaled * (1 - (np.mean(maxima) if maxima else 0)) ** 2)


def test_one_peak_is_kept_and_many_alike_are_not() -> None:
    x = np.random.default_rng(0).random((12, 17)).astype(np.float32)
    np.testing.assert_allclose(promoted(x), naive_promoted(x), atol=1e-5)
    one = np.zeros((20, 20), np.float32)
    one[5, 5] = 3.0
    assert promoted(one).max() == 1.0
    two = one.copy()
    two[15, 15] = 3.0
    assert promoted(two).max() == 0.0
    assert not promoted(np.full((4, 4), 2.0, np.float32)).any()


def test_opponent_colours_are_the_papers() -> None:
    x = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0.01, 0, 0], [0.5, 0.5, 0.5]]], np.float32)
    intensity = x.mean(axis=2)
    red_green, blue_yellow = opponents(x, intensity)
    for at, (r, g, b) in enumerate(x[0].tolist()):
        i = (r + g + b) / 3
        if i <= intensity.max() / 10:
            r = g = b = 0.0
        else:
            r, g, b = r / i, g / i, b / i
        red, green, blue = max(r - (g + b) / 2, 0), max(g - (r + b) / 2, 0), max(b - (r + g) / 2, 0)
        yellow = max((r + g) / 2 - abs(r - g) / 2 - b, 0)
        assert red_green[0, at] == pytest.approx(red - green, abs=1e-5)
        assert blue_yellow[0, at] == pytest.approx(blue - yellow, abs=1e-5)


def test_bars_answer_to_their_own_orientation_alone() -> None:
    y, x = np.mgrid[:64, :64]
    for degrees in (0.0, 45.0, 90.0, 135.0):
        turn = math.radians(degrees)
        wave = np.cos(2 * math.pi * (x * math.cos(turn) + y * math.sin(turn)) / 7).astype(np.float32)
        answers = [orientation(wave, angle)[20:44, 20:44].mean() for angle in (0.0, 45.0, 90.0, 135.0)]
        assert int(np.argmax(answers)) == int(degrees // 45)
        assert sorted(answers)[-1] > 3 * sorted(answers)[-2]
    assert orientation(np.full((30, 30), 5.0, np.float32), 0.0).max() < 1e-4


def test_a_bright_disc_is_found() -> None:
    pixels = disc(320, (230, 110), 16)
    saliency = itti_koch(pixels)
    assert saliency.shape == (20, 20)
    assert math.dist(peak(saliency, pixels), (230, 110)) < 24


@pytest.mark.parametrize("odd", [(2, 2), (3, 1), (1, 3)])
def test_the_odd_bar_out_is_found(odd: tuple[int, int]) -> None:
    pixels = bars(odd)
    saliency = itti_koch(np.kron(pixels, np.ones((2, 2, 1), np.uint8)))
    x, y = peak(saliency, pixels)
    assert math.dist((x, y), (50 * odd[0] + 25, 50 * odd[1] + 25)) < 25


def test_one_colour_and_a_photo_too_small_for_two_levels_say_nothing() -> None:
    assert not itti_koch(flat(300, 300)).any()
    assert not itti_koch(flat(1, 1)).any()
    assert not itti_koch(disc(16, (8, 8), 3)).any()


@pytest.mark.parametrize("shape", [(1, 300), (40, 40), (64, 33), (500, 3)])
def test_any_shape_has_a_map(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    saliency = itti_koch(pixels)
    assert np.isfinite(saliency).all()
    assert saliency.max() > 0
