"""Saliency by Boolean maps: what is surrounded, over all thresholds of all colour channels."""

from __future__ import annotations

import cv2
import numpy as np

from resight.arrays import Float32, Pixels, UInt8

LONG_SIDE = 400
REGULARISER = 50.0
"""Added to the variances of the colours before they are whitened."""
STEP = 8
"""Between thresholds of a channel from 0 to 255."""
MEDIAN_SIDE = 3
SPREAD, FINAL_SPREAD = 2, 3
"""Dilations by 3 x 3 of each attention map, and of their sum."""
SIGMA = 9.0
"""Deviation of the Gaussian by which the sum is smoothed."""


def boolean_map_saliency(pixels: Pixels) -> Float32:
    """Returns the saliency (h, w) of a photo (H, W, 3), whose long side is 400: how often a position is surrounded.

    Colours are whitened and each channel cut at every 8th value into a Boolean map. Its regions, set or not, that do
    not touch the border are attended to; these maps are dilated, L2-normalised so that small regions count more, and
    summed. From 0 to 1; zeros where nothing is surrounded.

    Source: Zhang & Sclaroff, "Exploiting surroundedness for saliency detection: a Boolean map approach", TPAMI 2016,
    with the constants of the authors' code.

    Notes: colours are whitened by the symmetric root of their covariance; the axes are left open.
    """
    factor = LONG_SIDE / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    shrinks = factor < 1
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8)
    total = np.zeros(resized.shape[:2], np.float64)
    for channel in whitened_channels(resized):
        for threshold in range(int(channel.min()), int(channel.max()), STEP):
            total += attention((channel > threshold).astype(np.uint8))
    if not total.any():
        return np.zeros((1, 1), np.float32)
    spread = cv2.dilate(total, np.ones((3, 3), np.uint8), iterations=FINAL_SPREAD)
    smooth = cv2.GaussianBlur(spread, (0, 0), SIGMA)
    low, high = smooth.min(), smooth.max()
    return np.asarray((smooth - low) / (high - low) if high > low else np.zeros_like(smooth), np.float32)


def attention(boolean: UInt8) -> Float32:
    """Returns the attention map (h, w) of a Boolean map of zeros and ones: its surrounded regions of either value.

    Each value's are dilated and L2-normalised, and the two are added.
    """
    total = np.zeros(boolean.shape, np.float32)
    for regions in (boolean, 1 - boolean):
        inside = surrounded(regions)
        if inside.any():
            spread = cv2.dilate(inside, np.ones((3, 3), np.uint8), iterations=SPREAD).astype(np.float32)
            total += spread / np.linalg.norm(spread)
    return total


def surrounded(boolean: UInt8) -> UInt8:
    """Returns (h, w) zeros and ones: the 8-connected regions of ones that do not touch the border."""
    framed = cv2.copyMakeBorder(boolean, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(framed, None, (0, 0), 0, flags=8)
    return np.asarray(framed[1:-1, 1:-1], np.uint8)


def whitened_channels(pixels: Pixels) -> list[UInt8]:
    """Returns the whitened colour channels (h, w) of pixels (h, w, 3), each from 0 to 255 and median-filtered."""
    rows = pixels.reshape(-1, 3).astype(np.float64)
    centred = rows - rows.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred / len(rows) + REGULARISER * np.eye(3))
    whitened = centred @ (axes / np.sqrt(values)) @ axes.T
    low, high = whitened.min(axis=0), whitened.max(axis=0)
    span = np.where(high - low > 1e-9, high - low, 1.0)
    scaled = np.rint((whitened - low) / span * 255.0).astype(np.uint8).reshape(pixels.shape)
    channels = (np.ascontiguousarray(scaled[..., channel]) for channel in range(3))
    return [np.asarray(cv2.medianBlur(channel, MEDIAN_SIDE), np.uint8) for channel in channels]
