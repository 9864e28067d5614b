"""Selects the correspondences of a verification to draw, their colours, and the outline of the query."""

from __future__ import annotations

import colorsys

import numpy as np

from resight.arrays import Float64, Floating, Intp, UInt8
from resight.images import Box


def spread_rows(xy: Floating, limit: int, cells: int = 8) -> Intp:
    """Returns at most `limit` rows of (n, 2) points, ascending: the first of each cell of a grid, then the second...

    Correspondences come strongest first, so that each part of the photo keeps its strongest ones.
    """
    if len(xy) <= limit:
        return np.arange(len(xy))
    low, high = xy.min(axis=0), xy.max(axis=0)
    place = np.minimum((xy - low) / np.maximum(high - low, 1e-9) * cells, cells - 1).astype(int)
    cell = place[:, 1] * cells + place[:, 0]
    order = np.argsort(cell, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(cell[order]) > 0])
    turn = np.empty(len(xy), int)
    turn[order] = np.arange(len(xy)) - np.repeat(starts, np.diff(np.r_[starts, len(xy)]))
    return np.sort(np.lexsort((np.arange(len(xy)), turn))[:limit])


def line_colours(xy: Floating) -> UInt8:
    """Returns (n, 3) RGB, hues from the left of the query to its right, so that crossing lines stand out."""
    order = np.argsort(np.argsort(xy[:, 0], kind="stable"), kind="stable")
    colours = [colorsys.hsv_to_rgb(0.85 * k / max(1, len(xy)), 0.85, 0.95) for k in order]
    return np.round(np.array(colours).reshape(-1, 3) * 255).astype(np.uint8)


def located(transform: Float64, box: Box) -> Float64 | None:
    """Returns (4, 2) corners of a query box (x0, y0, x1, y1) in the image, from the upper left clockwise in the query.

    None where the transform sends a corner to infinity or folds the box: such a shape is meaningless.
    """
    x0, y0, x1, y1 = box
    corners = np.array([[x0, y0, 1], [x1, y0, 1], [x1, y1, 1], [x0, y1, 1]]) @ np.asarray(transform, np.float64).T
    if not np.isfinite(corners).all() or not (np.all(corners[:, 2] > 1e-9) or np.all(corners[:, 2] < -1e-9)):
        return None
    quad = corners[:, :2] / corners[:, 2:]
    edges = np.roll(quad, -1, axis=0) - quad
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    return quad if np.all(turns > 0) or np.all(turns < 0) else None
