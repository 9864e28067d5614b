"""A shape as a photo and as drawings of many kinds."""

from __future__ import annotations

import cv2
import numpy as np

from resight.arrays import Pixels

# Small pictures and one level of cells: enough to tell the three shapes apart.
OUTLINES = """
name = "outlines"
[features]
kind = "edge-orientations"
side = 96
pad = 6
[descriptor]
kind = "pyramid"
levels = [8]
"""

HOUSE = np.array([[20, 110], [20, 60], [70, 20], [120, 60], [120, 110], [20, 110], [20, 60], [120, 60]])
BOAT = np.array([[10, 90], [130, 90], [105, 120], [35, 120], [10, 90], [70, 90], [70, 15], [115, 75], [70, 75]])
ARROW = np.array([[15, 60], [95, 60], [95, 30], [130, 70], [95, 110], [95, 80], [15, 80], [15, 60]])


def drawing(
    shape: np.ndarray, width: int = 2, size: int = 140, at: tuple[int, int] = (0, 0), factor: float = 1.0
) -> Pixels:
    """Black lines on white."""
    sheet = np.full((size, size, 3), 255, np.uint8)
    points = (shape * factor + at).round().astype(np.int32)
    cv2.polylines(sheet, [points], False, (0, 0, 0), width, cv2.LINE_AA)
    return sheet


def photo(shape: np.ndarray, seed: int = 0) -> Pixels:
    """The filled shape, shaded and grainy, on light ground."""
    rng = np.random.default_rng(seed)
    sheet = np.full((280, 280, 3), 235, np.uint8)
    cv2.fillPoly(sheet, [(shape * 2).astype(np.int32)], (150, 60, 40))
    cv2.polylines(sheet, [(shape * 2).astype(np.int32)], False, (60, 30, 30), 5)
    shade = np.linspace(0.8, 1.0, 280)[None, :, None]
    return np.clip(sheet * shade + rng.normal(0, 4, sheet.shape), 0, 255).astype(np.uint8)
