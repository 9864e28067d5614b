"""Boxes that may hold an object, by selective search.

Uijlings, van de Sande, Gevers & Smeulders, "Selective search for object recognition", IJCV 2013.
"""

from __future__ import annotations

import cv2
import numpy as np

from resight.arrays import Int64, Pixels
from resight.errors import UsageError
from resight.features.sift import single_threaded_opencv
from resight.images import resize

LIMIT = 500
MAX_SIDE = 400
LEAST_SIDE = 20


def selective_search(
    pixels: Pixels, limit: int = LIMIT, max_side: int = MAX_SIDE, least_side: int = LEAST_SIDE
) -> Int64:
    """Returns boxes (R, 4) x0, y0, x1, y1 in pixels of an image (H, W, 3), at most `limit`, largest first.

    Uses the paper's "fast" set of strategies, on the image reduced to `max_side`; boxes with a side of less than
    `least_side` pixels of the reduced image are left out. Returns the whole image where nothing else is found.

    Notes: the paper orders boxes partly at random. Here, if there are more than `limit`, they are taken at equal steps
    from the list ordered by area, so that all sizes occur and the same pixels give the same boxes.
    """
    if limit < 1:
        raise UsageError(f"limit is {limit}; it must be at least 1")
    height, width = pixels.shape[:2]
    small = resize(pixels, max_side)
    found = _search(small)
    kept = found[((found[:, 2:] - found[:, :2]) >= least_side).all(axis=1)]
    if len(kept) == 0:
        return np.array([[0, 0, width, height]], np.int64)
    sides = kept[:, 2:] - kept[:, :2]
    order = np.lexsort((*kept.T[::-1], -sides.prod(axis=1)))
    chosen = np.unique(np.linspace(0, len(order) - 1, min(limit, len(order))).round().astype(np.int64))
    factors = np.array([width / small.shape[1], height / small.shape[0]])
    scaled = kept[order[chosen]].reshape(-1, 2, 2) * factors
    return np.asarray(np.rint(scaled).reshape(-1, 4), np.int64)


def _search(pixels: Pixels) -> Int64:
    """Returns distinct boxes (R, 4) x0, y0, x1, y1, in any order."""
    with single_threaded_opencv():
        search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
        search.setBaseImage(np.ascontiguousarray(pixels[:, :, ::-1]))
        search.switchToSelectiveSearchFast()
        rectangles: Int64 = np.asarray(search.process(), np.int64).reshape(-1, 4)
    rectangles[:, 2:] += rectangles[:, :2]
    return np.asarray(np.unique(rectangles, axis=0), np.int64)
