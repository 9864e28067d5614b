"""Gaussian mixtures with diagonal covariances, and principal components for them, for Fisher vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32, Float64
from resight.errors import FitError
from resight.learned.codebook import fit_codebook

VARIANCE_FLOOR = 1e-3
"""Least variance of a component, relative to the variance of all data in the same dimension (at least 1e-9)."""
TOLERANCE = 1e-4
"""EM ends when the mean log-likelihood of a point grows by less."""
BLOCK = 16_384
"""Rows whose posteriors are in memory at once."""


@dataclass(frozen=True)
class Mixture:
    """A Gaussian mixture, diagonal covariances. weights: (k,) summing to 1; means, variances: (k, d); all float64."""

    weights: Float64
    means: Float64
    variances: Float64


@dataclass(frozen=True)
class Projection:
    """A projection to principal components. mean: (d,); components: (r, d), orthonormal rows, descending variance."""

    mean: Float32
    components: Float32

    def apply(self, x: Float32) -> Float32:
        """Returns (n, r) coordinates of `x` (n, d), not whitened."""
        return np.asarray((x - self.mean) @ self.components.T, np.float32)


def fit_pca(x: Float32, dimensions: int, floor: float = 1e-10) -> Projection:
    """Fits the `dimensions` directions of greatest variance of `x` (n, d). Raises FitError where the data span fewer.

    A direction counts when its variance is more than `floor` times the greatest. Each row's largest entry is positive,
    so that the result does not depend on the linear algebra library.
    """
    if len(x) == 0 or not 1 <= dimensions <= x.shape[1]:
        raise FitError(f"{dimensions} principal components cannot be fitted to data of shape {x.shape}")
    mean = x.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), BLOCK):
        centred = x[start : start + BLOCK] - mean
        covariance += centred.T @ centred
    values, vectors = np.linalg.eigh(covariance / len(x))
    values, components = values[::-1], vectors.T[::-1]
    rank = int(np.count_nonzero(values > floor * max(values[0], np.finfo(np.float64).tiny)))
    if rank < dimensions:
        raise FitError(
            f"{len(x)} points span {rank} dimensions, {dimensions} are asked for; give more photos to fit on"
        )
    kept = components[:dimensions]
    signs = np.sign(kept[np.arange(dimensions), np.abs(kept).argmax(axis=1)])
    return Projection(np.asarray(mean, np.float32), np.ascontiguousarray(kept * signs[:, None], np.float32))


def fit_mixture(x: Float32, k: int, seed: int, iterations: int = 100) -> Mixture:
    """Fits a mixture of `k` Gaussians to `x` (n, d) by expectation and maximisation.

    It starts from k-means (Bishop, "Pattern Recognition and Machine Learning", 2006, section 9.2.2).

    Raises FitError where there are fewer than 2 points per Gaussian.

    Notes: Variances have a floor (`VARIANCE_FLOOR`), without which a component can shrink onto one point.
    """
    if len(x) < 2 * k:
        raise FitError(f"{k} Gaussians need at least {2 * k} points, there are {len(x)}; give more photos to fit on")
    spread = x.var(axis=0, dtype=np.float64)
    floor = np.maximum(VARIANCE_FLOOR * spread, 1e-9)
    means = fit_codebook(x, k, seed).astype(np.float64)
    mixture = Mixture(np.full(k, 1.0 / k), means, np.tile(np.maximum(spread, floor), (k, 1)))
    before = -np.inf
    for _ in range(iterations):
        mixture, likelihood = _step(x, mixture, floor)
        if likelihood - before < TOLERANCE:
            break
        before = likelihood
    return mixture


def posteriors(x: Float32 | Float64, mixture: Mixture) -> Float64:
    """Returns (n, k) float64, the probability that each point of `x` (n, d) comes from each Gaussian; rows sum to 1.

    Sanchez et al., "Image classification with the Fisher vector", IJCV 2013, eq. 15.
    """
    joint = _log_joint(x, mixture)
    return np.asarray(np.exp(joint - _log_sum(joint)), np.float64)


def _step(x: Float32, mixture: Mixture, floor: Float64) -> tuple[Mixture, float]:
    """Makes one round of EM, and returns the mean log-likelihood before it."""
    k, d = mixture.means.shape
    counts, first, second, likelihood = np.zeros(k), np.zeros((k, d)), np.zeros((k, d)), 0.0
    for start in range(0, len(x), BLOCK):
        block = x[start : start + BLOCK].astype(np.float64)
        joint = _log_joint(block, mixture)
        log_sum = _log_sum(joint)
        share = np.exp(joint - log_sum)
        counts += share.sum(axis=0)
        first += share.T @ block
        second += share.T @ block**2
        likelihood += float(log_sum.sum())
    held = np.maximum(counts, np.finfo(np.float64).eps * 10)[:, None]
    means = first / held
    variances = np.maximum(second / held - means**2, floor)
    return Mixture(counts / counts.sum(), means, variances), likelihood / len(x)


def _log_joint(x: Float32 | Float64, mixture: Mixture) -> Float64:
    """Returns (n, k) log of weight times density, with the square expanded into two matrix products.

    Data and means are first shifted by the mean of the means: far from the origin the expansion would lose digits.
    """
    centre = mixture.weights @ mixture.means
    moved, means = np.asarray(x, np.float64) - centre, mixture.means - centre
    precision = 1.0 / mixture.variances
    squares = moved**2 @ precision.T - 2.0 * moved @ (means * precision).T + (means**2 * precision).sum(axis=1)
    constant = np.log(np.maximum(mixture.weights, np.finfo(np.float64).tiny)) - 0.5 * (
        np.log(2.0 * np.pi * mixture.variances).sum(axis=1)
    )
    return np.asarray(constant - 0.5 * squares, np.float64)


def _log_sum(joint: Float64) -> Float64:
    top = joint.max(axis=1, keepdims=True)
    return np.asarray(top + np.log(np.exp(joint - top).sum(axis=1, keepdims=True)), np.float64)
