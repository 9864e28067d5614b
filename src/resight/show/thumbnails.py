"""Thumbnails that a page contains, and the outlines of boxes on them."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np

from resight.arrays import Float64, Pixels
from resight.errors import UsageError
from resight.images import Box

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


def corners(box: Box) -> Float64:
    """Returns (4, 2) corners of a box (x0, y0, x1, y1), clockwise from the upper left."""
    x0, y0, x1, y1 = box
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def outline(points: Float64, kind: str) -> str:
    """Draws an SVG polygon of class `kind` on a darker one of class `halo`, so that it is visible on any photo."""
    listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in np.clip(points, -1e5, 1e5))
    return f'<polygon class="halo" points="{listed}"/><polygon class="{kind}" points="{listed}"/>'
