"""Outlines of boxes on the thumbnails of a page."""

from __future__ import annotations

import numpy as np

from resight.arrays import Float64
from resight.images import Box


def corners(box: Box) -> Float64:
    """Returns (4, 2) corners of a box (x0, y0, x1, y1), clockwise from the upper left."""
    x0, y0, x1, y1 = box
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def outline(points: Float64, kind: str) -> str:
    """Draws an SVG polygon of class `kind` on a darker one of class `halo`, so that it is visible on any photo."""
    listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in np.clip(points, -1e5, 1e5))
    return f'<polygon class="halo" points="{listed}"/><polygon class="{kind}" points="{listed}"/>'
