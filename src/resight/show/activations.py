"""Heat maps on photos, as arrays: where a channel, a class or a similarity is high."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from resight.arrays import Float32, Pixels
from resight.errors import UsageError

if TYPE_CHECKING:
    from resight.features.sight import HeatMap


_STRENGTH = 0.65
_GAP = 8
_CAPTION = 26


def draw_heat(photo: Pixels, heats: Sequence[HeatMap], *, factor: float = 1.0) -> Pixels:
    """Draws a photo in grey, coloured where the sum of heat maps is high: (h, w, 3) uint8, the original times `factor`.

    The largest value is the brightest; negative values and pixels that no map covers stay grey. Raises UsageError where
    the photo is not (h, w, 3) uint8 or the factor is not positive.
    """
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or factor <= 0:
        raise UsageError("heat maps are drawn on an RGB uint8 image with a positive factor")
    total = np.zeros(photo.shape[:2], np.float32)
    for heat in heats:
        total += spread(heat, (photo.shape[1], photo.shape[0]), factor)
    level = np.clip(total / max(float(total.max()), float(np.finfo(np.float32).tiny)), 0.0, 1.0)
    colours = cv2.applyColorMap(np.round(level * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[:, :, None].astype(np.float32)
    return np.asarray(np.clip(np.round(_STRENGTH * (grey + colours)), 0, 255), np.uint8)


def draw_sheet(pictures: Sequence[Pixels], captions: Sequence[str], *, columns: int = 5) -> Pixels:
    """Draws pictures with a caption below each, `columns` in a row: (H, W, 3) uint8 RGB.

    Raises UsageError without pictures.
    """
    if not pictures or len(pictures) != len(captions):
        raise UsageError(f"a sheet of {len(pictures)} pictures with {len(captions)} captions cannot be drawn")
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    wide, high = width + _GAP, height + _CAPTION
    across = min(columns, len(pictures))
    sheet: Pixels = np.full((high * math.ceil(len(pictures) / across), wide * across - _GAP, 3), 255, np.uint8)
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        y, x = number // across * high, number % across * wide
        sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
        cv2.putText(sheet, caption, (x + 2, y + high - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30, 30, 30), 1, cv2.LINE_AA)
    return sheet


def spread(heat: HeatMap, size: tuple[int, int], factor: float) -> Float32:
    """Returns (h, w) float32: a heat map over a picture of `size` (width, height), the original times `factor`.

    Bilinear between the centres of positions, and per pixel of the original, so that maps of several scales can be
    added.
    """
    (x0, y0), (dx, dy) = heat.first, heat.step
    # From pixel indices of the picture, whose centres are at +0.5, to positions of the map.
    inverse = np.array(
        [
            [1.0 / (factor * dx), 0.0, (0.5 / factor - x0) / dx],
            [0.0, 1.0 / (factor * dy), (0.5 / factor - y0) / dy],
        ]
    )
    values = np.ascontiguousarray(heat.values, np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    over = np.asarray(cv2.warpAffine(values, inverse, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)
    left, upper, right, lower = (round(side * factor) for side in heat.part)
    inside = np.zeros_like(over)
    inside[upper:lower, left:right] = over[upper:lower, left:right]
    return inside / np.float32(dx * dy)
