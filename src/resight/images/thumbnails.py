"""Thumbnails that a page contains: pixels as the data URI of a small JPEG."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np

from resight.arrays import Pixels
from resight.errors import UsageError

SIDE = 360
"""Longest side of a thumbnail in pixels, by default."""

_QUALITY = 80


@dataclass(frozen=True)
class Thumbnail:
    """A JPEG as a data URI, its size, and its pixels per original pixel."""

    uri: str
    width: int
    height: int
    factor: float


def thumbnail(image: Pixels, factor: float, side: int = SIDE) -> Thumbnail:
    """Makes a thumbnail of (h, w, 3) uint8 RGB that is the original times `factor`; its longest side is at most `side`.

    Raises UsageError where the image has another form or the factor is not positive.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or factor <= 0:
        raise UsageError("a page needs RGB uint8 images with positive factors")
    shrink = min(1.0, side / max(image.shape[:2]))
    if shrink < 1.0:
        size = (max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise UsageError("an image of the page could not be written as JPEG: it may be empty")
    encoded = base64.b64encode(data.tobytes()).decode("ascii")
    return Thumbnail(f"data:image/jpeg;base64,{encoded}", image.shape[1], image.shape[0], factor * shrink)
