"""Histograms of the orientations of edges and lines in cells of a grid, as a feature map."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from resight.arrays import Float32
from resight.features.edges.framed import Framed, asked
from resight.features.edges.kinds import EdgeOrientations
from resight.features.image_maps import ImageMaps
from resight.images import Box, Decoded

SMOOTHING = 1.5
"""Standard deviation, in pixels, of what lines are smoothed by, so that they have gradients."""
_REACH = 0.6
"""Standard deviation of the window of a cell, in cells: a line counts in the neighbours of its cell too."""
_FLOOR = 0.05
"""Share of the strongest cell that is added to the norms of all: an all but empty cell stays weak."""


def orientation_maps(edges: Float32, bins: int, cells: int) -> Float32:
    """Returns (bins, h, w) square roots of histograms of the orientation of edges (H, W), `cells` along the long side.

    Each gradient is shared between the two nearest orientations, and between cells by their distance; each cell is
    L2-normalised.

    Source: Dalal & Triggs, CVPR 2005, section 6; the square root after Arandjelovic & Zisserman, CVPR 2012.
    Orientations are without sign: a line has one on each of its sides.
    """
    smooth = cv2.GaussianBlur(edges, (0, 0), SMOOTHING)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    strength = np.hypot(across, down)
    place = (np.arctan2(down, across) % np.pi) / np.pi * bins
    # A place within rounding of `bins` is that of 0.
    lower = np.floor(place).astype(np.intp)
    share = (place - lower).astype(np.float32)
    side = max(edges.shape) / cells
    rows, columns = (np.arange(side / 2, length, side).astype(np.intp) for length in edges.shape)
    found = np.empty((bins, max(1, len(rows)), max(1, len(columns))), np.float32)
    rows = rows if len(rows) else np.array([edges.shape[0] // 2])
    columns = columns if len(columns) else np.array([edges.shape[1] // 2])
    for one in range(bins):
        own = strength * ((lower % bins == one) * (1 - share) + ((lower + 1) % bins == one) * share)
        found[one] = cv2.GaussianBlur(own.astype(np.float32), (0, 0), _REACH * side)[rows[:, None], columns]
    norms = np.sqrt((found**2).sum(axis=0) + (_FLOOR * found.sum(axis=0).max()) ** 2)
    return np.asarray(np.sqrt(found / np.maximum(norms, np.finfo(np.float32).tiny)), np.float32)


class OrientationExtractor:
    """An extractor of orientation maps. Of a query that is a line drawing the lines count, of any other the edges."""

    def __init__(self, params: EdgeOrientations) -> None:
        self.params = params
        self._framed = Framed(params)
        self.max_side = params.max_side
        self.together = 1
        self.dimensions = params.bins

    def prepare(self, decoded: Decoded) -> ImageMaps:
        """Prepares the edges of a photo, or the lines of a drawing among them: makes the whole map."""
        return self._map(*asked(decoded, None))

    def prepare_query(self, decoded: Decoded, box: Box | None) -> ImageMaps:
        """Prepares the edges of a query photo, or the lines of a drawing, or of a part of it.

        Raises UsageError where the box has no area inside of the photo.
        """
        return self._map(*asked(decoded, box))

    def edges(self, decoded: Decoded, is_drawing: bool, scale: float = 1.0) -> Float32:
        """Returns (h, w) the edges or lines that are compared, from 0 to 1."""
        return self._framed.edges(decoded, is_drawing, scale)

    def extract(self, prepared: Sequence[ImageMaps]) -> list[ImageMaps]:
        """Returns the maps of some photos, in their order."""
        return list(prepared)

    def _map(self, decoded: Decoded, is_drawing: bool) -> ImageMaps:
        edges = self.edges(decoded, is_drawing)
        maps = orientation_maps(edges, self.params.bins, self.params.cells)
        return ImageMaps((maps,), (None,), decoded.size, ((edges.shape[1], edges.shape[0]),))
