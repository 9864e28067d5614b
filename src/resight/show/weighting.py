"""Draws how much R-MAC counts each position of a map: a position counts once for each region that it lies in."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from resight.arrays import Pixels
from resight.features.saliency.priors import region_coverage

LEVELS = (1, 2, 3, 7)
"""Numbers of levels that the lecture shows; after Mohedano et al., CBMI 2018, section 3.1."""
_POSITION = 10


def draw_weighting(width: int, height: int, levels: Sequence[int] = LEVELS) -> dict[str, Pixels]:
    """Returns a picture (10 height, 10 width, 3) uint8 RGB for each number of levels, by its caption.

    width, height: positions of the map. The brightest positions lie in the most regions.
    """
    blank = np.empty((0, height, width), np.float32)
    return {f"L = {most}": _painted(region_coverage(blank, most)) for most in levels}


def _painted(weights: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Pixels:
    level = np.round(255 * weights).astype(np.uint8)
    colours = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)[:, :, ::-1]
    return np.asarray(np.repeat(np.repeat(colours, _POSITION, axis=0), _POSITION, axis=1), np.uint8)
