"""Draws a query and a hit side by side, their matched points joined by lines: one picture, as an array."""

from __future__ import annotations

import cv2
import numpy as np

from resight.arrays import Float64, Pixels
from resight.errors import UsageError
from resight.images import Box
from resight.search.ranking import Verification
from resight.show.correspondences import line_colours, located, spread_rows

_GAP = 12
_SHIFT = 4
_ACCENT = (255, 176, 0)
_FAR = 20_000.0


def draw_matches(
    query: Pixels,
    hit: Pixels,
    verification: Verification,
    *,
    query_factor: float = 1.0,
    hit_factor: float = 1.0,
    box: Box | None = None,
    limit: int = 60,
) -> Pixels:
    """Draws the query on the left, the hit on the right, at most `limit` correspondences joined: (H, W, 3) uint8 RGB.

    query, hit: (h, w, 3) uint8 RGB, the photos times `query_factor` and `hit_factor`; box: the searched part of the
    query, in original pixels, which is outlined in both photos; None for all of it.

    Raises UsageError where an image is not (h, w, 3) uint8 or a factor is not positive.
    """
    for name, image, factor in (("query", query, query_factor), ("hit", hit, hit_factor)):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or factor <= 0:
            raise UsageError(f"the {name} must be an RGB uint8 image with a positive factor")
    height = max(query.shape[0], hit.shape[0])
    canvas: Pixels = np.full((height, query.shape[1] + _GAP + hit.shape[1], 3), 255, np.uint8)
    left = canvas[(height - query.shape[0]) // 2 :][: query.shape[0], : query.shape[1]]
    right = canvas[(height - hit.shape[0]) // 2 :][: hit.shape[0], query.shape[1] + _GAP :]
    left[:], right[:] = query, hit
    if box is not None:
        x0, y0, x1, y1 = box
        _outline(left, np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) * query_factor)
        quad = located(verification.transform, box)
        if quad is not None:
            _outline(right, quad * hit_factor)
    rows = spread_rows(verification.query_xy, limit)
    starts = verification.query_xy[rows] * query_factor + (0, (height - query.shape[0]) // 2)
    ends = verification.image_xy[rows] * hit_factor + (query.shape[1] + _GAP, (height - hit.shape[0]) // 2)
    for start, end, colour in zip(_fixed(starts), _fixed(ends), line_colours(starts).tolist(), strict=True):
        cv2.line(canvas, start, end, colour, 1, cv2.LINE_AA, _SHIFT)
        for point in (start, end):
            cv2.circle(canvas, point, 2 << _SHIFT, colour, -1, cv2.LINE_AA, _SHIFT)
    return canvas


def _fixed(points: Float64) -> list[tuple[int, int]]:
    """Converts points with centres at +0.5 to OpenCV's fixed-point numbers, which count from pixel centres."""
    near = np.clip(points - 0.5, -_FAR, _FAR)
    return [(int(x), int(y)) for x, y in np.round(near * (1 << _SHIFT))]


def _outline(image: Pixels, quad: Float64) -> None:
    """Draws a closed polygon into an image, cut at its edges; changes the image."""
    drawn = np.ascontiguousarray(image)
    corners = np.array(_fixed(quad), np.int32)
    cv2.polylines(drawn, [corners], True, (0, 0, 0), 4, cv2.LINE_AA, _SHIFT)
    cv2.polylines(drawn, [corners], True, _ACCENT, 2, cv2.LINE_AA, _SHIFT)
    image[:] = drawn
