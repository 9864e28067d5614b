"""The correspondences that follow a transform, each feature once; a check that they determine one at all."""

from __future__ import annotations

import numpy as np

from resight.arrays import Float32, Float64, Intp, Transform, UInt64
from resight.kernels.compiling import kernel
from resight.rerank.fitting import SIMILARITY, moments
from resight.rerank.hypotheses import LARGEST_SCALE

Limits = tuple[float, float, float, float]

# Correspondences that a model is fitted to at least. Two determine a similarity, three an affine map, four a
# homography: it must be held by two or three more, or it follows whatever there is.
LEAST = (4, 5, 7)
# Beyond a foreshortening of 6 (80 degrees off the normal) nothing is recognised.
LARGEST_ASPECT = 6.0


@kernel(error_model="numpy")
def transfer_errors(h: Transform, columns: Float64, limits: Limits, errors: Float64) -> None:
    """Squared symmetric transfer error of every correspondence in units of the tolerances, infinite past a gate.

    columns: (9, n) positions x, y in query and image, cosine and sine of the angle in query and image, squared ratio of
    scales. limits: squared tolerances in query and image, squared scale gate, cosine of the angle gate.
    """
    i00, i01, i02 = h[1, 1] - h[1, 2] * h[2, 1], h[0, 2] * h[2, 1] - h[0, 1], h[0, 1] * h[1, 2] - h[0, 2] * h[1, 1]
    i10, i11, i12 = h[1, 2] * h[2, 0] - h[1, 0], h[0, 0] - h[0, 2] * h[2, 0], h[0, 2] * h[1, 0] - h[0, 0] * h[1, 2]
    i20, i21 = h[1, 0] * h[2, 1] - h[1, 1] * h[2, 0], h[0, 1] * h[2, 0] - h[0, 0] * h[2, 1]
    i22 = h[0, 0] * h[1, 1] - h[0, 1] * h[1, 0]
    det = h[0, 0] * i00 + h[0, 1] * i10 + h[0, 2] * i20
    for i in range(columns.shape[1]):
        x, y, u, v = columns[0, i], columns[1, i], columns[2, i], columns[3, i]
        w = 1.0 / (h[2, 0] * x + h[2, 1] * y + 1.0)
        fx, fy = (h[0, 0] * x + h[0, 1] * y + h[0, 2]) * w, (h[1, 0] * x + h[1, 1] * y + h[1, 2]) * w
        z = 1.0 / (i20 * u + i21 * v + i22)
        bx, by = (i00 * u + i01 * v + i02) * z - x, (i10 * u + i11 * v + i12) * z - y
        error = max(((fx - u) ** 2 + (fy - v) ** 2) / limits[1], (bx * bx + by * by) / limits[0])
        # Area and turn are those of the Jacobian at the point.
        area = det * w * w * w
        scaled = (area <= columns[8, i] * limits[2]) & (area * limits[2] >= columns[8, i])
        cos, sin = columns[4, i], columns[5, i]
        jx = (h[0, 0] - fx * h[2, 0]) * cos + (h[0, 1] - fx * h[2, 1]) * sin
        jy = (h[1, 0] - fy * h[2, 0]) * cos + (h[1, 1] - fy * h[2, 1]) * sin
        turned = jx * columns[6, i] + jy * columns[7, i] >= limits[3] * np.sqrt(jx * jx + jy * jy)
        errors[i] = error if (w > 0) & scaled & turned else np.inf


@kernel(error_model="numpy")
def one_to_one(errors: Float64, factor: float, growth: float, squares: Float64, places: tuple[Intp, Intp]) -> Intp:
    """Ascending rows within the tolerance that are the closest at their place in the query and at that in the image.

    errors: (n,) squared, in tolerances. The tolerance is factor^2 + growth^2 squares; squares: (n,), in tolerances too.
    """
    n = len(errors)
    near = np.empty(n, np.intp)
    found = 0
    for i in range(n):
        near[found] = i
        found += errors[i] <= factor * factor + growth * growth * squares[i]
    closest = np.empty((2, n), np.intp)
    for side in range(2):
        for j in range(found):
            closest[side, places[side][near[j]]] = -1
        for j in range(found):
            place = places[side][near[j]]
            rival = closest[side, place]
            if rival < 0 or errors[near[j]] < errors[rival]:
                closest[side, place] = near[j]
    kept = 0
    for j in range(found):
        i = near[j]
        near[kept] = i
        kept += closest[0, places[0][i]] == i and closest[1, places[1][i]] == i
    return near[:kept]


@kernel(error_model="numpy")
def determined(kind: int, points: Float64, rows: Intp, limits: Limits) -> bool:
    """Returns whether rows are enough for a kind of model, and spread beyond the tolerance in both images."""
    if len(rows) < LEAST[kind]:
        return False
    for side in range(2):
        _, _, xx, xy, yy = moments(points, rows, 2 * side)
        half = np.sqrt((xx - yy) * (xx - yy) / 4 + xy * xy)
        # Variance along the main direction for a similarity, across it for what has an axis to determine there.
        variance = (xx + yy) / 2 + (half if kind == SIMILARITY else -half)
        if variance < limits[side]:
            return False
    return True


@kernel(error_model="numpy")
def plausible(h: Transform, x: float, y: float) -> bool:
    """Returns whether a transform mirrors nothing at (x, y) and neither shrinks, enlarges nor flattens it absurdly."""
    w = h[2, 0] * x + h[2, 1] * y + h[2, 2]
    if not (h[2, 2] > 0 and w > 0):
        return False
    u, v = (h[0, 0] * x + h[0, 1] * y + h[0, 2]) / w, (h[1, 0] * x + h[1, 1] * y + h[1, 2]) / w
    a, b, c, d = h[0, 0] - u * h[2, 0], h[0, 1] - u * h[2, 1], h[1, 0] - v * h[2, 0], h[1, 1] - v * h[2, 1]
    area = (a * d - b * c) / (w * w)
    size = (a * a + b * b + c * c + d * d) / (w * w)
    # The sum of squared singular values over their product is r + 1 / r for an aspect of r.
    return bool(LARGEST_SCALE**-2 <= area <= LARGEST_SCALE**2 and size <= (LARGEST_ASPECT + 1 / LARGEST_ASPECT) * area)


@kernel()
def _first_equal(keys: UInt64) -> Intp:
    """Returns for each key the row of the first that equals it, by hashing with linear probing."""
    n = len(keys)
    bits = 1
    while (1 << bits) < 2 * n:
        bits += 1
    slots = np.full(1 << bits, -1, np.intp)
    first = np.empty(n, np.intp)
    for i in range(n):
        # Multiplicative hashing by the golden ratio (Knuth, volume 3, 6.4): the upper bits are well mixed.
        slot = np.intp((keys[i] * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits))
        while slots[slot] >= 0 and keys[slots[slot]] != keys[i]:
            slot = (slot + 1) & ((1 << bits) - 1)
        if slots[slot] < 0:
            slots[slot] = i
        first[i] = slots[slot]
    return first


def places(xy: Float32) -> Intp:
    """Returns (n,) the place of each of (n, 2) positions: the first row that has the same position."""
    # Adding 0 makes -0 into 0, so that equal positions are equal bits.
    return np.asarray(_first_equal((np.ascontiguousarray(xy) + np.float32(0)).view(np.uint64)[:, 0]), np.intp)
