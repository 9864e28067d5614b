"""What a verified pair is: the same picture again, another photo of the same thing, or nothing that can be told.

Every bound was chosen on rendered worlds, and on near-copies made of photos that no figure in the documentation is of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from resight.duplicates.agreement import Agreement, Size, Transform, covered

Kind = Literal["copies", "near", "same"]
KINDS: tuple[Kind, ...] = ("copies", "near", "same")
"""Kinds of groups, the closest first."""

RESIDUAL = 0.004
"""Of a near-copy: median distance from an affine map, as a part of the long side. A moved camera bends more."""
TURN = 3.0
"""Of a near-copy: degrees from upright, or from a quarter turn."""
STRETCH = 1.1
"""Of a near-copy: how much longer one axis may have become. A page seen at a slant is a photo of it."""
FRAMES = (0.9, 0.6)
"""Of a near-copy: the part of one frame, and of the other, that both photos show."""
SHARE = 0.2
"""Of a near-copy: the share of the features in common that agree."""
NEAR_INLIERS = 12
"""Of a near-copy: fewest inliers."""
SURE = (20, -20.0, 0.05)
"""Of the same thing beyond doubt: fewest inliers, largest `chance`, least spread in one of both photos."""
UNSURE = (12, -8.0, 0.02)
"""Of the same thing, where nothing hangs on one pair alone."""


@dataclass(frozen=True)
class Verdict:
    """A kind, and whether it is beyond doubt (`grouping.connected`)."""

    kind: Kind
    sure: bool


def verdict(known: Agreement) -> Verdict | None:
    """What a pair is; None where it may be chance, or a mark that many photos bear."""
    if is_near(known):
        return Verdict("near", True)
    for (inliers, chance, spread), sure in ((SURE, True), (UNSURE, False)):
        if known.inliers >= inliers and known.chance <= chance and max(known.spread) >= spread:
            return Verdict("same", sure)
    return None


def is_near(known: Agreement) -> bool:
    """Whether both photos are of one picture: turned by quarters, scaled, trimmed or framed, and nothing else."""
    return (
        known.inliers >= NEAR_INLIERS
        and known.share >= SHARE
        and known.residual <= RESIDUAL
        and known.turn <= TURN
        and known.stretch <= STRETCH
        and frames_fit(known.coverage)
    )


def frames_fit(coverage: tuple[float, float]) -> bool:
    """Whether so much of both frames is in common that one may be a trimmed or framed copy of the other."""
    return max(coverage) >= FRAMES[0] and min(coverage) >= FRAMES[1]


def still_fits(transform: Transform, sizes: tuple[Size, Size]) -> bool:
    """`frames_fit` of two photos whose (3, 3) transform was composed of those of others."""
    if abs(np.linalg.det(transform)) < np.finfo(np.float64).tiny:
        return False
    back: Transform = np.asarray(np.linalg.inv(transform), np.float64)
    return frames_fit((covered(transform, sizes[0], sizes[1]), covered(back, sizes[1], sizes[0])))
