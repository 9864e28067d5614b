"""Every correspondence proposes a transform, and all others vote on it.

Philbin, Chum, Isard, Sivic, Zisserman: Object retrieval with large vocabularies and fast spatial matching, CVPR 2007,
section 4. One keypoint frame (position, scale, angle) against another is a whole similarity, so that n correspondences
have n hypotheses, and all are tried: nothing is sampled, and the answer is the same on every run and machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from resight.arrays import Float32, Int32, Intp, UInt64
from resight.kernels.compiling import kernel
from resight.rerank.geometry import Correspondences

Hypothesis = Literal["translation_scale", "similarity"]

# Scale and angle of a frame are off by 4 to 15 % and some degrees, and a plane seen at a slant is no similarity: the
# error of a hypothesis grows by this share of the distance from the correspondence that proposed it.
FRAME_NOISE = np.float32(0.3)
# Turns are sorted into so many sectors of the circle (2.8 degrees), ratios of scales into so many intervals.
SECTORS = 128
# No photo shows a thing 20 times larger than another and still has features of it in common.
LARGEST_SCALE = 20.0
# The heaviest correspondence has this weight. Whole numbers add up to the same in any order of summation, which is
# what lets the compiler use the widest registers of any machine without changing the result.
HEAVIEST = 1024


@dataclass(frozen=True)
class Gates:
    """Bounds on how far the frame of an inlier may be from its transform.

    scale: largest factor between the ratio of its scales and that of the transform.
    angle: largest difference of its turn from that of the transform, radians; pi asks nothing.
    """

    scale: float = 2.0
    angle: float = math.pi / 6

    @property
    def cosine(self) -> float:
        """Least cosine of the difference of turns; -2, which every cosine exceeds, where nothing is asked."""
        return math.cos(self.angle) if self.angle < math.pi else -2.0


@dataclass(frozen=True)
class Frames:
    """The frames by which n correspondences propose and vote, in the order given.

    columns: (7, n) float32 positions x, y in query and in image, logarithm of the ratio of scales, cosine and sine of
    the turn from query to image (1 and 0 for translation_scale). votes: (n,) int32 weight, the heaviest `HEAVIEST`.
    sector: (n,) intp from 0 to SECTORS - 1, of the turn (translation_scale: of the ratio of scales). reach: no
    correspondence votes for one that is more sectors away.
    """

    columns: Float32
    votes: Int32
    sector: Intp
    reach: int


def frames(given: Correspondences, hypothesis: Hypothesis, gates: Gates) -> Frames:
    """Returns the frames of correspondences, for hypotheses of the given kind."""
    columns = np.empty((7, len(given)), np.float32)
    columns[:2], columns[2:4] = given.query_xy.T, given.image_xy.T
    log_scale = np.log(given.image_scale / given.query_scale, out=columns[4])
    heaviest = max(float(given.weights.max(initial=0.0)), float(np.finfo(np.float32).tiny))
    votes = np.rint(given.weights * np.float32(HEAVIEST / heaviest)).astype(np.int32)
    if hypothesis == "translation_scale":
        turn = np.zeros_like(log_scale)
        # Scales lie on half of the circle only, so that the largest are no neighbours of the smallest.
        width = 4 * math.log(LARGEST_SCALE) / SECTORS
        near = np.clip(log_scale, -math.log(LARGEST_SCALE), math.log(LARGEST_SCALE))
        sector, reach = np.floor(near * np.float32(1 / width)), math.log(gates.scale) / width
    else:
        turn = given.image_angle - given.query_angle
        width = 2 * math.pi / SECTORS
        sector, reach = np.floor(turn * np.float32(1 / width)), gates.angle / width
    columns[5], columns[6] = np.cos(turn), np.sin(turn)
    sector = sector.astype(np.intp) & (SECTORS - 1)
    return Frames(columns, votes, sector, min(math.floor(reach) + 1, SECTORS // 2))


@kernel()
def _by_sector(sector: Intp, reach: int) -> tuple[Intp, UInt64]:
    """Returns rows by ascending sector, twice in a row, and the rows within reach of each sector.

    The latter are the first and last + 1.
    """
    n = len(sector)
    starts = np.zeros(2 * SECTORS + 1, np.intp)
    for s in sector:
        starts[s + 1] += 1
    for s in range(2 * SECTORS):
        starts[s + 1] = starts[s] + (starts[s + 1] if s < SECTORS else starts[s + 1 - SECTORS] - starts[s - SECTORS])
    order = np.empty(2 * n, np.intp)
    fill = starts[:SECTORS].copy()
    for i in range(n):
        order[fill[sector[i]]] = order[fill[sector[i]] + n] = i
        fill[sector[i]] += 1
    windows = np.empty((SECTORS, 2), np.uint64)
    for s in range(SECTORS):
        first = (s - reach) % SECTORS
        windows[s, 0], windows[s, 1] = starts[first], starts[first + min(2 * reach + 1, SECTORS)]
    return order, windows


@kernel()
def _count(
    columns: Float32,
    votes: Int32,
    reach: Float32,
    sector: Intp,
    windows: UInt64,
    gate: np.float32,
) -> Int32:
    n = len(sector)
    totals = np.zeros(n, np.int32)
    for k in range(n):
        x0, y0, u0, v0, z0 = columns[0, k], columns[1, k], columns[2, k], columns[3, k], columns[4, k]
        a, b = reach[0, k] * columns[5, k], reach[0, k] * columns[6, k]
        nearest, growth = reach[1, k], reach[2, k]
        total = np.int32(0)
        # Unsigned limits: an index that may be negative would be wrapped, and the loop not be vectorised.
        for i in range(windows[sector[k], 0], windows[sector[k], 1]):
            x, y = columns[0, i] - x0, columns[1, i] - y0
            dx, dy = (columns[2, i] - u0) - (a * x - b * y), (columns[3, i] - v0) - (b * x + a * y)
            near = dx * dx + dy * dy <= nearest + growth * (x * x + y * y)
            total += votes[i] if near & (abs(columns[4, i] - z0) <= gate) else np.int32(0)
        totals[k] = total
    return totals


def _reach(given: Frames, query_tolerance: float, image_tolerance: float) -> Float32:
    """Returns (3, n) scale, squared tolerance and gain of each hypothesis.

    The tolerance is that at its own place; it grows by the gain with the squared distance.

    Notes: a similarity carries an error in the image back to the query divided by its scale, so the symmetric transfer
    error is one comparison with the smaller of the image's tolerance and the scaled tolerance of the query.
    """
    scale = np.exp(given.columns[4])
    nearest = np.minimum(np.float32(image_tolerance), scale * np.float32(query_tolerance))
    return np.stack([scale, nearest * nearest, np.square(FRAME_NOISE * scale)])


def count_votes(given: Frames, query_tolerance: float, image_tolerance: float, gates: Gates) -> Int32:
    """Returns (n,) int32 votes for the hypothesis of each correspondence: the weight of those that agree with it.

    Tolerances in pixels of the query and of the image.

    Source: Philbin et al., CVPR 2007, section 4.1.

    Notes: the tolerance grows with the distance from the proposing correspondence (`FRAME_NOISE`), because a single
    frame tells scale and angle no better. The gate of turns is rounded up to whole sectors: only correspondences in
    sectors within reach are read, and their turns need no further look.
    """
    order, windows = _by_sector(given.sector, given.reach)
    rows = order[: len(given.sector)]
    reach = _reach(given, query_tolerance, image_tolerance)
    totals = np.empty(len(rows), np.int32)
    totals[rows] = _count(
        given.columns.take(order, axis=1),
        given.votes.take(order),
        reach.take(rows, axis=1),
        given.sector.take(rows),
        windows,
        np.float32(math.log(gates.scale)),
    )
    return totals


def count_votes_reference(given: Frames, query_tolerance: float, image_tolerance: float, gates: Gates) -> Int32:
    """Computes `count_votes` in plain numpy: n x n float32."""
    scale, nearest, growth = _reach(given, query_tolerance, image_tolerance)[:, :, None]
    x, y, u, v, z = given.columns[:5, None] - given.columns[:5, :, None]
    a, b = scale * given.columns[5, :, None], scale * given.columns[6, :, None]
    dx, dy = u - (a * x - b * y), v - (b * x + a * y)
    near = dx * dx + dy * dy <= nearest + growth * (x * x + y * y)
    half = SECTORS // 2
    turned = np.abs((given.sector - given.sector[:, None] + half) % SECTORS - half) <= given.reach
    alike = np.abs(z) <= np.float32(math.log(gates.scale))
    return np.asarray((near & alike & turned).astype(np.int32) @ given.votes, np.int32)
