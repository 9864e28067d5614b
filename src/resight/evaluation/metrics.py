"""Metrics of a ranking, from the positions of the positives in it. They need no photos and no index.

A ranking lists distinct images best first, by name or by id. Positives should be found; junk is neither right nor wrong
and is removed from the ranking before counting; every other image is wrong. `positions` and `positions_of_ids` turn a
ranking into `found`, the ascending 0-based positions of its positives without the junk; every metric takes `found` and
`total`, the number of positives, found or not, and is NaN where `total` is 0. Metrics raise ValueError where `found` is
not one row of distinct, ascending whole numbers from 0 on, where more positives were found than there are, and where k
is not a whole number of at least 1.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CHUNK = 256
_SPARSE = 16  # ids greater than this many times the length of a ranking are looked up by sorting, not in a table


def positions(
    ranking: Sequence[Hashable], positives: Collection[Hashable], junk: Collection[Hashable] = ()
) -> NDArray[np.int64]:
    """Returns the ascending 0-based positions of the positives found, in the ranking without its junk.

    Raises ValueError where an image is ranked twice or is both positive and junk.
    """
    wanted, ignored = frozenset(positives), frozenset(junk)
    if both := wanted & ignored:
        raise ValueError(f"{min(map(str, both))} is both positive and junk")
    labelled = wanted | ignored
    seen: set[Hashable] = set()
    found: list[int] = []
    removed = 0
    # Chunk by chunk: the second pass over an image finds it in the cache, and most chunks need no loop.
    for start in range(0, len(ranking), _CHUNK):
        chunk = ranking[start : start + _CHUNK]
        seen.update(chunk)
        if labelled.isdisjoint(chunk):
            continue
        for place, image in enumerate(chunk, start):
            if image in ignored:
                removed += 1
            elif image in wanted:
                found.append(place - removed)
    if len(seen) != len(ranking):
        raise ValueError(f"{_repeated(ranking)} is ranked twice")
    return np.array(found, np.int64)


def positions_of_ids(ranking: ArrayLike, positives: ArrayLike, junk: ArrayLike = ()) -> NDArray[np.int64]:
    """Returns `positions` for (n,) whole ids; positives and junk are ids in any order, repeated or not.

    Raises ValueError where an id is ranked twice or is both positive and junk, or where an argument is not one row of
    whole numbers.
    """
    ranked = whole_numbers(ranking, "ranked ids")
    wanted, ignored = (np.unique(whole_numbers(ids, "ids")) for ids in (positives, junk))
    if wanted.size and ignored.size and len(both := np.intersect1d(wanted, ignored, assume_unique=True)):
        raise ValueError(f"{both[0]} is both positive and junk")
    if not ranked.size:
        return np.empty(0, np.int64)
    is_dense = ranked.min() >= 0 and ranked.max() < _SPARSE * ranked.size
    found, removed = (_find_in_table if is_dense else _find_by_sorting)(ranked, wanted, ignored)
    found.sort()
    removed.sort()
    return found - np.searchsorted(removed, found)


def _find_in_table(ranking: NDArray[np.int64], *several: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Finds the places in the ranking of each of several sets of ids, by a table of all ids up to the greatest."""
    table = np.zeros(int(ranking.max()) + 1, np.int64)
    table[ranking] = np.arange(1, len(ranking) + 1)
    if np.count_nonzero(table) != len(ranking):
        raise ValueError(f"{_repeated(ranking.tolist())} is ranked twice")
    places = (table[ids[(ids >= 0) & (ids < len(table))]] for ids in several)
    return [ranked[ranked > 0] - 1 for ranked in places]


