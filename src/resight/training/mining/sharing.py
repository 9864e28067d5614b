"""Points that pairs of photos share, in models or by matches alone, and the positives that are chosen by them.

Radenović, Tolias, Chum: CNN image retrieval learns from BoW, ECCV 2016, section 3.2 (all three strategies); Fine-tuning
CNN image retrieval with no human annotation, TPAMI 2018, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Float32, Float64, Int64
from resight.training.mining.reconstruction import Model, PairMatches


@dataclass(frozen=True)
class Shared:
    """Points that a photo shares with another. points: their number. share: of those that the photo has.

    zoom: how much larger or smaller the points appear in the other, at least 1, photos taken as equally large.
    """

    other: int
    points: int
    share: float
    zoom: float


Sharing = Mapping[int, Sequence[Shared]]
"""For each photo the others that it shares points with, by their numbers."""


def shared_points(models: Sequence[Model]) -> Sharing:
    """Returns the points that photos of models share; of a pair in several models, those of the one with most.

    Notes: the papers bound the change of scale without a formula. Here it is the median, over shared points, of the
    ratio of focal length over depth, each in long sides of its photo: a network sees all photos equally large.
    """
    best: dict[tuple[int, int], tuple[Shared, Shared]] = {}
    for model in models:
        for a, b in _meeting(model.points):
            _, one, other = np.intersect1d(model.points[a], model.points[b], assume_unique=True, return_indices=True)
            zoom = change(model.zooms[a][one], model.zooms[b][other])
            first, second = int(model.images[a]), int(model.images[b])
            pair = _both(first, second, len(one), len(model.points[a]), len(model.points[b]), zoom)
            if (first, second) not in best or best[first, second][0].points < len(one):
                best[first, second] = pair
    return _by_photo(best)


def matched_points(
    scales: Sequence[Float32], matches: Sequence[PairMatches], sizes: Sequence[tuple[int, int]]
) -> Sharing:
    """Returns the same from verified matches alone, where there is no model: a photo's points are all that it matched.

    scales: for each photo (m,) of its keypoints, in pixels; zoom is the median of their ratios. sizes: (width, height).
    """
    seen: dict[int, list[Int64]] = {}
    for pair in matches:
        seen.setdefault(pair.one, []).append(pair.rows[:, 0])
        seen.setdefault(pair.other, []).append(pair.rows[:, 1])
    counts = {photo: len(np.unique(np.concatenate(rows))) for photo, rows in seen.items()}
    found = {}
    for pair in matches:
        one = scales[pair.one][pair.rows[:, 0]].astype(np.float64) / max(sizes[pair.one])
        other = scales[pair.other][pair.rows[:, 1]].astype(np.float64) / max(sizes[pair.other])
        zoom = change(one, other)
        found[pair.one, pair.other] = _both(pair.one, pair.other, len(pair), counts[pair.one], counts[pair.other], zoom)
    return _by_photo(found)


def change(one: Float64, other: Float64) -> float:
    """Returns the change of scale between two photos, at least 1, from the sizes (m,) of what both show."""
    between = float(np.median(np.log(one) - np.log(other)))
    return float(np.exp(abs(between)))


def together(models: Sharing, matches: Sharing, mapped: frozenset[int]) -> Sharing:
    """Returns what models say, and what matches say of pairs of which a photo is in no model."""
    joined: dict[int, list[Shared]] = {photo: list(others) for photo, others in models.items()}
    for photo, others in matches.items():
        kept = [one for one in others if photo not in mapped or one.other not in mapped]
        joined[photo] = sorted([*joined.get(photo, []), *kept], key=lambda one: one.other)
    return joined


def most_points(others: Iterable[Shared], count: int) -> list[Shared]:
    """Returns those that share most points, the most first: "top 1 by BoW" where count is 1."""
    return sorted(others, key=lambda one: (-one.points, one.other))[:count]


def nearest(others: Iterable[Shared], similarity: Callable[[int], float], count: int) -> list[Shared]:
    """Returns the most similar of those that share points, the most similar first: "top 1 by CNN" where count is 1."""
    return sorted(others, key=lambda one: (-similarity(one.other), one.other))[:count]


def at_random(
    others: Iterable[Shared], rng: np.random.Generator, *, share: float, zoom: float, count: int
) -> list[Shared]:
    """Returns some of those that share enough points at little change of scale, most points first; 0: all.

    share: of the anchor's points, at least. zoom: change of scale, at most.
    """
    enough = sorted((one for one in others if one.share >= share and one.zoom <= zoom), key=lambda one: one.other)
    if count and len(enough) > count:
        enough = [enough[row] for row in np.sort(rng.choice(len(enough), count, replace=False)).tolist()]
    return most_points(enough, len(enough))


def _meeting(points: Sequence[Int64]) -> list[tuple[int, int]]:
    """Returns the pairs of photos of a model, by place, that share a point."""
    _, columns = np.unique(np.concatenate(points), return_inverse=True)
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in points])])
    sees = csr_array((np.ones(len(columns), np.int64), columns, offsets))
    meet = (sees @ sees.T).tocoo()
    upper = meet.row < meet.col
    return sorted(zip(meet.row[upper].tolist(), meet.col[upper].tolist(), strict=True))


def _both(a: int, b: int, points: int, of_a: int, of_b: int, zoom: float) -> tuple[Shared, Shared]:
    return Shared(b, points, points / of_a, zoom), Shared(a, points, points / of_b, zoom)


def _by_photo(pairs: Mapping[tuple[int, int], tuple[Shared, Shared]]) -> Sharing:
    found: dict[int, list[Shared]] = {}
    for (a, b), (one, other) in sorted(pairs.items()):
        found.setdefault(a, []).append(one)
        found.setdefault(b, []).append(other)
    return {photo: sorted(others, key=lambda one: one.other) for photo, others in found.items()}
