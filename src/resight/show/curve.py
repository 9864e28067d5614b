"""The S-curve in the plane by each way of embedding: what each of them keeps of a curved surface."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import cv2
import numpy as np

from resight.arrays import Float64, Floating, Pixels
from resight.errors import UsageError
from resight.manifold.embedding import METHODS, embed

SIDE = 320
_MARGIN = 24
_PAPER = 255
_SHIFT = 4
_TURN = np.deg2rad(25.0)


def s_curve(count: int, seed: int) -> tuple[Float64, Float64]:
    """Returns `count` points (n, 3) drawn from a surface that is bent like an S, and where each lies along it, (n,).

    Raises UsageError for fewer than 2 points.

    Source: that of scikit-learn's gallery: (sin t, 2 u, sign(t) (cos t - 1)) for t in 3 pi [-1/2, 1/2], u in [0, 1].
    """
    if count < 2:
        raise UsageError(f"{count} points make no curve: at least 2")
    rng = np.random.default_rng(seed)
    t = 3.0 * np.pi * (rng.random(count) - 0.5)
    across = 2.0 * rng.random(count)
    return np.stack([np.sin(t), across, np.sign(t) * (np.cos(t) - 1.0)], axis=1), t


def draw_curve(
    count: int = 600, seed: int = 0, progress: Callable[[str, int, int], None] | None = None
) -> dict[str, Pixels]:
    """Returns pictures (320, 320, 3) uint8 RGB by their captions: the curve in space, then by each way of `embed`.

    Points are coloured by where they lie along the curve: a way that keeps the surface has the colours in a row.
    """
    points, along = s_curve(count, seed)
    drawn = {"S-curve": _scatter(_seen(points), along)}
    for done, method in enumerate(METHODS):
        if progress is not None:
            progress("embedding", done, len(METHODS))
        drawn[method] = _scatter(embed(points, method, seed), along)
    return drawn


def _seen(points: Float64) -> Float64:
    """Returns (n, 2) points of space as an eye sees them that is turned a little to the side and up."""
    x, y, z = points.T
    return np.stack([x + np.sin(_TURN) * (y - 1.0), -z * np.cos(_TURN) + 0.35 * (y - 1.0)], axis=1)


def _scatter(xy: Floating, along: Float64) -> Pixels:
    low, high = xy.min(axis=0), xy.max(axis=0)
    scale = (SIDE - 2 * _MARGIN) / max(float((high - low).max()), 1e-12)
    placed = (xy - (low + high) / 2.0) * scale + SIDE / 2.0
    picture: Pixels = np.full((SIDE, SIDE, 3), _PAPER, np.uint8)
    hues = 0.8 * (along - along.min()) / max(float(np.ptp(along)), 1e-12)
    for (x, y), hue in zip(np.round(placed * (1 << _SHIFT)).astype(int).tolist(), hues.tolist(), strict=True):
        colour = [round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.85, 0.85)]
        cv2.circle(picture, (x, y), 3 << _SHIFT, colour, -1, cv2.LINE_AA, _SHIFT)
    return picture
