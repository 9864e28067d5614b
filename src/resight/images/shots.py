"""Boundaries of shots, found by how much the colours and edges of a video change from frame to frame.

A cut is a large difference of successive frames that stands out from the differences just before it, so that a fast
movement, which differs as much in every frame, is none. A gradual transition is a large difference from the frame of a
second before, and it ends when the picture has come to rest.

Source: differences of histograms, and two thresholds, after Zhang, Kankanhalli, Smoliar, "Automatic partitioning of
full-motion video" (Multimedia Systems 1993).

Notes: their twin comparison adds up differences of successive frames; a dissolve over a second differs in each as
little as a moving camera does, so that frames a second apart are compared here. A camera that is in another place
within a second passes for a transition: for what a shot is here, frames of which one stands for all, that is as well.
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
SPAN = 1.0
"""Seconds between the frames that are compared for gradual transitions."""
CHANGED = 0.36
"""Least difference of frames so far apart, at a gradual transition."""
SETTLED = 0.1
"""Most difference from the frame of a fifth of a second before, where the picture has come to rest."""
LEAST = 0.4
"""Seconds of the shortest shot."""
_WINDOW = 12
_REST = 0.2
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
    """Takes the frames of a video in their order; `starts` are the seconds at which shots begin, the first too."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self._changes: deque[float] = deque(maxlen=_WINDOW)
        self._past: deque[tuple[float, Vector]] = deque()
        self._since: float | None = None

    def take(self, time: float, pixels: Pixels) -> bool:
        """Takes the frame at a time in seconds; returns whether a shot begins with it."""
        now = signature(pixels)
        begins = self._begins(time, now)
        if begins:
            self.starts.append(time)
            self._changes.clear()
            self._past.clear()
            self._since = None
        self._past.append((time, now))
        while time - self._past[0][0] > SPAN:
            self._past.popleft()
        return begins

    def _begins(self, time: float, now: Vector) -> bool:
        if not self.starts:
            return True
        change = difference(self._past[-1][1], now)
        usual = float(np.mean(self._changes)) if self._changes else 0.0
        self._changes.append(change)
        is_cut = change >= CUT and change >= ABOVE * usual
        return (is_cut or self._has_changed(time, now)) and time - self.starts[-1] >= LEAST

    def _has_changed(self, time: float, now: Vector) -> bool:
        """Returns whether a gradual transition ends: the picture became another, and rests or changes on for long."""
        if self._since is None and difference(self._past[0][1], now) >= CHANGED:
            self._since = time
        if self._since is None:
            return False
        before = next(own for at, own in reversed(self._past) if time - at >= _REST or at == self._past[0][0])
        return difference(before, now) <= SETTLED or time - self._since >= SPAN
