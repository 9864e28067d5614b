"""Things of points in space, seen by cameras, and matches that are exact but for a fraction of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32, Float64, Int64
from resight.training.mining.reconstruction import PairMatches

SIZE = (640, 480)


@dataclass(frozen=True)
class Shot:
    """A photo. centre: (3,) of its camera. xy: (m, 2) of its keypoints; points: (m,) the point that each is of."""

    centre: Float64
    xy: Float32
    points: Int64


def around(
    points: Float64, count: int, rng: np.random.Generator, *, focal: float = 1.2, step: float = 0.25
) -> list[Shot]:
    """Photos of points (n, 3) about the origin, from an arc of radius 4 around it."""
    centres = [4 * np.array([np.sin(k * step), 0.3 * np.cos(3 * k), -np.cos(k * step)]) for k in range(count)]
    return [shot(points, centre, -centre, rng, focal) for centre in centres]


def shot(points: Float64, centre: Float64, ahead: Float64, rng: np.random.Generator, focal: float) -> Shot:
    """A photo from a place in a direction, which sees nine points in ten; `focal` in long sides."""
    z = ahead / np.linalg.norm(ahead)
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= np.linalg.norm(x)
    local = (points - centre) @ np.array([x, np.cross(z, x), z]).T
    seen = rng.permutation(len(points))[: len(points) * 9 // 10]
    xy = focal * max(SIZE) * local[seen, :2] / local[seen, 2:] + np.array(SIZE) / 2
    inside = ((xy > 0) & (xy < SIZE)).all(axis=1)
    noise = rng.normal(0, 0.2, (int(inside.sum()), 2))
    return Shot(centre, (xy[inside] + noise).astype(np.float32), seen[inside])


def matched(shots: list[Shot], first: int = 0) -> list[PairMatches]:
    """The matches of all pairs of photos of one thing; `first` is the number of the first photo."""
    pairs = []
    for a, one in enumerate(shots):
        for b, other in enumerate(shots[a + 1 :], start=a + 1):
            _, rows, others = np.intersect1d(one.points, other.points, return_indices=True)
            pairs.append(PairMatches(first + a, first + b, np.column_stack([rows, others])))
    return pairs
