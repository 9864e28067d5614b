"""Tells line drawings, photos and empty pictures apart by their ink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from resight.arrays import Pixels
from resight.features.edges.lines import ink_of, lines_of

Kind = Literal["drawing", "photo", "empty"]

MOST_INK = 0.30
"""Share of the pixels of a drawing that may be ink."""
MOST_WIDTH = 0.07
"""Width of the lines of a drawing, as a share of its long side."""
LEAST_PAPER = 0.75
"""Share of the pixels of a drawing that are plain paper."""
MOST_HALF = 0.15
"""Share of what is not paper that may be neither ink nor beside it: shades, which photos have and drawings have not."""
_PAPER, _INK = 0.12, 0.5
_SMOOTHED = 5


@dataclass(frozen=True)
class Look:
    """The kind of a picture, and the numbers that say so.

    ink, paper: shares of the pixels. width: mean width of the ink, as a share of the long side. half: share of what is
    not paper that is neither ink nor beside it.
    """

    kind: Kind
    ink: float = 0.0
    paper: float = 1.0
    width: float = 0.0
    half: float = 0.0


def look_at(pixels: Pixels) -> Look:
    """Returns what a picture (H, W, 3) is. Pen on paper and white on black are drawings, filled shapes are not.

    Notes: ours; thresholds were chosen on photos and drawings of the styles of PACS and of shoes.
    """
    ink = ink_of(pixels)
    lines = lines_of(ink)
    if not lines.any():
        return Look("empty")
    dark = ink > _INK
    paper = float((ink < _PAPER).mean())
    share = float(dark.mean())
    # Beside a line, smoothing leaves shades that say nothing.
    beside = cv2.dilate(dark.astype(np.uint8), np.ones((_SMOOTHED, _SMOOTHED), np.uint8)) > 0
    half = float(((ink >= _PAPER) & ~beside).sum() / max(1, int((ink >= _PAPER).sum())))
    reach = cv2.distanceTransform((ink > 0.2).astype(np.uint8), cv2.DIST_L2, 3)
    # Of the line's pixels the mean distance to paper is half the width.
    width = 2.0 * float(np.mean(reach[lines])) / max(ink.shape)
    is_drawing = share <= MOST_INK and width <= MOST_WIDTH and paper >= LEAST_PAPER and half <= MOST_HALF
    return Look("drawing" if is_drawing else "photo", share, paper, width, half)
