"""Edges of a photo as a hasty hand would draw them: few, bent, of one strength. No drawing is ever looked at."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from resight.arrays import Float32, Mask
from resight.features.edges.lines import without_specks

_LEAST = 0.02


@dataclass(frozen=True)
class Hand:
    """Limits of what `drawn` draws; each draw is independent.

    threshold: greatest strength below which edges are not drawn. short: greatest extent of edges that are not drawn, as
    a share of the long side. dropped: greatest share of the pieces of lines that are not drawn. bend, wobble: standard
    deviations of the displacement of lines, as shares of the long side, over a third of the drawing and over a
    twelfth. turn: standard deviation of the rotation in degrees. stretch: of the logarithm of height over width.
    shear: of the shear.
    """

    threshold: float
    short: float
    dropped: float
    bend: float
    wobble: float
    turn: float
    stretch: float
    shear: float


HASTY = Hand(threshold=0.6, short=0.2, dropped=0.45, bend=0.04, wobble=0.008, turn=5.0, stretch=0.18, shear=0.06)
"""A hand that knows what it draws, and takes half a minute."""


def drawn(strengths: Float32, hand: Hand, rng: Generator) -> Float32:
    """Returns (H, W) lines, 0 or 1, that a hand might draw of the thin edges (H, W) of a photo.

    Some are left wherever there are edges.

    Source: for edge maps made binary by random thresholds Radenovic, Tolias & Chum, ECCV 2018, section 4.1; the bending
    is ours.
    """
    side = max(strengths.shape)
    lines = _pieces(strengths >= rng.uniform(_LEAST, hand.threshold), rng.uniform(0, hand.short) * side, rng, hand)
    if not lines.any():
        lines = (strengths > 0) & (strengths >= min(_LEAST, float(strengths.max())))
    return _bent(lines, hand, rng)


def _pieces(lines: Mask, least: float, rng: Generator, hand: Hand) -> Mask:
    """Returns lines without those of a smaller extent, where larger are left, and without pieces between crossings."""
    thin = lines.astype(np.uint8)
    crossings = cv2.filter2D(thin, -1, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT) > 3
    cut = thin * ~crossings
    kept = without_specks(lines, least)
    count, labels = cv2.connectedComponents(cut, connectivity=8)
    gone = rng.random(count) < rng.uniform(0.0, hand.dropped)
    gone[0] = False
    return np.asarray(kept & ~gone[labels], np.bool_)


def _bent(lines: Mask, hand: Hand, rng: Generator) -> Float32:
    """Returns the lines after a random affine transform and two smooth random displacements."""
    height, width = lines.shape
    side = max(height, width)
    y, x = np.nonzero(lines)
    where = np.stack([x - width / 2, y - height / 2])
    angle = np.radians(rng.normal(0, hand.turn))
    stretch = np.exp(rng.normal(0, hand.stretch) / 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1.0, rng.normal(0, hand.shear)], [0.0, 1.0]])
    where = turn @ shear @ np.diag([1 / stretch, stretch]) @ where
    for share, cells in ((hand.bend, 3), (hand.wobble, 12)):
        for axis in range(2):
            coarse = rng.normal(0, 1.0, (cells + 1, cells + 1)).astype(np.float32)
            smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
            where[axis] += share * side * smooth[y, x]
    margin = side // 4
    column = np.clip(np.round(where[0] + width / 2) + margin, 0, width + 2 * margin - 1).astype(np.intp)
    row = np.clip(np.round(where[1] + height / 2) + margin, 0, height + 2 * margin - 1).astype(np.intp)
    out = np.zeros((height + 2 * margin, width + 2 * margin), np.uint8)
    out[row, column] = 1
    # Stretched lines have gaps of a pixel.
    closed = cv2.morphologyEx(out, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.ximgproc.thinning(closed * np.uint8(255)) > 0, np.float32)
