"""Frames of edges and lines: cropped to what is there, at one size, with lines of one width."""

from __future__ import annotations

import cv2
import numpy as np

from resight.arrays import Float32, Mask
from resight.features.edges.lines import without_specks

WIDTH = 3
"""Pixels of the lines of a frame."""
_STRONG = 0.25
"""Strength from which an edge says where the content is."""
_EXTENT = 0.06
"""Least extent of such an edge, as a share of the long side: shorter ones are dust or texture."""
_LOST = 0.01
"""Share of the strong edges at each side that may be outside of the frame."""


def content_box(strengths: Float32) -> tuple[int, int, int, int] | None:
    """Returns (x0, y0, x1, y1), half-open, of the strong edges (H, W), or None where there are none.

    A few that lie apart, a hundredth on each side, do not count: what is framed is what fills the photo.
    """
    strong = strengths >= _STRONG
    if not strong.any():
        strong = strengths > 0
    mask = without_specks(strong, _EXTENT * max(strengths.shape))
    if not mask.any():
        return None
    x0, x1 = _span(mask.sum(axis=0))
    y0, y1 = _span(mask.sum(axis=1))
    return x0, y0, x1, y1


def lines_box(lines: Mask) -> tuple[int, int, int, int] | None:
    """Returns (x0, y0, x1, y1), half-open, of all lines (H, W), or None where there are none."""
    if not lines.any():
        return None
    x, y = np.flatnonzero(lines.any(axis=0)), np.flatnonzero(lines.any(axis=1))
    return int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1


def framed_size(box: tuple[int, int, int, int], side: int, pad: int) -> tuple[int, int]:
    """Returns (width, height) of the content of a box whose frame has a long side of `side`, `pad` on each side."""
    width, height = box[2] - box[0], box[3] - box[1]
    long = max(1, side - 2 * pad)
    factor = long / max(width, height)
    # A single stroke is a shape too: it keeps a little of a second dimension.
    least = max(1, long // 8)
    return max(least, round(width * factor)), max(least, round(height * factor))


def frame(strengths: Float32, box: tuple[int, int, int, int], side: int, pad: int, width: int = WIDTH) -> Float32:
    """Returns (h, w) the part of thin lines (H, W) in a box, at a long side of `side` with its padding.

    Lines have `width` pixels and keep their strength: of several that fall into one place the strongest counts.
    """
    x0, y0, x1, y1 = box
    across, down = framed_size(box, side, pad)
    out = np.zeros((down + 2 * pad, across + 2 * pad), np.float32)
    part = strengths[y0:y1, x0:x1]
    factors = across / max(1, x1 - x0), down / max(1, y1 - y0)
    if max(factors) > 1:
        # Enlarged lines must not fall apart: their pixels are enlarged whole, and thinned again.
        part = np.asarray(cv2.resize(part, (across, down), interpolation=cv2.INTER_NEAREST), np.float32)
        thin = cv2.ximgproc.thinning((part > 0).astype(np.uint8) * np.uint8(255)) > 0
        out[pad : pad + down, pad : pad + across] = np.where(thin, part, np.float32(0.0))
    else:
        y, x = np.nonzero(part)
        column = np.minimum((x * factors[0]).astype(np.intp), across - 1) + pad
        row = np.minimum((y * factors[1]).astype(np.intp), down - 1) + pad
        np.maximum.at(out, (row, column), part[y, x])
    return widened(out, width)


def squared(edges: Float32, side: int) -> Float32:
    """Returns (side, side) with a frame (h, w), whose long side is as long, in its middle."""
    height, width = edges.shape
    out = np.zeros((side, side), np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    out[top : top + height, left : left + width] = edges
    return out


def widened(lines: Float32, width: int) -> Float32:
    """Returns lines (H, W) of one pixel as lines of `width`; the strongest counts where they meet."""
    if width <= 1:
        return lines
    return np.asarray(cv2.dilate(lines, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))), np.float32)


def _span(counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[int, int]:
    """Returns the half-open interval that has all but a hundredth of what is counted on each side."""
    share = np.cumsum(counts) / counts.sum()
    first = int(np.searchsorted(share, _LOST, side="right"))
    last = int(np.searchsorted(share, 1.0 - _LOST, side="left"))
    return min(first, last), last + 1
