"""What a verified pair is: the same picture again, another photo of the same thing, or nothing that can be told.

Every bound was chosen on rendered worlds, and on near-copies made of photos that no figure in the documentation is of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from resight.arrays import Transform
from resight.duplicates.agreement import Agreement, Size, covered

Kind = Literal["copies", "near", "same"]
KINDS: tuple[Kind, ...] = ("copies", "near", "same")
"""Kinds of groups, the closest first."""

RESIDUAL = 0.4
"""Of a near-copy: median distance in pixels from a map of quarter turns, scales and shifts. Whatever a program does to
a picture leaves features where they were: to 0.28 pixels in rendered worlds, where it is compressed hard."""
BEND = 3.0
"""Of a near-copy: how many times 1 / sqrt(inliers) a homography fits better, which has four numbers more. Noise gives
1.6 at most in 392 rendered copies; a hand that takes another photo from the same place turns the camera by a tenth of a
degree at least, which gives more than this in 98 of 100."""
STRETCH = 1.05
"""Of a near-copy: how much longer one axis may have become. A page seen at a slant is a photo of it."""
FRAMES = (0.9, 0.5)
"""Of a near-copy: the part of one frame, and of the other, that both photos show."""
SHARE = 0.15
"""Of a near-copy: the share of the features in common that agree."""
NEAR_INLIERS = 12
"""Of a near-copy: fewest inliers."""


@dataclass(frozen=True)
class Bounds:
    """Least inliers and share of a pair, its largest `chance`, and the least spread in one of both photos."""

    inliers: int
    share: float
    chance: float
    spread: float

    def hold(self, known: Agreement) -> bool:
        """Returns whether a pair is within the bounds."""
        return (
            known.inliers >= self.inliers
            and known.share >= self.share
            and known.chance <= self.chance
            and max(known.spread) >= self.spread
        )


NEAR_SPREAD = 0.05
"""Of a near-copy: least spread in both photos. One caption below many photos has less, and is not the picture."""
SURE = Bounds(inliers=60, share=0.2, chance=-120.0, spread=0.06)
"""Of the same thing beyond doubt. In rendered worlds print in one typeface gives unlike things up to 52 inliers, which
chance alone would give once in 10^95 pairs, but a share below 0.09: so the share decides."""
UNSURE = Bounds(inliers=20, share=0.1, chance=-40.0, spread=0.06)
"""Of the same thing, where nothing hangs on one pair alone."""


@dataclass(frozen=True)
class Verdict:
    """A kind, and whether it is beyond doubt (`grouping.connected`)."""

    kind: Kind
    sure: bool


def verdict(known: Agreement) -> Verdict | None:
    """Returns the kind of a pair; None where it may be chance, or a mark that many photos bear."""
    if is_near(known):
        return Verdict("near", True)
    if UNSURE.hold(known):
        return Verdict("same", SURE.hold(known))
    return None


def is_near(known: Agreement) -> bool:
    """Returns whether both photos are of one picture: turned by quarters, scaled, trimmed or framed, and nothing else.

    A second shot differs by less than the eye sees, but the camera has moved, and what moves with it is no copy's.
    """
    return (
        known.inliers >= NEAR_INLIERS
        and known.share >= SHARE
        and min(known.spread) >= NEAR_SPREAD
        and known.residual <= RESIDUAL
        and known.bend <= 1.0 + BEND / math.sqrt(known.inliers)
        and known.stretch <= STRETCH
        and frames_fit(known.coverage)
    )


def frames_fit(coverage: tuple[float, float]) -> bool:
    """Returns whether one frame may be a trimmed or framed copy of the other."""
    return max(coverage) >= FRAMES[0] and min(coverage) >= FRAMES[1]


def still_fits(transform: Transform, sizes: tuple[Size, Size]) -> bool:
    """`frames_fit` of two photos whose (3, 3) transform was composed of those of others."""
    if abs(np.linalg.det(transform)) < np.finfo(np.float64).tiny:
        return False
    back: Transform = np.asarray(np.linalg.inv(transform), np.float64)
    return frames_fit((covered(transform, sizes[0], sizes[1]), covered(back, sizes[1], sizes[0])))
