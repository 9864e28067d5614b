"""Boundaries of shots, found by how much the colours and edges of a video change from frame to frame.

Source: twin comparison of Zhang, Kankanhalli, Smoliar, "Automatic partitioning of full-motion video" (Multimedia
Systems 1993): a large difference between successive frames is a cut; a run of smaller ones over which the picture
becomes another is a gradual transition.

Notes: besides colours, directions of edges are compared, and a cut must also stand out from the differences just before
it, so that a fast movement, which differs as much in every frame, is none. The camera's own movement may pass for a
gradual transition where it leads to another place: for what a shot is here, frames of which one stands for all, that is
as well.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from resight.arrays import Pixels, Vector

SIDE = (64, 48)
"""(width, height) in pixels at which frames are compared."""
CUT = 0.28
"""Least difference of successive frames at a cut, of 1."""
ABOVE = 3.0
"""So many times the mean of the differences before it is a cut."""
MOVING = 0.045
"""Least difference of successive frames within a gradual transition."""
CHANGED = 0.36
"""Least difference of the frames before and after a gradual transition."""
LEAST = 0.4
"""Seconds of the shortest shot."""
_WINDOW = 12
_CALM = 2
_GRID = 2
_LEVELS = 4
_DIRECTIONS = 8


def signature(pixels: Pixels) -> Vector:
    """Returns histograms (2, d) of colours, and of directions of edges, over a grid of 2 x 2 parts; each sums to 1.

    pixels: (h, w, 3) uint8 RGB.
    """
    small = pixels if pixels.shape[1::-1] == SIDE else cv2.resize(pixels, SIDE, interpolation=cv2.INTER_AREA)
    rows, columns = np.indices(small.shape[:2])
    part = (rows * _GRID // small.shape[0]) * _GRID + columns * _GRID // small.shape[1]
    levels = (small.astype(np.intp) * _LEVELS) >> 8
    colour = (levels[..., 0] * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]
    size = _GRID * _GRID * _LEVELS**3
    colours = np.bincount((part * _LEVELS**3 + colour).ravel(), minlength=size) / colour.size
    grey = cv2.cvtColor(np.ascontiguousarray(small), cv2.COLOR_RGB2GRAY).astype(np.float32)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    strength = np.hypot(across, down)
    direction = np.mod(np.arctan2(down, across), np.pi) * (_DIRECTIONS / np.pi)
    bins = part * _DIRECTIONS + np.minimum(direction.astype(np.intp), _DIRECTIONS - 1)
    edges = np.bincount(bins.ravel(), strength.ravel(), minlength=size)[:size]
    total = edges.sum()
    flat = np.zeros(size)
    flat[-1] = 1.0  # a picture without edges differs from any that has some
    return np.stack([colours, edges / total if total > 0 else flat]).astype(np.float32)


def difference(one: Vector, other: Vector) -> float:
    """Returns how much two signatures differ, 0 to 1: half the sum of absolute differences, of which 2/3 are colour."""
    colours, edges = 0.5 * np.abs(one - other).sum(axis=1)
    return float((2 * colours + edges) / 3)


class ShotDetector:
    """Takes the frames of a video in their order; `starts` are the seconds at which shots begin, that of the first too."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self._before: Vector | None = None
        self._recent: deque[float] = deque(maxlen=_WINDOW)
        self._origin: Vector | None = None
        self._calm = 0

    def take(self, time: float, pixels: Pixels) -> bool:
        """Takes the frame at a time in seconds; returns whether a shot begins with it."""
        now = signature(pixels)
        before, self._before = self._before, now
        if before is None:
            return self._begin(time)
        change = difference(before, now)
        usual = float(np.mean(self._recent)) if self._recent else 0.0
        self._recent.append(change)
        if change >= CUT and change >= ABOVE * usual:
            return self._begin_if_long(time)
        if change >= MOVING:
            self._calm = 0
            if self._origin is None:
                self._origin = before
            return False
        return self._settle(time, now)

    def _settle(self, time: float, now: Vector) -> bool:
        """Ends the gradual transition that may be going on, where the picture has come to rest."""
        if self._origin is None:
            return False
        self._calm += 1
        if self._calm < _CALM:
            return False
        changed = difference(self._origin, now) >= CHANGED
        self._origin, self._calm = None, 0
        return changed and self._begin_if_long(time)

    def _begin_if_long(self, time: float) -> bool:
        return time - self.starts[-1] >= LEAST and self._begin(time)

    def _begin(self, time: float) -> bool:
        self.starts.append(time)
        self._recent.clear()
        self._origin, self._calm = None, 0
        return True
