"""Warps regions of an image to one size, for a network that runs on every one of them (multiple passes)."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from resight.arrays import Pixels
from resight.images import Box, crop


def warp_regions(pixels: Pixels, boxes: NDArray[np.number[Any]], size: tuple[int, int]) -> Pixels:
    """Stretches the boxes of an image (H, W, 3) uint8 to `size` (width, height): (R, height, width, 3).

    boxes: (R, 4) x0, y0, x1, y1 in pixels; edges are rounded outward. Reduced with antialiasing, enlarged bilinearly.
    Raises UsageError for a box that is empty or not inside the image.

    Source: Girshick, Donahue, Darrell & Malik, "Rich feature hierarchies for accurate object detection and semantic
    segmentation", CVPR 2014, section 2.1 ("warp", without its margin).
    """
    width, height = size
    warped = np.empty((len(boxes), height, width, 3), np.uint8)
    for row, values in enumerate(boxes.tolist()):
        x0, y0, x1, y1 = values
        box: Box = (float(x0), float(y0), float(x1), float(y1))
        part = crop(pixels, box)
        shrinks = part.shape[0] >= height and part.shape[1] >= width
        warped[row] = cv2.resize(part, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return warped
