"""The scores of unrelated images: the ranking of a query is mostly of these, and says itself what is ordinary for it.

Above a high level the scores of unrelated images fall off as an exponential does, whatever the method (the excesses
over a threshold of Pickands, Statistical inference using extreme order statistics, Annals of Statistics 3(1), 1975,
with shape 0). So the expected number of unrelated images that reach a score can be told from two numbers, and means
the same for every method, query and size of collection.

How fast they fall off is estimated from a few images where a collection is small. A score that is far out by an
estimate from eight spacings is less surprising than by one from hundreds: the estimate may be too small by half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from resight.arrays import Array, Float64

DEPTH = 1000
"""Images of a ranking that are looked at, at most."""
SHARE = 4
"""A quarter of a collection is its tail."""
WHOLE = 64
"""A collection of so few is all tail: a quarter of it would be too few to tell by, and all of them matches."""
FEWEST = 8
"""A tail of fewer images says nothing."""
SURPRISE = 100.0
"""Largest decimal logarithm: no tail is known so far out that larger ones would differ."""


@dataclass(frozen=True)
class Background:
    """The tail of one ranking.

    size: images in it; level: the score of its last; scale: over which they fall by e; spacings: how many that scale
    was estimated from.
    """

    size: int
    level: float
    scale: float
    spacings: int

    def surprise(self, scores: Array) -> Float64:
        """Returns (n,) minus the decimal logarithm of how many unrelated images should reach each score.

        0 is what the best of the unrelated reaches. Within -log10(size) and `SURPRISE`; 0 everywhere where the tail is
        too small to say anything. The same for a * scores + b as for scores, where the tail is of such.

        Source: the predictive distribution of an exponential whose scale is the mean of m observations: one more
        exceeds x of these scales with probability (1 + x / m)^-m (Aitchison and Dunsmore, Statistical prediction
        analysis, 1975, section 2.3), and exp(-x) only where m is large.
        """
        given = np.asarray(scores, np.float64)
        if self.size < FEWEST:
            return np.zeros(len(given))
        above = given - self.level
        # Where all of the tail ties, what is above is beyond all of it.
        excess = above / self.scale if self.scale > 0 else np.where(above > 0, np.inf, 0.0)
        rarity = self.spacings * np.log1p(np.clip(excess, 0.0, np.inf) / self.spacings) / math.log(10)
        return np.asarray((rarity - math.log10(self.size)).clip(max=SURPRISE), np.float64)


def background(scores: Array, images: int) -> Background:
    """Returns the tail of a ranking. scores: (n,) descending, of the best n; images: how many could have been ranked.

    What was not ranked, though there was room for it, counts as ranked with the least of these scores, or with 0 where
    that is less.

    Notes: the scale is the mean of the scaled spacings i (s_i - s_{i+1}) of order statistics (Renyi, 1953) over the
    lower half of the tail: matches, which are at the top, do not reach there. They raise the ranks of the others, and
    with them the scale, so that many matches make all scores less surprising, never more.
    """
    size = min(DEPTH, max(images // SHARE, min(images, WHOLE)))
    if size < FEWEST:
        return Background(0, 0.0, 0.0, 0)
    given = np.asarray(scores[:size], np.float64)
    tail = np.full(size, min(0.0, given[-1]) if len(given) else 0.0)
    tail[: len(given)] = given
    ranks = np.arange(size // 2, size)
    spacings = ranks * (tail[ranks - 1] - tail[ranks])
    return Background(size, float(tail[size - 1]), float(spacings.mean()), len(spacings))
