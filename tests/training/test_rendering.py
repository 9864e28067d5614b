"""Second views: the same for the same random state, of the same size, and of the same thing."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from resight.arrays import Pixels
from resight.training.rendering import MILD, STRONG, ViewStrength, second_view

STRENGTHS = [pytest.param(MILD, id="mild"), pytest.param(STRONG, id="strong")]


def picture(width: int, height: int, seed: int = 0) -> Pixels:
    """Smooth colours with edges."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


BACKGROUNDS = [picture(90, 60, 1), picture(40, 120, 2), picture(1, 1, 3)]


@pytest.mark.parametrize("strength", STRENGTHS)
def test_the_same_random_state_gives_the_same_view_and_another_one_another(strength: ViewStrength):
    pixels = picture(96, 64)
    before = pixels.copy()
    first, second, other = (
        second_view(pixels, BACKGROUNDS, strength, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(pixels, before)
    assert (first != other).any()


def test_backgrounds_are_not_painted_on():
    before = [each.copy() for each in BACKGROUNDS]
    for seed in range(20):
        second_view(picture(64, 64), BACKGROUNDS, STRONG, np.random.default_rng(seed))
    for each, was in zip(BACKGROUNDS, before, strict=True):
        np.testing.assert_array_equal(each, was)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 1), (2, 3), (5, 5), (300, 4), (4, 300), (17, 130)])
def test_photos_of_any_size_keep_it(size: tuple[int, int], strength: ViewStrength):
    pixels = picture(*size)
    for seed in range(15):
        for backgrounds in (BACKGROUNDS, []):
            view = second_view(pixels, backgrounds, strength, np.random.default_rng(seed))
            assert view.shape == pixels.shape
            assert view.dtype == np.uint8


def test_photos_may_be_views_of_other_arrays():
    whole = picture(128, 96)
    part = whole[::2, 10:100, ::-1]
    copied = second_view(part.copy(), BACKGROUNDS, STRONG, np.random.default_rng(0))
    np.testing.assert_array_equal(second_view(part, BACKGROUNDS, STRONG, np.random.default_rng(0)), copied)


@pytest.mark.parametrize(("strength", "least", "mean"), [(MILD, 0.3, 0.55), (STRONG, 0.1, 0.3)], ids=["mild", "strong"])
def test_the_thing_stays_visible(strength: ViewStrength, least: float, mean: float):
    # A thing in red on green: light and lens change the shades, and red stays above green.
    red, green = np.zeros((96, 128, 3), np.uint8), np.zeros((96, 128, 3), np.uint8)
    red[..., 0], green[..., 1] = 200, 200
    shares = []
    for seed in range(150):
        view = second_view(red, [green], strength, np.random.default_rng(seed)).astype(int)
        shares.append(float((view[..., 0] > view[..., 1]).mean()))
    assert min(shares) > least
    assert float(np.mean(shares)) > mean


def test_a_frame_of_one_pixel_shows_the_thing():
    red, green = np.zeros((1, 1, 3), np.uint8), np.zeros((9, 9, 3), np.uint8)
    red[..., 0], green[..., 1] = 200, 200
    strength = replace(STRONG, occluded=0.0, glaring=0.0, cast=0.0)
    for seed in range(30):
        view = second_view(red, [green], strength, np.random.default_rng(seed)).astype(int)
        assert view[0, 0, 0] > view[0, 0, 1]


def test_a_pasted_thing_is_the_photo_itself():
    # Nothing but the paste: full size, seen straight on, in unchanged light.
    still = ViewStrength(**dict.fromkeys(ViewStrength.__dataclass_fields__, 0.0))  # type: ignore[arg-type]
    still = replace(still, zoom=1.0, pasted=1.0, noise=1.0, quality=95)
    pixels = picture(128, 96)
    view = second_view(pixels, BACKGROUNDS, still, np.random.default_rng(0)).astype(float)
    middle = (slice(30, 66), slice(40, 88))
    # Light falls off towards the corners, and little in the middle.
    assert np.abs(view[middle] - pixels[middle]).mean() < 8


def test_quarter_turns_turn():
    always = replace(MILD, quarter_turns=1.0, pasted=0.0, occluded=0.0, glaring=0.0, fall=0.0, zoom=1.0)
    halves = np.zeros((96, 96, 3), np.uint8)
    halves[:48] = 220
    brightest = set()
    for seed in range(20):
        view = second_view(halves, [], always, np.random.default_rng(seed)).astype(float)
        sides = [view[:, :20].mean(), view[-20:].mean(), view[:, -20:].mean(), view[:20].mean()]
        brightest.add(int(np.argmax(sides)))
    # Left, lower and right, never upper.
    assert brightest == {0, 1, 2}


@pytest.mark.parametrize("chance", ["occluded", "glaring", "shaken"])
def test_each_disturbance_changes_the_view(chance: str):
    off = replace(STRONG, **{chance: 0.0})
    on = replace(STRONG, **{chance: 1.0})
    pixels = picture(96, 64)
    changed = [
        (
            second_view(pixels, BACKGROUNDS, on, np.random.default_rng(seed))
            != second_view(pixels, BACKGROUNDS, off, np.random.default_rng(seed))
        ).any()
        for seed in range(5)
    ]
    assert all(changed)
