"""Saliency as what is unexpected in the spectrum of a photo."""

from __future__ import annotations

import cv2
import numpy as np

from resight.arrays import Float32, Pixels

SIDE = 64
"""Width in pixels at which a photo is looked at: the paper's, and its code's."""
MEAN_SIDE = 3
"""Side of the mean filter of the log spectrum: h_n of the paper, n = 3."""
SIGMA, WINDOW = 2.5, 10
"""Deviation and side of the Gaussian by which the map is smoothed, of the authors' code."""


def spectral_residual(pixels: Pixels) -> Float32:
    """Returns the saliency (h, 64) of a photo (H, W, 3): what its log spectrum has beyond the mean of its neighbours.

    With A and P amplitude and phase of the grey photo's spectrum, L = log A and h a 3 x 3 mean:
    |F^-1(exp(L - h * L + i P))|^2, smoothed, from 0 to 1. Zeros for a photo of one colour.

    Source: Hou & Zhang, "Saliency detection: a spectral residual approach", CVPR 2007, section 2.

    Notes: a long photo has at least 2 rows; frequencies without any amplitude count as the least that float64 tells
    from the largest.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if grey.min() == grey.max():
        return np.zeros((1, 1), np.float32)
    height = max(2, round(grey.shape[0] * SIDE / grey.shape[1]))
    small = cv2.resize(grey.astype(np.float64), (SIDE, height), interpolation=cv2.INTER_AREA)
    spectrum = np.fft.fft2(small)
    amplitude = np.abs(spectrum)
    log = np.log(np.maximum(amplitude, amplitude.max() * np.finfo(np.float64).eps))
    residual = log - cv2.blur(log, (MEAN_SIDE, MEAN_SIDE), borderType=cv2.BORDER_REPLICATE)
    energy = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    smooth = cv2.GaussianBlur(energy, (WINDOW | 1, WINDOW | 1), SIGMA, borderType=cv2.BORDER_REPLICATE)
    low, high = smooth.min(), smooth.max()
    return np.asarray((smooth - low) / (high - low) if high > low else np.zeros_like(smooth), np.float32)
