"""Uncertainty of a mean over queries, and whether two runs differ by more than the choice of queries explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, stdtrit

from resight.arrays import Float64

_DRAWN = 4_000_000  # values in memory at a time
_TIE = 1e-12  # sums of the same numbers in another order differ by less than this relative amount


@dataclass(frozen=True)
class PairedTest:
    """Comparison of two runs over the same queries.

    difference: mean of a - b. interval: its 95 % bootstrap interval. p_value: in (0, 1], two-sided, of no difference.
    wins, losses, ties: number of queries where a is higher, lower, the same.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    wins: int
    losses: int
    ties: int


def bootstrap_interval(
    values: ArrayLike, *, seed: int = 0, level: float = 0.95, samples: int = 10_000
) -> tuple[float, float]:
    """Returns the interval that holds the mean over all queries of this kind with probability `level`.

    values: (n,) one figure for each query, NaN is ignored. Fewer than two queries give NaN, NaN. Raises ValueError for
    a level outside (0, 1), no samples, or values that are not one row of finite numbers and NaN.

    Source: Efron, Better bootstrap confidence intervals, JASA 82 (1987), bias-corrected and accelerated (BCa), with
    the levels widened as Hesterberg, What teachers should know about the bootstrap, The American Statistician 69
    (2015) widens those of the percentile interval for small n.

    Notes: chosen by how often 95 % intervals hold the true mean, of 1500 simulated sets of n = 5, 10, 20, 55. AP spread
    over [0, 1] with 30 % of ones: percentile 0.86, 0.92, 0.92, 0.93, BCa 0.89, 0.96, 0.94, 0.94, widened BCa 0.93,
    0.98, 0.97, 0.96. Mostly low AP: percentile 0.76, 0.86, 0.92, 0.93, BCa 0.79, 0.89, 0.94, 0.94, widened 0.86, 0.92,
    0.95, 0.95. 75 % of ones: percentile 0.66, 0.81, 0.89, 0.94, BCa 0.69, 0.85, 0.92, 0.96, widened 0.71, 0.87, 0.94,
    0.96. Queries that all have the same value give an interval of zero width, which no resampling can correct.
    """
    if not 0 < level < 1 or samples < 1:
        raise ValueError(f"an interval needs a level in (0, 1) and samples, not {level} and {samples}")
    values = _row(values)
    values = values[~np.isnan(values)]
    n = len(values)
    if n < 2:
        return np.nan, np.nan
    if values.min() == values.max():
        return float(values[0]), float(values[0])
    means = np.sort(_resampled_means(values, samples, np.random.default_rng(seed)))
    mean = values.mean()
    tie = _TIE * np.abs(values).max()
    below = float(np.searchsorted(means, (mean - tie, mean + tie)).mean()) / samples
    bias = ndtri(np.clip(below, 1 / samples, 1 - 1 / samples))
    deviations = (values - mean) / np.abs(values - mean).max()  # scaled so that no cube underflows
    acceleration = np.sum(deviations**3) / (6 * np.sum(deviations**2) ** 1.5)
    wide = np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 + level) / 2)
    moved = bias + np.array([-wide, wide])
    # Past the pole, which takes few values and a level near 1, use the outermost mean as the end of the interval.
    low, high = np.quantile(means, ndtr(bias + moved / np.maximum(1 - acceleration * moved, 1e-9)))
    return float(low), float(high)


def _row(values: ArrayLike) -> Float64:
    """Returns (n,) figures of queries from an array or a list.

    Raises ValueError where they are not one row, or infinite.
    """
    row = np.asarray(values, np.float64)
    if row.ndim != 1 or np.isinf(row).any():
        raise ValueError("figures of queries are one row of finite numbers, NaN where a query has none")
    return row


def _resampled_means(values: Float64, samples: int, rng: np.random.Generator) -> Float64:
    """Returns (samples,) means of len(values) values each, drawn with replacement."""
    n = len(values)
    distinct, counts = np.unique(values, return_counts=True)
    # A figure that is 0 or 1 for each of 60,000 queries is drawn by counts, not one query at a time.
    if 8 * len(distinct) < n:
        blocks = (rng.multinomial(n, counts / n, size) @ distinct for size in _blocks(samples, len(distinct)))
    else:
        blocks = (values[rng.integers(n, size=(size, n), dtype=np.uint32)].sum(axis=1) for size in _blocks(samples, n))
    return np.concatenate(list(blocks)) / n


def _blocks(samples: int, width: int) -> list[int]:
    """Returns the sizes of the blocks in which `samples` rows of `width` are drawn."""
    size = max(1, _DRAWN // width)
    return [min(size, samples - start) for start in range(0, samples, size)]


def paired_test(a: ArrayLike, b: ArrayLike, *, seed: int = 0, samples: int = 10_000) -> PairedTest:
    """Tests whether the means of two runs over the same queries differ: randomisation test by flipping signs.

    a, b: (n,) one figure for each query; NaN, which a query without positives has in both, is ignored. If the runs were
    equally good, each query's difference could as well have the other sign: the p-value is the share of all choices of
    signs whose mean difference is at least as great in either direction. Where there are at most `samples` choices all
    are counted; otherwise `samples` are drawn, and the observed one is counted with them. Raises ValueError where a and
    b are of different lengths, or NaN for different queries.

    Source: Smucker, Allan and Carterette, A comparison of statistical significance tests for information retrieval
    evaluation, CIKM 2007 (Fisher's randomisation test); counting the observed choice: Phipson and Smyth, Permutation
    p-values should never be zero, 2010.
    """
    a, b = _row(a), _row(b)
    if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)):
        raise ValueError("a paired test needs two figures for each query: the runs have different queries")
    differences = (a - b)[~np.isnan(a)]
    differing = differences[differences != 0]
    # Draw for a fixed sign whichever run comes first, so that exchanging the two only reverses the interval.
    turned = len(differing) > 0 and differing[0] < 0
    low, high = bootstrap_interval(-differences if turned else differences, seed=seed, samples=samples)
    return PairedTest(
        difference=float(differences.mean()) if len(differences) else np.nan,
        interval=(-high, -low) if turned else (low, high),
        p_value=_sign_flip_p_value(
            np.abs(differing), abs(float(differing.sum())), samples, np.random.default_rng(seed)
        ),
        wins=int(np.sum(differences > 0)),
        losses=int(np.sum(differences < 0)),
        ties=int(np.sum(differences == 0)),
    )


def _sign_flip_p_value(sizes: Float64, observed: float, samples: int, rng: np.random.Generator) -> float:
    """Returns the share of sign choices of these absolute differences with a sum at least as far from 0 as observed."""
    n = len(sizes)
    least = observed - _TIE * float(sizes.sum())
    if 2**n <= samples:
        sums = np.zeros(1)
        for size in sizes:
            sums = np.concatenate([sums - size, sums + size])
        return float(np.mean(np.abs(sums) >= least))
    extreme = 0
    for size in _blocks(samples, n):
        flipped = np.unpackbits(np.frombuffer(rng.bytes(size * -(-n // 8)), np.uint8).reshape(size, -1), axis=1)[:, :n]
        extreme += int(np.sum(np.abs(2 * (flipped @ sizes) - sizes.sum()) >= least))
    return (extreme + 1) / (samples + 1)
