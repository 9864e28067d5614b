"""Finds the region of a feature map that is most like a query: approximate max-pooling localisation (AML)."""

from __future__ import annotations

import numpy as np

from resight.arrays import Float32, Floating, GridBoxes, Int64
from resight.descriptors.pooling import l2_normalise
from resight.descriptors.region_pooling import region_gem
from resight.errors import UsageError

ALPHA = 10.0
"""Exponent by which a sum over a region stands for its maximum. This number and those below: section 4.3 and code."""
STEP = 3
"""Positions between the sides of the regions that are tried first, and the furthest that a side moves afterwards."""
TOLERANCE = 1.1
"""Aspect ratios of a region and of the query differ by this factor at most."""
ROUNDS = 5
"""Rounds in which each side of the best region moves to where it is better."""


def localise(
    maps: Float32,
    query: Floating,
    aspect: float,
    *,
    alpha: float = ALPHA,
    step: int = STEP,
    tolerance: float = TOLERANCE,
    rounds: int = ROUNDS,
) -> tuple[Int64, float]:
    """Returns the region (4,) x0, y0, x1, y1 in positions of a map that is most like a query, and their cosine.

    maps: (C, H, W), not negative. query: (C,) maxima of the channels of the query. aspect: width over height of the
    query. Regions at every `step` positions are tried, then each side of the best moves by up to `step`, `rounds`
    times. Where no region has the aspect ratio, the whole map is tried alone first. Raises UsageError for a query of
    another number of channels, or numbers that are not positive.

    Source: Tolias, Sicre & Jegou, "Particular object retrieval with integral max-pooling of CNN activations", ICLR
    2016, section 4; the maximum of a channel in a region is approximated by (sum of x^alpha)^(1/alpha), from a table
    of sums. There the first 1000 photos are ranked again by it, and the 5 best of them expand the query.

    Notes: the mean takes the place of the sum, which changes no cosine. The authors' code keeps activations in a few
    bits; here they are as given.
    """
    channels, height, width = maps.shape
    if query.shape != (channels,):
        raise UsageError(f"a query of shape {query.shape} is not of the {channels} channels of the map")
    if not (aspect > 0 and alpha > 0 and step > 0 and tolerance >= 1 and rounds >= 0):
        raise UsageError("aspect ratio, alpha and step of localisation are above 0, its tolerance is 1 or more")
    unit = np.asarray(l2_normalise(np.asarray(query, np.float32)[None])[0])

    def likeness(boxes: GridBoxes) -> Float32:
        pooled = l2_normalise(region_gem(maps[None], boxes, alpha))[0]
        return np.asarray(pooled @ unit, np.float32)

    whole = np.array([[0, 0, width, height]], np.int64)
    tried = np.concatenate([whole, _candidates(height, width, aspect, step, tolerance)])
    scores = likeness(tried)
    best, score = tried[int(scores.argmax())], float(scores.max())
    for _ in range(rounds):
        before = best
        for side in range(4):
            moved = _moved(best, side, step, (width, height, width, height)[side])
            scores = likeness(moved)
            if scores.max() > score:
                best, score = moved[int(scores.argmax())], float(scores.max())
        if np.array_equal(best, before):
            break
    return best, score


def _candidates(height: int, width: int, aspect: float, step: int, tolerance: float) -> GridBoxes:
    """Returns (R, 4) boxes with sides at every `step` positions and nearly the aspect ratio."""
    x, y = (np.unique(np.append(np.arange(0, length, step), length)) for length in (width, height))
    x0, x1 = (side.ravel() for side in np.meshgrid(x, x, indexing="ij"))
    y0, y1 = (side.ravel() for side in np.meshgrid(y, y, indexing="ij"))
    across, down = np.stack([x0, x1], axis=1)[x0 < x1], np.stack([y0, y1], axis=1)[y0 < y1]
    i, j = (place.ravel() for place in np.meshgrid(np.arange(len(across)), np.arange(len(down)), indexing="ij"))
    boxes = np.stack([across[i, 0], down[j, 0], across[i, 1], down[j, 1]], axis=1).astype(np.int64)
    ratio = (boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1]) / aspect
    return boxes[np.maximum(ratio, 1.0 / ratio) <= tolerance]


def _moved(box: Int64, side: int, step: int, limit: int) -> GridBoxes:
    """Returns boxes with one side moved by up to `step`, the box itself among them."""
    moves = np.repeat(box[None], 2 * step + 1, axis=0)
    moves[:, side] += np.arange(-step, step + 1)
    opposite = box[(side + 2) % 4]
    inside = (moves[:, side] >= 0) & (moves[:, side] <= limit)
    inside &= moves[:, side] < opposite if side < 2 else moves[:, side] > opposite
    return moves[inside]