def _find_by_sorting(ranking: NDArray[np.int64], *several: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Finds the places in the ranking of each of several sets of ids, however great or negative."""
    order = np.argsort(ranking)
    ascending = ranking[order]
    if (ascending[1:] == ascending[:-1]).any():
        raise ValueError(f"{_repeated(ranking.tolist())} is ranked twice")
    each = []
    for ids in several:
        at = np.searchsorted(ascending, ids).clip(max=len(ranking) - 1)
        each.append(order[at[ascending[at] == ids]].astype(np.int64))
    return each


def _repeated(ranking: Sequence[Hashable]) -> Hashable:
    """Returns the first image that was ranked before."""
    seen: set[Hashable] = set()
    for image in ranking:
        if image in seen:
            return image
        seen.add(image)
    raise AssertionError("no image is ranked twice")


def oxford_ap(found: ArrayLike, total: int) -> float:
    """Returns the average precision in [0, 1] as the area below the precision-recall curve, by trapezoids.

    With the j-th of n positives (j from 0) at 0-based position r: sum over j of (j / r + (j + 1) / (r + 1)) / 2n, where
    j / r is 1 for r = 0.

    Source: Philbin et al., Object retrieval with large vocabularies, CVPR 2007, section 3.1; the Oxford buildings
    evaluation program `compute_ap`. `rectangle_ap` and `filled_in_ap` are other definitions of average precision.
    """
    places = checked_positions(found, total)
    after = precisions(places, total)
    before = np.where(places == 0, 1.0, np.arange(len(places)) / np.maximum(places, 1))
    return float(np.sum(before + after)) / (2 * total) if total else np.nan


def rectangle_ap(found: ArrayLike, total: int) -> float:
    """Returns the average precision in [0, 1] as the sum of the precision at each positive found, divided by `total`.

    Text retrieval (trec_eval) and most libraries call this AP. It is never lower than `oxford_ap`, so the two must not
    be mixed in one table.

    Source: Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, section 8.4.
    """
    after = precisions(found, total)
    return float(np.sum(after)) / total if total else np.nan


def filled_in_ap(found: ArrayLike, total: int) -> float:
    """Returns the average precision in [0, 1] as the area, by steps, below the interpolated precision-recall curve.

    The precision at a recall is the best precision at any recall at least that high. Never lower than `rectangle_ap`.

    Source: interpolated precision of Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008,
    section 8.4; its area over all recalls is the AP of PASCAL VOC from 2010 on, development kit, section 3.4.1.
    """
    after = precisions(found, total)
    return float(np.sum(fill_in(after))) / total if total else np.nan


def precisions(found: ArrayLike, total: int) -> NDArray[np.float64]:
    """Returns (len(found),) the precision at each positive found."""
    places = checked_positions(found, total)
    return np.arange(1, len(places) + 1) / (places + 1)


def fill_in(precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the interpolated precision of a curve of ascending recall: the best precision from each point on."""
    return np.maximum.accumulate(precision[::-1])[::-1]


def precision_at(k: int, found: ArrayLike, total: int) -> float:
    """Returns the share of positives among the first `k`; always divides by `k`, however few are ranked or exist."""
    hits = _among_first(k, found, total)
    return hits / k if total else np.nan


def clipped_precision_at(k: int, found: ArrayLike, total: int) -> float:
    """Returns the precision at min(k, 1-based position of the last positive found); 0 with none found.

    Source: Radenović et al., Revisiting Oxford and Paris, CVPR 2018, section 4 (mP@k), as its program computes it.

    Notes: that program fails where none of the positives is in the ranking; the value 0 is ours.
    """
    places = checked_positions(found, total)
    hits = _among_first(k, places, total)
    if not total:
        return np.nan
    return hits / min(k, int(places[-1]) + 1) if len(places) else 0.0


def recall_at(k: int, found: ArrayLike, total: int) -> float:
    """Returns the share of all positives that are among the first `k`. See `success_at` for the other Recall@K."""
    hits = _among_first(k, found, total)
    return hits / total if total else np.nan


def success_at(k: int, found: ArrayLike, total: int) -> float:
    """Returns 1 if any positive is among the first `k`, else 0.

    Source: acc@K of Yu et al., Sketch me that shoe, CVPR 2016; Recall@K of Song et al., Deep metric learning via lifted
    structured feature embedding, CVPR 2016.
    """
    hits = _among_first(k, found, total)
    return float(hits > 0) if total else np.nan


def ns_score(found: ArrayLike, total: int) -> float:
    """Returns the number of positives among the first four, in [0, 4].

    Source: Nistér and Stewénius, Scalable recognition with a vocabulary tree, CVPR 2006. There every object has four
    photos and the query is one of them, itself a positive.
    """
    hits = _among_first(4, found, total)
    return float(hits) if total else np.nan


def _among_first(k: int, found: ArrayLike, total: int) -> int:
    """Returns the number of positives among the first `k`."""
    places = checked_positions(found, total)
    if not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"the first k are counted for whole k of at least 1, not {k!r}")
    return int(np.searchsorted(places, k))


def checked_positions(found: ArrayLike, total: int) -> NDArray[np.int64]:
    """Returns (f,) int64 positions from an array or a list, checked for use in a metric. Raises ValueError."""
    places = whole_numbers(found, "positions")
    if not isinstance(total, int | np.integer) or total < 0:
        raise ValueError(f"the number of positives is a whole number from 0 on, not {total!r}")
    if len(places) and places[0] < 0:
        raise ValueError(f"positions count from 0, and {places[0]} was given")
    falling = np.flatnonzero(places[1:] <= places[:-1])
    if len(falling):
        one, two = places[falling[0]], places[falling[0] + 1]
        raise ValueError(f"{one} is given twice" if one == two else f"positions ascend, and {two} follows {one}")
    if len(places) > total:
        raise ValueError(f"{len(places)} positives were found, and there are only {total}")
    return places


def whole_numbers(values: ArrayLike, what: str) -> NDArray[np.int64]:
    """Returns (n,) int64 from one row of whole numbers; `what` names them in a ValueError."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{what} are one row of whole numbers, not an array of shape {array.shape}")
    if not array.size:
        return np.empty(0, np.int64)
    if np.issubdtype(array.dtype, np.floating):
        whole = np.isfinite(array) & (array == np.floor(array)) & (np.abs(array) < 1 << 53)
        if not whole.all():
            raise ValueError(f"{what} are whole numbers, and {array[~whole][0]} is among them")
    elif not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{what} are whole numbers, not {array.dtype}")
    return array.astype(np.int64, copy=False)


def mean_over_queries(values: Iterable[float]) -> float:
    """Returns the mean over the queries that have positives (values that are not NaN); NaN where none has."""
    counted = [value for value in values if not np.isnan(value)]
    return float(np.mean(counted)) if counted else np.nan
