"""Pictures of which a viewer knows where they look first."""

from __future__ import annotations

import cv2
import numpy as np

from resight.arrays import Pixels


def disc(size: int = 256, at: tuple[int, int] = (180, 90), radius: int = 14) -> Pixels:
    """Returns a bright disc on dark grey."""
    picture = np.full((size, size, 3), 60, np.uint8)
    return np.asarray(cv2.circle(picture, at, radius, (250, 250, 250), -1), np.uint8)


def bars(odd: tuple[int, int], count: int = 5, step: int = 50) -> Pixels:
    """Returns upright bars, `count` by `count`, one of them (column, row) lying."""
    picture = np.full((step * count, step * count, 3), 40, np.uint8)
    for row in range(count):
        for column in range(count):
            x, y = step * column + step // 2, step * row + step // 2
            across, along = (12, 3) if (column, row) == odd else (3, 12)
            cv2.rectangle(picture, (x - across, y - along), (x + across, y + along), (230, 230, 230), -1)
    return picture


def ring(closed: bool, size: int = 200) -> Pixels:
    """Returns a ring in the middle of a picture, closed or with a gap to one side."""
    picture = np.full((size, size, 3), 40, np.uint8)
    half = size // 2
    cv2.circle(picture, (half, half), size // 4, (220, 220, 220), 7)
    if not closed:
        cv2.rectangle(picture, (half, half - 12), (size, half + 12), (40, 40, 40), -1)
    return picture


def flat(height: int = 60, width: int = 80) -> Pixels:
    """Returns a picture of one colour."""
    return np.full((height, width, 3), 77, np.uint8)


def peak(saliency: np.ndarray, pixels: Pixels) -> tuple[float, float]:
    """Returns (x, y) of the largest value, in pixels of the picture."""
    y, x = np.unravel_index(int(saliency.argmax()), saliency.shape)
    height, width = saliency.shape
    return (float(x) + 0.5) * pixels.shape[1] / width, (float(y) + 0.5) * pixels.shape[0] / height
