"""Edges of a photo: gradients at several scales, thinned to lines, each pixel with its strength."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from resight.arrays import Float32, Pixels, UInt8

SIGMAS = (1.0, 2.0)
"""Standard deviations, in pixels, of the Gaussians whose derivatives are added."""
TRUSTED = 0.98
"""Quantile of the strengths of an image's edges that counts as 1: one glint does not make all others weak."""
_ROUNDING, _LEAST = 5e-4, 0.01
"""A step of one grey level has a strength of 0.003: less is rounding, and what is little more is no full edge."""
_SURROUND = 4.0
"""Outer standard deviation of the surround in those of the gradient, as Grigorescu et al. have it."""


def edge_strengths(pixels: Pixels | UInt8, sigmas: Sequence[float] = SIGMAS, suppression: float = 0.0) -> Float32:
    """Returns (H, W) strengths from 0 to 1 of an image (H, W, 3) or (H, W): thin lines, 0 beside them.

    Gradients of Gaussian derivatives are normalised by scale (Lindeberg, "Edge detection and ridge detection with
    automatic scale selection", IJCV 1998) and added over the scales; of the colours the one with the largest gradient
    counts (Dalal & Triggs, CVPR 2005, section 6.2); what is no maximum across the line is 0 (Canny, PAMI 1986).
    suppression: share of the mean strength around a pixel that is taken off, so that texture gives weaker edges than
    outlines (Grigorescu, Petkov & Westenberg, "Contour detection based on nonclassical receptive field inhibition",
    IEEE Transactions on Image Processing 2003, section II.B, isotropic).

    Notes: it stands in for structured forests, whose model has no licence that lets it ship.
    """
    across, down = _gradients(pixels, sigmas)
    strength = np.hypot(across, down)
    if suppression:
        strength = _without_texture(strength, max(sigmas), suppression)
    thin = thinned(strength, across, down)
    thin[thin < _ROUNDING] = 0.0
    found = thin[thin > 0]
    if not len(found):
        return thin
    return np.asarray(np.minimum(thin / max(float(np.quantile(found, TRUSTED)), _LEAST), 1.0), np.float32)


def thinned(strength: Float32, across: Float32, down: Float32) -> Float32:
    """Returns strengths (H, W) with all but the maxima across the line set to 0.

    across, down: the gradient. A neighbour between pixels is interpolated: Canny, PAMI 1986, section VIII.
    """
    height, width = strength.shape
    length = np.maximum(np.hypot(across, down), 1e-12)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    dx, dy = (across / length).astype(np.float32), (down / length).astype(np.float32)
    sides = [
        cv2.remap(strength, x + sign * dx, y + sign * dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for sign in (1.0, -1.0)
    ]
    kept = (strength > sides[0]) & (strength >= sides[1])
    return np.where(kept, strength, np.float32(0.0)).astype(np.float32)


def _gradients(pixels: Pixels | UInt8, sigmas: Sequence[float]) -> tuple[Float32, Float32]:
    """Returns (H, W) derivatives along x and along y, added over the scales, of the channel where the sum is largest.

    One channel counts at all scales: where colours rise and fall against each other, gradients of two would cancel.
    """
    image = pixels.astype(np.float32) / np.float32(255.0)
    image = image[..., None] if image.ndim == 2 else image
    across, down = np.zeros(image.shape, np.float32), np.zeros(image.shape, np.float32)
    for sigma in sigmas:
        smooth = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE).reshape(image.shape)
        for total, order in ((across, (1, 0)), (down, (0, 1))):
            own = cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3, scale=sigma / 8, borderType=cv2.BORDER_REPLICATE)
            total += own.reshape(image.shape)
    most = np.argmax(across * across + down * down, axis=2)[..., None]
    return np.take_along_axis(across, most, axis=2)[..., 0], np.take_along_axis(down, most, axis=2)[..., 0]


def _without_texture(strength: Float32, sigma: float, share: float) -> Float32:
    """Returns strengths less a share of their mean in a ring around each pixel, never below 0."""
    outer = cv2.GaussianBlur(strength, (0, 0), _SURROUND * sigma, borderType=cv2.BORDER_REFLECT)
    inner = cv2.GaussianBlur(strength, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    # The ring: what the wide Gaussian sees and the narrow one does not.
    ring = np.maximum(outer * _SURROUND**2 - inner, 0.0) / (_SURROUND**2 - 1.0)
    return np.asarray(np.maximum(strength - np.float32(share) * ring, 0.0), np.float32)
