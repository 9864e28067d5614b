"""Least-squares transforms through correspondences: similarity, affine, homography.

`points` is (4 or more, n) float64: x and y in the query, x and y in the image; `rows` selects columns. Every fit
answers a (3, 3) transform whose last entry is 1, or zeros where the points do not determine it. Kernels loop over
scalars, which compiles several times faster than array expressions and runs as fast.
"""

from __future__ import annotations

import numpy as np

from resight.arrays import Float64, Intp, Transform
from resight.kernels.compiling import kernel

SIMILARITY, AFFINE, HOMOGRAPHY = 0, 1, 2
# Pivots below this share of the largest are rounding, not evidence.
SINGULAR = 1e-10


@kernel(error_model="numpy")
def moments(points: Float64, rows: Intp, first: int) -> tuple[float, float, float, float, float]:
    """Means of x and y, and variances xx, xy, yy, of the two columns of points from `first` on."""
    x, y, xx, xy, yy = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in rows:
        x += points[first, i]
        y += points[first + 1, i]
    x, y = x / len(rows), y / len(rows)
    for i in rows:
        u, v = points[first, i] - x, points[first + 1, i] - y
        xx += u * u
        xy += u * v
        yy += v * v
    return x, y, xx / len(rows), xy / len(rows), yy / len(rows)


@kernel(error_model="numpy")
def _set_linear(h: Transform, a: float, b: float, c: float, d: float, means: tuple[float, float, float, float]) -> None:
    x, y, u, v = means
    h[0, 0], h[0, 1], h[0, 2] = a, b, u - a * x - b * y
    h[1, 0], h[1, 1], h[1, 2] = c, d, v - c * x - d * y
    h[2, 2] = 1.0


@kernel(error_model="numpy")
def fit_linear(kind: int, points: Float64, rows: Intp) -> Transform:
    """Returns the similarity or affine map with the least squared error in the image.

    Source: Umeyama, PAMI 1991, without mirrors.
    """
    h = np.zeros((3, 3))
    x, y, xx, xy, yy = moments(points, rows, 0)
    u, v, _, _, _ = moments(points, rows, 2)
    xu, xv, yu, yv = 0.0, 0.0, 0.0, 0.0
    for i in rows:
        du, dv = (points[2, i] - u) / len(rows), (points[3, i] - v) / len(rows)
        xu += (points[0, i] - x) * du
        xv += (points[0, i] - x) * dv
        yu += (points[1, i] - y) * du
        yv += (points[1, i] - y) * dv
    size, det = xx + yy, xx * yy - xy * xy
    if kind == SIMILARITY and size > 0:
        a, b = (xu + yv) / size, (xv - yu) / size
        _set_linear(h, a, -b, b, a, (x, y, u, v))
    if kind == AFFINE and det > SINGULAR * size * size:
        a, b = (xu * yy - yu * xy) / det, (yu * xx - xu * xy) / det
        c, d = (xv * yy - yv * xy) / det, (yv * xx - xv * xy) / det
        _set_linear(h, a, b, c, d, (x, y, u, v))
    return h


@kernel(error_model="numpy")
def _solve(a: Float64, b: Float64) -> bool:
    """Solves a x = b for positive definite a into b, by Cholesky in place; False where a is singular."""
    n = len(b)
    largest = 0.0
    for j in range(n):
        largest = max(largest, a[j, j])
    for j in range(n):
        for i in range(j, n):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            if i == j:
                if not a[j, j] > SINGULAR * largest:
                    return False
                a[j, j] = np.sqrt(a[j, j])
            else:
                a[i, j] /= a[j, j]
    for j in range(n):
        for k in range(j):
            b[j] -= a[j, k] * b[k]
        b[j] /= a[j, j]
    for j in range(n - 1, -1, -1):
        for k in range(j + 1, n):
            b[j] -= a[k, j] * b[k]
        b[j] /= a[j, j]
    return True


@kernel(error_model="numpy")
def _normal_equations(
    points: Float64, rows: Intp, before: Transform, frame: tuple[float, float, float, float, float, float]
) -> tuple[Float64, Float64]:
    """Returns normal equations of the eight unknowns of a homography, with points normalised by `frame`."""
    mx, my, mu, mv, query_size, image_size = frame
    # With m = (x, y, 1) the equations consist of the sums of m m' times 1, u, v and u u + v v.
    sums = np.zeros((4, 3, 3))
    m = np.ones(3)
    factors = np.empty(4)
    for i in rows:
        # Dividing by the denominator of the transform before turns the algebraic error into the transfer error.
        w = 1.0 / (before[2, 0] * points[0, i] + before[2, 1] * points[1, i] + before[2, 2]) ** 2
        m[0], m[1] = (points[0, i] - mx) / query_size, (points[1, i] - my) / query_size
        u, v = (points[2, i] - mu) / image_size, (points[3, i] - mv) / image_size
        factors[0], factors[1], factors[2], factors[3] = w, w * u, w * v, w * (u * u + v * v)
        for s in range(4):
            for j in range(3):
                for k in range(j + 1):
                    sums[s, j, k] += factors[s] * m[j] * m[k]
    a, b = np.zeros((8, 8)), np.zeros(8)
    for j in range(3):
        for k in range(3):
            high, low = max(j, k), min(j, k)
            a[j, k] = a[3 + j, 3 + k] = sums[0, high, low]
            if j < 2:
                a[6 + j, k], a[6 + j, 3 + k] = -sums[1, high, low], -sums[2, high, low]
                if k < 2:
                    a[6 + j, 6 + k] = sums[3, high, low]
        b[j], b[3 + j] = sums[1, 2, j], sums[2, 2, j]
    b[6], b[7] = -sums[3, 2, 0], -sums[3, 2, 1]
    return a, b


@kernel(error_model="numpy")
def fit_homography(points: Float64, rows: Intp, before: Transform) -> Transform:
    """Returns a homography with nearly the least squared error in the image.

    before: a transform that is nearly right already.

    Source: Hartley and Zisserman, Multiple View Geometry, 4.1 (direct linear transform) and 4.4.4 (normalised points).

    Notes: each error is weighted by its denominator in the transform before. An affine map has none: fit again.
    """
    h = np.zeros((3, 3))
    x, y, xx, _, yy = moments(points, rows, 0)
    u, v, uu, _, vv = moments(points, rows, 2)
    query_size, image_size = np.sqrt(xx + yy), np.sqrt(uu + vv)
    if not min(query_size, image_size) > 0:
        return h
    a, b = _normal_equations(points, rows, before, (x, y, u, v, query_size, image_size))
    if not _solve(a, b):
        return h
    for j in range(3):
        bottom = b[6 + j] if j < 2 else 1.0
        h[0, j], h[1, j], h[2, j] = image_size * b[j] + u * bottom, image_size * b[3 + j] + v * bottom, bottom
    for i in range(3):
        h[i, 0] /= query_size
        h[i, 1] /= query_size
        h[i, 2] -= h[i, 0] * x + h[i, 1] * y
    last = h[2, 2]
    for i in range(3):
        for j in range(3):
            # Where the origin is beyond the horizon the transform has no such form, and no photo shows it.
            h[i, j] = h[i, j] / last if last > 0 else 0.0
    return h


@kernel(error_model="numpy")
def fit(kind: int, points: Float64, rows: Intp, before: Transform) -> Transform:
    """Returns the transform of the given kind, near one that is nearly right already."""
    return fit_homography(points, rows, before) if kind == HOMOGRAPHY else fit_linear(kind, points, rows)
