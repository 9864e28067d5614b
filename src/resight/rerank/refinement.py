"""Fast spatial matching: the best hypotheses, polished by least squares, and the one that most of the evidence follows.

Philbin, Chum, Isard, Sivic, Zisserman: Object retrieval with large vocabularies and fast spatial matching, CVPR 2007,
section 4; the polishing is the local optimisation of Chum, Matas, Kittler: Locally optimized RANSAC, DAGM 2003.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from resight.arrays import Float32, Float64, Int32, Intp, Transform
from resight.kernels.compiling import kernel
from resight.rerank.agreement import LEAST, Limits, determined, one_to_one, places, plausible, transfer_errors
from resight.rerank.fitting import AFFINE, HOMOGRAPHY, SIMILARITY, fit, moments
from resight.rerank.geometry import Correspondences, SpatialMatch
from resight.rerank.hypotheses import FRAME_NOISE, LARGEST_SCALE, Gates, Hypothesis, count_votes, frames

Model = Literal["similarity", "affine", "homography"]

KINDS: dict[Model, int] = {"similarity": SIMILARITY, "affine": AFFINE, "homography": HOMOGRAPHY}
NOISE = float(FRAME_NOISE)
# What is fitted, to the correspondences within how many tolerances of the model before, and what share of the distance
# from the proposing correspondence that is widened by: a frame is right only near itself, every fit reaches further.
SCHEDULE = (
    (SIMILARITY, 1.0, NOISE),
    (AFFINE, 1.0, NOISE),
    (AFFINE, 2.0, 0.1),
    (AFFINE, 2.0, 0.0),
    (AFFINE, 1.0, 0.0),
    (HOMOGRAPHY, 3.0, 0.0),
    (HOMOGRAPHY, 2.0, 0.0),
    (HOMOGRAPHY, 1.0, 0.0),
)


@kernel(error_model="numpy")
def _weight(votes: Int32, rows: Intp) -> int:
    total = 0
    for i in rows:
        total += votes[i]
    return total


@kernel(error_model="numpy")
def _refine(
    h: Transform,
    squares: Float64,
    columns: Float64,
    places: tuple[Intp, Intp],
    votes: Int32,
    limits: Limits,
    kind: int,
    best: int,
) -> tuple[Transform, Intp, int]:
    """Returns the model with the most votes between a hypothesis and the given kind.

    Also returns its inliers and their votes.
    """
    found, inliers, score = h, np.empty(0, np.intp), 0
    errors = np.empty(columns.shape[1])
    transfer_errors(h, columns, limits, errors)
    for step, factor, growth in SCHEDULE:
        # Where twice the inliers would not make it the best, polishing it further will not either.
        if step > kind or (factor <= 1.0 and growth == 0.0 and 2 * score < best):
            break
        rows = one_to_one(errors, factor, growth, squares, places)
        # Where nothing around is left out, one fit to all of it is the last, and needs no homography.
        complete = step > SIMILARITY and factor > 1.0 and _weight(votes, rows) <= score
        if complete and step == HOMOGRAPHY:
            break
        if not determined(step, columns, rows, limits):
            continue
        fitted = fit(step, columns, rows, h)
        x, y, _, _, _ = moments(columns, rows, 0)
        if not plausible(fitted, x, y):
            continue
        h = fitted
        transfer_errors(h, columns, limits, errors)
        near = one_to_one(errors, 1.0, 0.0, squares, places)
        total = _weight(votes, near)
        if total > score and determined(SIMILARITY, columns, near, limits):
            found, inliers, score = h, near, total
        if complete:
            break
    return found, inliers, score


@kernel(error_model="numpy")
def _propose(k: int, columns: Float64, proposals: Float32, limits: Limits) -> tuple[Transform, Float64]:
    """Returns the similarity of correspondence k, and the squared distances from it in squared tolerances."""
    scale = np.exp(np.float64(proposals[4, k]))
    a, b = scale * proposals[5, k], scale * proposals[6, k]
    x, y, u, v = columns[0, k], columns[1, k], columns[2, k], columns[3, k]
    h = np.zeros((3, 3))
    h[0, 0], h[0, 1], h[0, 2] = a, -b, u - a * x + b * y
    h[1, 0], h[1, 1], h[1, 2] = b, a, v - b * x - a * y
    h[2, 2] = 1.0
    unit = scale * scale / min(limits[1], scale * scale * limits[0])
    squares = np.empty(columns.shape[1])
    for i in range(len(squares)):
        squares[i] = ((columns[0, i] - x) ** 2 + (columns[1, i] - y) ** 2) * unit
    return h, squares


@kernel()
def _most(totals: Int32) -> int:
    """Returns the first place of the largest number of (n,), n > 0.

    Notes: importing what numpy's own would be compiled from takes as long as a search.
    """
    most = 0
    for i in range(1, len(totals)):
        if totals[i] > totals[most]:
            most = i
    return most


@kernel(error_model="numpy")
def _search(
    totals: Int32,
    votes: Int32,
    columns: Float64,
    proposals: Float32,
    places: tuple[Intp, Intp],
    limits: Limits,
    kind: int,
    tries: int,
) -> tuple[Transform, Intp]:
    """Refines the hypotheses with the most votes until `tries` are spent or none is left that could beat the best."""
    # A score of this type from the start: for a plain 0 what is called here would be compiled twice.
    found, inliers, score = np.zeros((3, 3)), np.empty(0, np.intp), int(np.int64(0))
    errors = np.empty(len(totals))
    while tries > 0:
        k = _most(totals)
        if totals[k] <= score:
            break
        h, squares = _propose(k, columns, proposals, limits)
        transfer_errors(h, columns, limits, errors)
        distinct = _weight(votes, one_to_one(errors, 1.0, NOISE, squares, places))
        # A burst votes many times for one thing: such a hypothesis goes back with the votes that are its own.
        if 4 * distinct < 3 * totals[k]:
            totals[k] = distinct
            continue
        tries -= 1
        totals[k] = 0
        refined, near, total = _refine(h, squares, columns, places, votes, limits, kind, score)
        # What agrees with this model would only lead to it again.
        for i in near:
            totals[i] = 0
        if total > score:
            found, inliers, score = refined, near, total
    return found, inliers


def _columns(given: Correspondences) -> Float64:
    columns = np.empty((9, len(given)))
    columns[:2], columns[2:4] = given.query_xy.T, given.image_xy.T
    columns[4], columns[5] = np.cos(given.query_angle), np.sin(given.query_angle)
    columns[6], columns[7] = np.cos(given.image_angle), np.sin(given.image_angle)
    columns[8] = np.square(given.image_scale / given.query_scale)
    return columns


def fast_spatial_match(
    given: Correspondences,
    query_tolerance: float,
    image_tolerance: float,
    hypothesis: Hypothesis = "similarity",
    model: Model = "homography",
    gates: Gates = Gates(),  # noqa: B008
    tries: int = 6,
) -> SpatialMatch | None:
    """Returns the transform that most of n correspondences follow, or None where no four of them agree.

    query_tolerance, image_tolerance: largest transfer error in pixels of the query and of the image (`tolerance`).
    hypothesis: what a single correspondence proposes. model: the richest transform that it may be polished to; a richer
    one is kept only where it gains inliers. tries: how many hypotheses are polished.

    Source: Philbin et al., CVPR 2007, section 4. How many inliers chance would give, `significance` says.

    Notes: polishing ends in a homography, not in the paper's affine map, which loses inliers on planes seen at a slant.
    Inliers are counted one to one by place: of correspondences that share a position in either image only the closest
    counts, whether a word burst, multiple assignment or two orientations of one keypoint made them.
    """
    if len(given) < LEAST[SIMILARITY]:
        return None
    if hypothesis == "translation_scale":
        gates = Gates(gates.scale, math.pi)
    entries = frames(given, hypothesis, gates)
    totals = count_votes(entries, query_tolerance, image_tolerance, gates)
    totals[np.abs(entries.columns[4]) > math.log(LARGEST_SCALE)] = 0
    transform, rows = _search(
        totals,
        entries.votes,
        _columns(given),
        entries.columns,
        (places(given.query_xy), places(given.image_xy)),
        (float(query_tolerance) ** 2, float(image_tolerance) ** 2, float(gates.scale) ** 2, gates.cosine),
        KINDS[model],
        tries,
    )
    if not len(rows):
        return None
    inliers = np.zeros(len(given), np.bool_)
    inliers[rows] = True
    return SpatialMatch(transform, inliers, float(given.weights[inliers].sum(dtype=np.float64)))
