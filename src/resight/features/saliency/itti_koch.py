"""Saliency by contrast of intensity, colour and orientation between scales."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from resight.arrays import Float32, Pixels

LEVELS = 9
"""Of the pyramids, 0 to 8."""
CENTRES, STEPS = (2, 3, 4), (3, 4)
"""Levels c of the centre, and how much coarser its surround is."""
COMMON = 4
"""Level at which maps are added."""
ORIENTATIONS = (0.0, 45.0, 90.0, 135.0)
PERIOD, SPREAD, REACH = 7.0, 7.0 / 3.0, 9
"""Of the Gabor filters, in pixels: period, deviation of the envelope, and how far they reach from the centre."""
FAINT = 0.1
"""Part of the greatest intensity below which a hue is not seen, and of the greatest value below which a maximum does
not count."""


def itti_koch(pixels: Pixels) -> Float32:
    """Returns the saliency (h, w) of a photo (H, W, 3), at a sixteenth of its sides.

    The mean of three conspicuity maps: centre-surround differences of 6 intensity, 12 colour and 24 orientation maps,
    each normalised by `promoted`. Zeros for a photo of one colour, and for one without two levels that are far enough
    apart.

    Source: Itti, Koch & Niebur, "A model of saliency-based visual attention for rapid scene analysis", TPAMI 1998.

    Notes: a photo below 256 pixels has fewer levels, and only the pairs that it has. The paper does not give its Gabor
    filters; these are a quadrature pair with the constants of Walther & Koch, 2006.
    """
    x = pixels.astype(np.float32) / np.float32(255.0)
    levels = min(LEVELS, 1 + int(math.log2(max(pixels.shape[:2]))))
    pairs = [(c, c + step) for c in CENTRES for step in STEPS if c + step < levels]
    if not pairs or np.ptp(pixels.reshape(-1, 3), axis=0).max() == 0:
        return np.zeros((1, 1), np.float32)
    intensity = x.mean(axis=2)
    grey = pyramid(intensity, levels)
    common = grey[COMMON].shape
    red_green, blue_yellow = (pyramid(one, levels) for one in opponents(x, intensity))
    oriented = [[orientation(level, angle) for level in grey] for angle in ORIENTATIONS]
    conspicuity = (
        across_scales([grey], pairs, common),
        across_scales([red_green, blue_yellow], pairs, common),
        np.sum([promoted(across_scales([one], pairs, common)) for one in oriented], axis=0),
    )
    return np.asarray(np.mean([promoted(one) for one in conspicuity], axis=0), np.float32)


def pyramid(x: Float32, levels: int) -> list[Float32]:
    """Returns a map (H, W) at `levels` sizes, each half of the one before."""
    found = [x]
    for _ in range(levels - 1):
        found.append(np.atleast_2d(cv2.pyrDown(found[-1])))
    return found


def opponents(x: Float32, intensity: Float32) -> tuple[Float32, Float32]:
    """Returns (H, W) red against green, R - G, and blue against yellow, B - Y, of colours (H, W, 3).

    Source: the paper, eq. 2 and 3.

    Notes: the paper's difference of (R - G) at the centre and (G - R) in the surround is the sum of the two; it is
    taken here as the difference of R - G, which is 0 where nothing changes.
    """
    seen = intensity > FAINT * intensity.max()
    r, g, b = np.moveaxis(np.where(seen[..., None], x / np.where(seen, intensity, 1.0)[..., None], 0.0), 2, 0)
    red = np.maximum(r - (g + b) / 2, 0.0)
    green = np.maximum(g - (r + b) / 2, 0.0)
    blue = np.maximum(b - (r + g) / 2, 0.0)
    yellow = np.maximum((r + g) / 2 - np.abs(r - g) / 2 - b, 0.0)
    return (red - green).astype(np.float32), (blue - yellow).astype(np.float32)


def orientation(x: Float32, degrees: float) -> Float32:
    """Returns (H, W) the strength of bars at an angle, at any phase: the magnitude of a quadrature pair of Gabors."""
    y, along = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1].astype(np.float64)
    turn = math.radians(degrees)
    across = along * math.cos(turn) + y * math.sin(turn)
    envelope = np.exp(-(along**2 + y**2) / (2.0 * SPREAD**2))
    even, odd = (envelope * wave(2.0 * math.pi * across / PERIOD) for wave in (np.cos, np.sin))
    even -= envelope * even.sum() / envelope.sum()
    scale = np.abs(even).sum()
    answers = [cv2.filter2D(x, cv2.CV_32F, one / scale, borderType=cv2.BORDER_REPLICATE) for one in (even, odd)]
    return np.asarray(np.hypot(*answers), np.float32)


def across_scales(
    pyramids: Sequence[Sequence[Float32]], pairs: Sequence[tuple[int, int]], common: tuple[int, ...]
) -> Float32:
    """Returns the sum of the promoted differences |centre - surround| of all pairs of levels, at the common size."""
    total = np.zeros(common, np.float32)
    for levels in pyramids:
        for centre, surround in pairs:
            shape = levels[centre].shape
            difference = np.abs(levels[centre] - _resized(levels[surround], shape))
            total += _resized(promoted(difference), common)
    return total


def promoted(x: Float32) -> Float32:
    """Returns N(x): scaled to [0, 1], times (1 - m)^2, where m is the mean of the local maxima but the greatest.

    A map with one strong peak keeps it; one with many alike loses them.

    Notes: a local maximum is at least its 8 neighbours, and above a tenth of the greatest; equal ones side by side are
    one.
    """
    span = float(x.max() - x.min())
    if span <= 1e-6:
        return np.zeros_like(x)
    scaled = (x - x.min()) / np.float32(span)
    peaks = ((scaled >= cv2.dilate(scaled, np.ones((3, 3), np.uint8))) & (scaled > FAINT)).astype(np.uint8)
    count, labels = cv2.connectedComponents(peaks, connectivity=8)
    heights = np.array([scaled[labels == label].max() for label in range(1, count)])
    others = np.delete(heights, heights.argmax()) if len(heights) else heights
    mean = float(others.mean()) if len(others) else 0.0
    return np.asarray(scaled * np.float32((1.0 - mean) ** 2), np.float32)


def _resized(x: Float32, shape: tuple[int, ...]) -> Float32:
    if x.shape == shape:
        return x
    shrinks = x.shape[0] >= shape[0] and x.shape[1] >= shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(x, (shape[1], shape[0]), interpolation=interpolation), np.float32).reshape(shape)
