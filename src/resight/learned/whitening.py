"""Whitening of descriptors: by principal components, with a power and shrinkage, or learned from matching pairs.

Descriptors are (n, d), one row for each image or region. Fits are in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resight.arrays import Array, Arrays, Float32, Float64, Floating, Integer
from resight.errors import FitError
from resight.learned.kinds import FULL, Stored

FLOOR = 1e-10
"""Least variance of a direction that counts, relative to the greatest."""
POWER_ON_COLLECTION = 0.35
"""A power for recipes that are fitted on the photos that are searched: ours, of no paper. Content that many of them
share is a direction of great variance, and a power of 1 removes it: mAP was up to 0.9 lower than without whitening. In
collections of 100 to 2900 photos of three kinds, with GeM and R-MAC, mAP with a power of 0.35 was at worst 0.005 below
that without whitening, with 0.5 at worst 0.016, and with 0.25, which does little more than subtract the mean, 0.011."""
VECTORS = "vectors."
"""Prefix of the arrays that whiten whole vectors, where the parts of the vectors are fitted too."""
BLOCK = 16_384
FEW = 3
"""With fewer than 1 / 3 as many rows as dimensions, singular values of the rows are faster to compute than eigenvalues
of their covariance."""


@dataclass(frozen=True)
class Whitening:
    """An affine map followed by L2 normalisation.

    mean: (d,); projection: (r, d), rows in descending order of importance; float32.
    """

    mean: Float32
    projection: Float32

    @property
    def dimensions(self) -> int:
        """Length of a whitened descriptor."""
        return len(self.projection)

    @property
    def bias(self) -> Float32:
        """The bias (r,) -P m: with the projection as weight, it makes a linear layer."""
        return np.asarray(-(self.projection.astype(np.float64) @ self.mean), np.float32)

    def apply(self, x: Floating) -> Float32:
        """Returns (n, r) L2-normalised P (x - m) of descriptors (n, d). Raises FitError as `projected`."""
        whitened = self.projected(x)
        norms = np.linalg.norm(whitened, axis=1, keepdims=True)
        return np.asarray(whitened / np.maximum(norms, np.finfo(np.float32).tiny), np.float32)

    def projected(self, x: Floating) -> Float32:
        """Returns (n, r) P (x - m) of descriptors (n, d). Raises FitError where their dimension differs."""
        if x.ndim != 2 or x.shape[1] != len(self.mean):
            raise FitError(
                f"a whitening fitted on {len(self.mean)} dimensions is asked to whiten descriptors of shape {x.shape}; "
                "fit it on descriptors of the same network, layer and pooling"
            )
        # Centre first: where the mean dominates a descriptor, P x - P m would lose digits.
        return np.asarray((np.asarray(x, np.float32) - self.mean) @ self.projection.T, np.float32)

    def reduced(self, dimensions: int) -> Whitening:
        """Returns the whitening to the first `dimensions` only."""
        if not 1 <= dimensions <= self.dimensions:
            raise FitError(f"a whitening to {self.dimensions} dimensions cannot be reduced to {dimensions}")
        return Whitening(self.mean, self.projection[:dimensions])


def fit_pca_whitening(
    x: Floating, dimensions: int, *, power: float = FULL, shrinkage: float | None = None
) -> Whitening:
    """Fits a whitening by the principal components of `x` (n, d), n > 1, to at most `dimensions`.

    power: variances are raised to -power / 2: 1 whitens fully, 0 only rotates. shrinkage: in [0, 1], the fraction by
    which variances move to their mean; None stands for d / (d + n). Without shrinkage (0), `dimensions` is lowered to
    the rank of the data, at most n - 1. With shrinkage, directions in which the data have no variance are used too,
    with the variance that shrinkage gives them, because descriptors of other photos vary in them. Raises FitError where
    there are fewer than two rows, or all of them are equal.

    Source: Jegou & Chum, "Negative evidences and co-occurrences in image retrieval", ECCV 2012, section 4.1; the power
    as in the code of Gordo et al., IJCV 2017 (whose exponent is power / 2) and of Tolias, Jenicek & Chum, ECCV 2020.
    Shrinkage towards a multiple of the identity: Ledoit & Wolf, "A well-conditioned estimator for large-dimensional
    covariance matrices", Journal of Multivariate Analysis 2004, section 2.

    Notes: shrinkage by d / (d + n) is equivalent to adding d rows of equal variance in all directions to the n rows.
    Ledoit and Wolf's own estimate of the best shrinkage is lower and does not suffice here: it is the best for the
    covariance, while whitening needs its inverse.
    """
    d = x.shape[1]
    rho = d / (d + len(x)) if shrinkage is None else shrinkage
    if dimensions < 1 or power < 0.0 or not 0.0 <= rho <= 1.0:
        raise FitError(f"there is no whitening to {dimensions} dimensions of power {power} and shrinkage {rho}")
    mean, values, components = _principal(x)
    rank = int(np.count_nonzero(values > FLOOR * values[0]))
    if rank == 0:
        raise FitError(f"{len(x)} descriptors that are all alike cannot be whitened; give more photos to fit on")
    wanted = min(dimensions, d)
    if rho > 0.0:
        # The mean of all d variances, including those that are zero: n rows span n - 1 directions.
        shrunk = (1.0 - rho) * np.maximum(values, 0.0) + rho * float(values.sum()) / d
        components = _completed(components[: min(rank, wanted)], wanted)
    else:
        shrunk, components = values, components[: min(rank, wanted)]
    projection = components / shrunk[: len(components), None] ** (power / 2.0)
    return Whitening(np.asarray(mean, np.float32), np.ascontiguousarray(projection, np.float32))


def fit_learned_whitening(
    x: Floating, queries: Integer, positives: Integer, dimensions: int, *, shrinkage: float = 0.0
) -> Whitening:
    """Fits a whitening that brings matching pairs together: whitens their differences, then rotates all `x` (n, d).

    queries, positives: (pairs,) rows of `x`; equal positions form matching pairs. shrinkage: in [0, 1], the fraction by
    which the covariance of the differences moves to a multiple of the identity, for pairs that are few. Raises FitError
    where there are no pairs, or all of them are equal.

    Source: Mikolajczyk & Matas, "Improving descriptors for fast tree matching by optimal linear projection", ICCV 2007;
    as in Radenovic, Tolias & Chum, TPAMI 2019, section 3.4 and code: the mean is that of the queries alone, the
    rotation uses all rows.

    Notes: where the pairs span too few directions, a ridge is added to their covariance, 1e-10 and ten times more until
    it can be inverted; it is relative to the mean variance, so that it does not depend on the scale of `x`.
    """
    if len(queries) == 0 or len(queries) != len(positives):
        raise FitError(f"{len(queries)} queries and {len(positives)} positives are no matching pairs to fit on")
    rows = np.asarray(x, np.float64)
    mean = rows[queries].mean(axis=0)
    difference = rows[queries] - rows[positives]
    inner = difference.T @ difference / len(difference)
    if not np.trace(inner) > 0.0:
        raise FitError("the descriptors of all matching pairs are equal; give pairs of different photos")
    inner = (1.0 - shrinkage) * inner + shrinkage * float(np.trace(inner)) / len(inner) * np.eye(len(inner))
    whiten_pairs = np.linalg.inv(_cholesky(inner))
    scattered = (rows - mean) @ whiten_pairs.T
    _, turn = _eigen(scattered.T @ scattered)
    projection = (turn @ whiten_pairs)[: min(dimensions, x.shape[1])]
    return Whitening(np.asarray(mean, np.float32), np.ascontiguousarray(projection, np.float32))


def to_arrays(whitening: Whitening, prefix: str = "", *, stored: Stored = "int8") -> dict[str, Array]:
    """Returns the whitening for storage: "int8", one byte a number, each row with a float32 step; "float32", exact.

    Names begin with `prefix`.

    Notes: "int8" is ours. Similarities of real descriptors change by 0.006 at most, and mean average precision by less
    than 0.001, where half as many dimensions of twice the precision cost a point or more. The error grows with the
    number of dimensions that one row mixes: synthetic spectra reach 0.03, so recipes of papers keep "float32".
    """
    rows: Array
    if stored == "float32":
        scale, rows = np.ones(whitening.dimensions, np.float32), whitening.projection
    else:
        scale = np.maximum(np.abs(whitening.projection).max(axis=1), np.finfo(np.float32).tiny) / 127.0
        rows = np.rint(whitening.projection / scale[:, None]).astype(np.int8)
    parts = {"mean": whitening.mean, "projection": rows, "scale": scale.astype(np.float32)}
    return {f"{prefix}{name}": array for name, array in parts.items()}


def from_arrays(arrays: Arrays, prefix: str = "") -> Whitening:
    """Restores a whitening from `to_arrays`. Raises FitError where an array is missing or shapes do not match."""
    names = {name: f"{prefix}{name}" for name in ("mean", "projection", "scale")}
    missing = set(names.values()) - arrays.keys()
    if missing:
        raise FitError(f"a whitening needs {', '.join(sorted(missing))}; fit it again")
    mean, rows, scale = (np.asarray(arrays[name], np.float32) for name in names.values())
    if mean.ndim != 1 or rows.shape != (len(scale), len(mean)) or scale.ndim != 1:
        raise FitError(f"a whitening's mean {mean.shape}, projection {rows.shape} and scale {scale.shape} do not match")
    return Whitening(mean, rows * scale[:, None])


def _principal(x: Floating) -> tuple[Float64, Float64, Float64]:
    """Returns mean (d,), variances (d,) in descending order and the principal components with variance as rows."""
    if x.ndim != 2 or len(x) < 2:
        raise FitError(f"a whitening needs at least two descriptors, not {len(x)}; give more photos to fit on")
    if not np.isfinite(x).all():
        raise FitError("not all descriptors to fit a whitening on are finite")
    n, d = x.shape
    mean = x.mean(axis=0, dtype=np.float64)
    if n * FEW < d:
        _, sigmas, rows = np.linalg.svd(x - mean, full_matrices=False)
        values = np.zeros(d)
        values[:n] = sigmas**2 / n
        return mean, values, _signed(rows)
    return mean, *_eigen(_covariance(x, mean))


def _covariance(x: Floating, mean: Float64) -> Float64:
    """Returns the covariance (d, d), divided by n."""
    covariance = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), BLOCK):
        centred = x[start : start + BLOCK] - mean
        covariance += centred.T @ centred
    return covariance / len(x)


def _eigen(symmetric: Float64) -> tuple[Float64, Float64]:
    """Returns eigenvalues in descending order, and eigenvectors as rows."""
    values, vectors = np.linalg.eigh((symmetric + symmetric.T) / 2.0)
    return np.asarray(values[::-1], np.float64), _signed(np.asarray(vectors.T[::-1], np.float64))


def _signed(rows: Float64) -> Float64:
    """Flips the sign of rows so that the largest entry is positive, independent of the linear algebra library."""
    signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])
    return np.asarray(rows * signs[:, None], np.float64)


def _completed(rows: Float64, count: int) -> Float64:
    """Completes orthonormal `rows` (k, d) to (count, d) orthonormal rows.

    Any choice of such directions preserves inner products equally well; this one is always the same.
    """
    if len(rows) == count:
        return rows
    more = np.random.default_rng(0).standard_normal((count - len(rows), rows.shape[1]))
    for _ in range(2):  # once leaves a rounding error
        more -= (more @ rows.T) @ rows
    q, r = np.linalg.qr(more.T)
    return np.concatenate([rows, (q * np.sign(np.diagonal(r))).T])


def _cholesky(covariance: Float64) -> Float64:
    scale = float(np.trace(covariance)) / len(covariance)
    ridge = 0.0
    while True:
        try:
            return np.asarray(np.linalg.cholesky(covariance + ridge * scale * np.eye(len(covariance))), np.float64)
        except np.linalg.LinAlgError:
            ridge = max(ridge * 10.0, 1e-10)
