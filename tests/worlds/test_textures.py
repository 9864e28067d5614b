"""Textures: right shapes, repeatable, with the spectrum of natural images; print and look-alikes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from resight.worlds.lettering import Style, letter, sentence
from resight.worlds.photography import Exposure, expose
from resight.worlds.printed import draw_package_front
from resight.worlds.stock import Stock, stock_up
from resight.worlds.textures import crop, dead_leaves, fractal_noise, masonry, planks, plaster, relief
from resight.worlds.things import MAKERS


@pytest.fixture(scope="module")
def stock() -> Stock:
    with ThreadPoolExecutor(2) as pool:
        return stock_up(np.random.SeedSequence(5), pool)


@pytest.mark.parametrize(
    "make",
    [
        dead_leaves,
        plaster,
        relief,
        lambda rng, h, w: masonry(rng, h, w, course=14, length=33),
        lambda rng, h, w: planks(rng, h, w, boards=5),
    ],
)
def test_textures_have_their_shape_repeat_and_are_not_flat(make):
    first, again, other = (make(np.random.default_rng(seed), 150, 210) for seed in (1, 1, 2))
    assert first.shape == (150, 210, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.std() > 8


def test_fractal_noise_fills_its_range():
    field = fractal_noise(np.random.default_rng(3), 64, 100)
    assert (field.shape, field.dtype) == ((64, 100), np.float32)
    assert field.min() == 0
    assert field.max() == pytest.approx(1, abs=1e-6)


def test_dead_leaves_have_the_spectrum_of_photographs():
    """Amplitude falls like 1 / frequency: measured slopes of photographs lie between -0.7 and -1.6."""
    slopes = []
    for seed in range(4):
        grey = dead_leaves(np.random.default_rng(seed), 256, 256).mean(axis=2)
        window = np.hanning(256)[:, None] * np.hanning(256)[None]
        amplitude = np.abs(np.fft.fft2((grey - grey.mean()) * window))
        radius = np.hypot(*np.meshgrid(np.fft.fftfreq(256) * 256, np.fft.fftfreq(256) * 256))
        bands = np.array([4, 8, 16, 32, 64])
        means = [amplitude[(radius >= b) & (radius < 1.5 * b)].mean() for b in bands]
        slopes.append(np.polyfit(np.log(bands), np.log(means), 1)[0])
    assert -1.6 < np.mean(slopes) < -0.7


def test_crop_keeps_the_size_that_is_asked_for():
    plate = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    for height, width in ((5, 7), (60, 80), (200, 30)):
        assert crop(np.random.default_rng(1), plate, height, width).shape == (height, width, 3)


@pytest.mark.parametrize("face", range(5))
def test_letters_stay_in_their_box_and_leave_ink(face):
    image = np.full((80, 200, 3), 255, np.uint8)
    letter(image, "MARKET", (20, 15, 150, 40), np.zeros(3, np.float32), Style(face, 0.2, 1))
    assert image[15:55, 20:170].min() < 40
    outside = image.copy()
    outside[15:55, 20:170] = 255
    assert outside.min() == 255


def test_a_sentence_has_its_words():
    assert len(sentence(np.random.default_rng(0), 4).split()) == 4


def test_a_look_alike_differs_in_one_word_only(stock):
    """Only rows of the word differ for another flavour; only the lower half's hue for another colour."""

    def front(flavour: str, colour: int) -> np.ndarray:
        return draw_package_front(np.random.default_rng(11), stock, 600, 450, flavour, colour).astype(int)

    base = front("VANILLA", 0)
    rows = np.flatnonzero((base != front("CHERRY", 0)).any(axis=(1, 2)))
    assert 0 < len(rows) <= 72
    rows = np.flatnonzero((base != front("VANILLA", 140)).any(axis=(1, 2)))
    assert rows.min() >= 300
    assert len(rows) > 100


def test_every_kind_of_thing_is_made_and_is_centred(stock):
    for kind, make in MAKERS.items():
        thing = make(np.random.default_rng(2), stock)
        assert thing.kind == kind
        height, width = thing.front.texture.shape[:2]
        middle = thing.front.placement @ (width / 2, height / 2, 1)
        np.testing.assert_allclose(middle, 0, atol=1e-9)
        moved = thing.moved((1.0, 2.0, 3.0), 0.5)
        np.testing.assert_allclose(moved.front.placement @ (width / 2, height / 2, 1), (1, 2, 3), atol=1e-9)
        assert len(thing.sides) == (4 if kind == "package" else 0)


def test_exposure_does_what_it_says():
    grey = np.full((60, 80, 3), 120, np.uint8)

    def shot(**how: float) -> np.ndarray:
        return expose(np.random.default_rng(0), grey, Exposure(noise=0.0, **how)).astype(float)

    plain = shot()
    assert shot(gain=0.5).mean() == pytest.approx(plain.mean() / 2, abs=2)
    assert shot(gamma=1.5).mean() < plain.mean() - 10
    left, right = np.split(shot(fall=(0.5, 0.0)), 2, axis=1)
    assert right.mean() > left.mean() + 30
    assert shot(shadow=0.6).min() < 0.6 * plain.min()
    red, green, blue = shot(cast=(1.2, 1.0, 0.8)).mean(axis=(0, 1))
    assert red > green > blue
    noisy = expose(np.random.default_rng(0), grey, Exposure(noise=10.0))
    assert (noisy.astype(float) - plain).std() == pytest.approx(10, rel=0.1)


def test_blur_and_shake_keep_the_place_of_things():
    scene = np.zeros((61, 61, 3), np.uint8)
    scene[25:36, 25:36] = 200
    columns = np.arange(61)
    for exposure in (Exposure(noise=0, blur=2.0), Exposure(noise=0, shake=(7.0, 3.0))):
        image = expose(np.random.default_rng(0), scene, exposure)[:, :, 0].astype(float)
        assert 0 < image[30, 23] < image[30, 30]
        assert (image.sum(axis=0) * columns).sum() / image.sum() == pytest.approx(30, abs=0.15)
        assert (image.sum(axis=1) * columns).sum() / image.sum() == pytest.approx(30, abs=0.15)
