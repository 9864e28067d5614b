"""The inliers that chance would give, and the worth of those of a match beyond that.

The a-contrario reasoning of Moisan and Stival: A probabilistic criterion to detect rigid point matches between two
images and estimate the fundamental matrix, IJCV 57(3), 2004: evidence counts by how many matches as good are expected
among correspondences that have nothing in common.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from resight.rerank.geometry import SpatialMatch
from resight.rerank.hypotheses import FRAME_NOISE, Gates
from resight.rerank.refinement import Model

# Correspondences that a model can be made to pass through.
FREE: dict[Model, int] = {"similarity": 2, "affine": 3, "homography": 4}


@dataclass(frozen=True)
class Chance:
    """Probability that a correspondence without meaning agrees.

    near: with a given transform, within the tolerance. wide: with the frame of another, within what that one allows.
    """

    near: float
    wide: float


def chance(size: tuple[int, int], tolerance: float, gates: Gates) -> Chance:
    """Chances in an image of `size` (width, height), tolerance in its pixels, for positions and turns that are uniform.

    Notes: scales are taken to agree always, which makes both an upper bound. A frame reaches half of the
    short side, where its tolerance is `FRAME_NOISE` of that.
    """
    turned = min(gates.angle / math.pi, 1.0)
    area = size[0] * size[1]
    spread = (float(FRAME_NOISE) * min(size) / 2) ** 2 + tolerance**2
    return Chance(
        min(math.pi * tolerance**2 / area, 1.0) * turned,
        min(math.pi * spread / area, 1.0) * turned,
    )


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _log_tail(n: int, k: int, p: float) -> float:
    """Returns the logarithm of an upper bound of the probability of k or more successes in n trials.

    The bound is tight where it is small.
    """
    if k <= 0 or p >= 1:
        return 0.0
    if k > n:
        return -math.inf
    first = _log_choose(n, k) + k * math.log(p) + (n - k) * math.log1p(-p)
    # Successive terms fall at least as fast as a geometric series.
    ratio = (n - k) * p / ((k + 1) * (1 - p))
    return min(0.0, first - math.log1p(-ratio)) if ratio < 1 else 0.0


def log_false_alarms(n: int, inliers: int, given: Chance, model: Model = "homography") -> float:
    """Returns the decimal logarithm of how many matches with so many inliers chance should give.

    They are expected among n correspondences.

    Source: Moisan and Stival, IJCV 2004, section 4, with the hypotheses of fast spatial matching in place of samples.

    Notes: there are n hypotheses of one correspondence each. Polishing lets the model bend to the others that it can
    pass through, which are drawn from those that agree with the frame in the wide sense; what remains agrees by `near`.
    """
    if inliers < 1 or n < 1:
        return math.log10(max(n, 1))
    bent = min(FREE[model], inliers) - 1
    free = _log_choose(n - 1, min(bent, n - 1)) + bent * math.log(given.wide)
    # Fewer than one choice is not a bonus but a model that was not bent.
    total = math.log(n) + max(free, 0.0) + _log_tail(n - 1 - bent, inliers - 1 - bent, given.near)
    return total / math.log(10)


@lru_cache(maxsize=4096)
def least_inliers(n: int, given: Chance, model: Model = "homography", false_alarms: float = 0.01) -> int:
    """Returns the fewest inliers, at least 4, that chance gives less often than `false_alarms` times an image pair."""
    least = 4
    while least < n and log_false_alarms(n, least, given, model) > math.log10(false_alarms):
        least += 1
    return least


def score_above_chance(match: SpatialMatch, n: int, given: Chance, model: Model = "homography") -> float:
    """Returns the score of a match less the share that chance would give: 0 where chance alone reaches its inliers."""
    expected = least_inliers(n, given, model, 1.0) - 1
    return match.score * max(0.0, 1.0 - expected / max(match.count, 1))
