"""Parts of photos: checking boxes, and cropping to them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from resight.arrays import Mask, Pixels
from resight.errors import UsageError
from resight.images.decoding import Decoded

Box = tuple[float, float, float, float]


def check_box(box: tuple[float, ...], size: tuple[int, int]) -> Box:
    """Returns the half-open box (x0, y0, x1, y1) as floats.

    Raises UsageError unless it has an area and lies inside the image.
    """
    shown = ",".join(f"{value:g}" for value in box)
    width, height = size
    where = f"box {shown} in an image of {width} x {height} pixels"
    if len(box) != 4:
        raise UsageError(f"{where}: a box has four numbers, x0,y0,x1,y1")
    x0, y0, x1, y1 = (float(value) for value in box)
    if not all(math.isfinite(value) for value in (x0, y0, x1, y1)):
        raise UsageError(f"{where}: not all of its numbers are finite")
    if x1 <= x0 or y1 <= y0:
        raise UsageError(f"{where}: it is empty; x0,y0 is the upper left corner and x1,y1 the lower right one")
    if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
        raise UsageError(f"{where}: it lies outside the image")
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        raise UsageError(f"{where}: it reaches beyond the image")
    return x0, y0, x1, y1


def crop(pixels: Pixels, box: Box) -> Pixels:
    """Returns the pixels (h, w, 3) that a checked box touches: its edges are rounded outward.

    The upper left corner of the crop is (floor(x0), floor(y0)).
    """
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = check_box(box, (width, height))
    return np.ascontiguousarray(pixels[math.floor(y0) : math.ceil(y1), math.floor(x0) : math.ceil(x1)])


@dataclass(frozen=True)
class Part:
    """A part of a photo.

    pixels: (h, w, 3) uint8. origin: (x, y) of the upper left corner in the upright original. factors: (x, y), pixels
    per pixel of the original, less than 1 where the photo was reduced when it was decoded. counts: as in `Decoded`.
    """

    pixels: Pixels
    origin: tuple[float, float]
    factors: tuple[float, float]
    counts: Mask | None = None


def part_of(decoded: Decoded, box: Box) -> Part:
    """Returns the pixels that a box of the original touches.

    Raises UsageError as `check_box` does, and where the mask excludes the whole box.
    """
    height, width = decoded.pixels.shape[:2]
    x, y = width / decoded.size[0], height / decoded.size[1]
    reduced = np.clip(np.array(check_box(box, decoded.size)) * [x, y, x, y], 0, [width, height] * 2)
    x0, y0, x1, y1 = reduced.tolist()
    counts = None
    if decoded.counts is not None:
        counts = decoded.counts[math.floor(y0) : math.ceil(y1), math.floor(x0) : math.ceil(x1)]
        if not counts.any():
            raise UsageError(f"box {','.join(f'{side:g}' for side in box)}: the mask excludes all of it")
    origin = (math.floor(x0) / x, math.floor(y0) / y)
    return Part(crop(decoded.pixels, (x0, y0, x1, y1)), origin, (x, y), counts)
