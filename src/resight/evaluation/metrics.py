"""How good a ranking is, given the images that should be in it. Nothing here knows of photos or of an index.

A ranking lists images best first, by name or by id, each once. `positives` should be found; `junk` is neither good nor
bad and is taken out of the ranking before anything is counted; everything else is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def positions(
    ranking: Sequence[Hashable], positives: Collection[Hashable], junk: Collection[Hashable] = ()
) -> NDArray[np.int64]:
    """0-based positions of the positives found, ascending, in the ranking without its junk.

    Raises ValueError where an image is ranked twice or is both positive and junk.
    """
    wanted, ignored = set(positives), set(junk)
    if wanted & ignored:
        raise ValueError(f"{min(map(str, wanted & ignored))} is both positive and junk")
    if len(set(ranking)) != len(ranking):
        raise ValueError("the ranking lists an image twice")
    kept = (image for image in ranking if image not in ignored)
    return np.fromiter((position for position, image in enumerate(kept) if image in wanted), np.int64)


def oxford_ap(ranking: Sequence[Hashable], positives: Collection[Hashable], junk: Collection[Hashable] = ()) -> float:
    """Average precision in [0, 1] as the area below the precision-recall curve, by trapezoids; NaN without positives.

    Divides by the number of all positives, found or not. With the j-th of n positives (j from 0) at 0-based position
    r: sum over j of (j / r + (j + 1) / (r + 1)) / 2n, where j / r is 1 for r = 0.

    Source: Philbin et al., Object retrieval with large vocabularies, CVPR 2007, section 3.1; the Oxford buildings
    evaluation program `compute_ap`. See `rectangle_ap` for the other number that goes by this name.
    """
    total = len(set(positives))
    found = positions(ranking, positives, junk)
    if total == 0:
        return float("nan")
    count = np.arange(len(found))
    before = np.where(found == 0, 1.0, count / np.maximum(found, 1))
    after = (count + 1) / (found + 1)
    return float(np.sum(before + after) / (2 * total))


def rectangle_ap(
    ranking: Sequence[Hashable], positives: Collection[Hashable], junk: Collection[Hashable] = ()
) -> float:
    """Average precision in [0, 1] as the mean of the precision at each positive; NaN without positives.

    Divides by the number of all positives, found or not. This is what the text-retrieval community (TREC) and most
    libraries call AP. It is never lower than `oxford_ap`, so the two must not stand in one table.
    """
    total = len(set(positives))
    found = positions(ranking, positives, junk)
    if total == 0:
        return float("nan")
    return float(np.sum(np.arange(1, len(found) + 1) / (found + 1)) / total)


def precision_at(
    k: int, ranking: Sequence[Hashable], positives: Collection[Hashable], junk: Collection[Hashable] = ()
) -> float:
    """The share of positives among the first `k` of the ranking without its junk; NaN without positives.

    Always divides by `k`, however few are ranked or could be found. Raises ValueError for k < 1.
    """
    if k < 1:
        raise ValueError(f"precision needs k of at least 1, not {k}")
    found = positions(ranking, positives, junk)
    return float(np.sum(found < k) / k) if len(positives) else float("nan")


def clipped_precision_at(
    k: int, ranking: Sequence[Hashable], positives: Collection[Hashable], junk: Collection[Hashable] = ()
) -> float:
    """Precision at min(k, 1-based position of the last positive found); 0 with none found, NaN without positives.

    Raises ValueError for k < 1.

    Source: Radenović et al., Revisiting Oxford and Paris, CVPR 2018, section 4 (mP@k), as its program computes it.

    Notes: that program fails where none of the positives is in the ranking; the value 0 is ours.
    """
    if k < 1:
        raise ValueError(f"precision needs k of at least 1, not {k}")
    found = positions(ranking, positives, junk)
    if not len(positives):
        return float("nan")
    if not len(found):
        return 0.0
    clipped = min(k, int(found[-1]) + 1)
    return float(np.sum(found < clipped) / clipped)


def mean_over_queries(values: Iterable[float]) -> float:
    """The mean over the queries that have positives, which are those whose value is not NaN; NaN where none has."""
    counted = [value for value in values if not np.isnan(value)]
    return float(np.mean(counted)) if counted else float("nan")
