"""Saliency as what is unexpected in a spectrum."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from saliency_scenes import disc, flat, peak

from resight.features.saliency.spectral_residual import spectral_residual


def test_it_is_the_papers_formula() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(float)
    spectrum = np.fft.fft2(grey)
    log = np.log(np.abs(spectrum))
    around = np.pad(log, 1, mode="edge")
    mean = sum(around[y : y + 48, x : x + 64] for y in range(3) for x in range(3)) / 9
    energy = np.abs(np.fft.ifft2(np.exp(log - mean + 1j * np.angle(spectrum)))) ** 2
    taps = np.array([math.exp(-(t**2) / (2 * 2.5**2)) for t in range(-5, 6)])
    kernel = np.outer(taps, taps) / taps.sum() ** 2
    padded = np.pad(energy, 5, mode="edge")
    smooth = np.array([[(padded[y : y + 11, x : x + 11] * kernel).sum() for x in range(64)] for y in range(48)])
    expected = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    np.testing.assert_allclose(spectral_residual(pixels), expected, atol=1e-4)


def test_a_bright_disc_is_found() -> None:
    pixels = disc()
    saliency = spectral_residual(pixels)
    assert saliency.shape == (64, 64)
    assert (saliency.min(), saliency.max()) == (0.0, 1.0)
    assert math.dist(peak(saliency, pixels), (180, 90)) < 24


@pytest.mark.parametrize("pixels", [flat(), flat(1, 1)])
def test_one_colour_says_nothing(pixels: np.ndarray) -> None:
    assert not spectral_residual(pixels).any()


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (2, 2), (5, 400)])
def test_any_shape_has_a_map(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    assert np.isfinite(spectral_residual(pixels)).all()
