"""Fusion of ranked lists: of several methods for one query, or of several queries for one thing.

A list is (ids, scores): (n,) images, each once, and (n,) scores, descending. So is what comes out, over all images that
are in a list; equal scores are in the order of ids. Where scores are added or multiplied, an image that is missing from
a list has the lowest score of that list there. An empty list says nothing. UsageError everywhere: no lists, an image
twice in a list, scores that are not finite or do not descend, arrays that do not go together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from resight.arrays import Array, Float64, Int64
from resight.errors import UsageError
from resight.images import Box
from resight.rerank.kinds import FusedScores, Fusion
from resight.search.ranking import Lead, Ranking, Verification

Ranked = tuple[Array, Array]
Normalisation = Callable[[Float64], Float64]

RECIPROCAL_K = 60.0


def as_given(scores: Float64) -> Float64:
    """Returns (n,) the scores."""
    return scores


def by_range(scores: Float64) -> Float64:
    """Returns (n,) (s - min) / (max - min), in [0, 1]; all 1 where all are equal."""
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.ones_like(scores)


def by_deviation(scores: Float64) -> Float64:
    """Returns (n,) (s - mean) / standard deviation; all 0 where all are equal."""
    return (scores - scores.mean()) / scores.std() if scores.max() > scores.min() else np.zeros_like(scores)


def by_norm(scores: Float64) -> Float64:
    """Returns (n,) s / L2 norm; all 0 where all are 0."""
    norm = np.linalg.norm(scores)
    return scores / norm if norm > 0 else scores


def by_maximum(scores: Float64) -> Float64:
    """Returns (n,) s / largest absolute score; all 0 where all are 0."""
    largest = np.abs(scores).max()
    return scores / largest if largest > 0 else scores


def by_rank(scores: Float64) -> Float64:
    """Returns (n,) 1 - rank / n for ranks 0 to n - 1 in the order of the list (Borda).

    Values are 1 to 1 / n, whatever the scores.
    """
    return 1.0 - np.arange(len(scores)) / len(scores)


def by_power(scores: Float64, power: float) -> Float64:
    """Returns (n,) max(s, 0) ** power."""
    return np.asarray(np.maximum(scores, 0.0) ** power, np.float64)


def by_confidence(scores: Float64, half: float) -> Float64:
    """Returns (n,) s / (s + half) of s = max(s, 0), in [0, 1): a weight of evidence as how far it is believed."""
    evidence = np.maximum(scores, 0.0)
    return np.asarray(evidence / (evidence + half), np.float64)


def summed(
    lists: Sequence[Ranked], normalisation: Normalisation = by_range, weights: Sequence[float] | None = None
) -> tuple[Int64, Float64]:
    """Returns images by the weighted sum of their normalised scores. weights: one a list, all 1 where None.

    UsageError: also a weight that is negative or not finite.
    """
    ids, scores = _table(lists, normalisation)
    return _ordered(ids, _list_weights(weights, len(lists)) @ scores)


def multiplied(
    lists: Sequence[Ranked], normalisation: Normalisation = by_rank, weights: Sequence[float] | None = None
) -> tuple[Int64, Float64]:
    """Returns images by the product of their normalised scores, each to the power of its list's weight.

    UsageError: also normalised scores below 0, which have no product, and weights as for `summed`.

    Notes: `by_range` makes 0 of what one list has last or lacks, whatever the others say of it.
    """
    ids, scores = _table(lists, normalisation, missing=1.0)
    if (scores < 0).any():
        raise UsageError("scores below 0 cannot be multiplied: normalise them by rank or by range")
    exponents = _list_weights(weights, len(lists))
    return _ordered(ids, np.prod(scores ** exponents[:, None], axis=0))


def reciprocal_rank(lists: Sequence[Ranked], k: float = RECIPROCAL_K) -> tuple[Int64, Float64]:
    """Returns images by the sum over lists of 1 / (k + rank), ranks from 1; a list without an image adds nothing to it.

    UsageError: also k < 0. Source: Cormack, Clarke & Buettcher, "Reciprocal rank fusion outperforms Condorcet and
    individual rank learning methods", SIGIR 2009.
    """
    if not (np.isfinite(k) and k >= 0):
        raise UsageError(f"k of reciprocal rank fusion is {k}: it must be 0 or more")
    checked = _checked(lists)
    ids, where = _union(checked)
    scores = np.zeros(len(ids))
    for places in where:
        scores[places] += 1.0 / (k + np.arange(1, len(places) + 1))
    return _ordered(ids, scores)


def query_adaptive(lists: Sequence[Ranked], references: Sequence[Array]) -> tuple[Int64, Float64]:
    """Returns images by the product of their scores, each to the power of what the shape of its list says it is worth.

    references: one a list, as for `curve_without`. Scores are those of `curve_without`, weights `curve_weights`.

    Source: Zheng, Wang, Tian, He, Liu & Tian, "Query-adaptive late fusion for image search and person
    re-identification", CVPR 2015.

    Notes: the paper finds the reference among many by how it ends; here it is given.
    """
    if len(references) != len(lists):
        raise UsageError(f"{len(lists)} lists have {len(references)} reference curves: give one each")
    checked = _checked(lists)
    curves = [curve_without(scores, curve) for (_, scores), curve in zip(checked, references, strict=True)]
    # What a reference leaves of a list need not descend: lists are put in order again.
    again = [_ordered(ids, curve) for (ids, _), curve in zip(checked, curves, strict=True)]
    return multiplied(again, as_given, curve_weights([scores for _, scores in again]).tolist())


def curve_without(scores: Array, reference: Array) -> Float64:
    """Returns (n,) scores of a list less a reference curve, scaled to 0 to 1 (`by_range`).

    reference: (m,) scores, descending, that queries without any match get from the same method. Where it is shorter
    its last value goes on; an empty one is 0.
    """
    given, tail = np.asarray(scores, np.float64), np.asarray(reference, np.float64)
    if tail.ndim != 1 or not np.isfinite(tail).all():
        raise UsageError(f"a reference curve of shape {tail.shape} must be (m,), all of them finite numbers")
    if not len(given):
        return given
    known = tail[: len(given)]
    last = known[-1] if len(known) else 0.0
    return by_range(given - np.concatenate([known, np.full(len(given) - len(known), last)]))


def curve_weights(curves: Sequence[Array]) -> Float64:
    """Returns (lists,) weights, summing to 1, that fall with the area under each score curve: 1 / area.

    curves: scores in [0, 1]. A curve that drops at once tells what it found from the rest. Of a curve of n scores the
    area is their mean; that of an empty list is 1.
    """
    areas = np.array([float(np.mean(curve)) if len(curve) else 1.0 for curve in curves])
    if not (areas > 0).all():
        raise UsageError("a score curve has no area: scale its scores to 0 to 1")
    inverse = 1.0 / areas
    return np.asarray(inverse / inverse.sum(), np.float64)


def _checked(lists: Sequence[Ranked]) -> list[tuple[Int64, Float64]]:
    if not lists:
        raise UsageError("there is nothing to fuse: give at least one list")
    checked = []
    for ids, scores in lists:
        images, values = np.asarray(ids, np.int64), np.asarray(scores, np.float64)
        if images.ndim != 1 or images.shape != values.shape:
            raise UsageError(f"ids {images.shape} and scores {values.shape} of a list must both be (n,)")
        if len(np.unique(images)) != len(images):
            raise UsageError("an image is twice in a list")
        if not np.isfinite(values).all() or (values[1:] > values[:-1]).any():
            raise UsageError("the scores of a list must be finite and descend")
        checked.append((images, values))
    return checked


def _union(lists: Sequence[tuple[Int64, Float64]]) -> tuple[Int64, list[Int64]]:
    """Returns all images, ascending, and where those of each list are among them."""
    ids = np.unique(np.concatenate([images for images, _ in lists]))
    return ids, [np.searchsorted(ids, images) for images, _ in lists]


def _table(lists: Sequence[Ranked], normalisation: Normalisation, missing: float = 0.0) -> tuple[Int64, Float64]:
    """Returns all images, ascending, and (lists, images) normalised scores.

    `missing` all over where a list is empty.
    """
    checked = _checked(lists)
    ids, where = _union(checked)
    table = np.full((len(checked), len(ids)), missing)
    for row, ((_, scores), places) in enumerate(zip(checked, where, strict=True)):
        if len(scores):
            found = normalisation(scores)
            table[row] = found.min()
            table[row, places] = found
    return ids, table


def _list_weights(weights: Sequence[float] | None, lists: int) -> Float64:
    given = np.ones(lists) if weights is None else np.asarray(weights, np.float64)
    if given.shape != (lists,) or not (np.isfinite(given).all() and (given >= 0).all()):
        raise UsageError(f"{lists} lists have weights {given.tolist()}: give one each, none negative")
    return given


def _ordered(ids: Int64, scores: Float64) -> tuple[Int64, Float64]:
    order = np.lexsort((ids, -scores))
    return ids[order], scores[order]


class FusionStage:
    """The rankings of several channels as one, with the verifications and leads of the first channel that has them."""

    def __init__(self, params: Fusion) -> None:
        self.params = params

    def __call__(self, rankings: Mapping[str, Ranking]) -> Ranking:
        """Rankings by channel. An image that only some have found has the lowest score of each of the others."""
        cut = {name: (ranking.ids[: self.params.top], ranking.scores) for name, ranking in rankings.items()}
        parts = {name: self.params.part(name) for name in rankings}
        if self.params.method == "reciprocal-rank":
            ids, scores = reciprocal_rank([(ids, given[: len(ids)]) for ids, given in cut.values()])
        else:
            lists = []
            for name, (ids, given) in cut.items():
                here = np.asarray(given[: len(ids)], np.float64)
                lists.append((ids, _normalisation(parts[name])(here) if len(here) else here))
            fuse = summed if self.params.method == "sum" else multiplied
            ids, scores = fuse(lists, as_given, [part.weight for part in parts.values()])
        verified: dict[int, Verification] = {}
        leads: dict[int, Lead] = {}
        boxes: dict[int, Box] = {}
        kept = frozenset(ids.tolist())
        for ranking in rankings.values():
            verified = {**{image: why for image, why in ranking.verified.items() if image in kept}, **verified}
            ways = {image: lead for image, lead in ranking.leads.items() if {image, lead.through} <= kept}
            leads = {**ways, **leads}
            boxes = {**{image: box for image, box in ranking.boxes.items() if image in kept}, **boxes}
        own = frozenset().union(*(ranking.own for ranking in rankings.values()))
        return Ranking(ids, scores.astype(np.float32), verified, leads=leads, boxes=boxes, own=own)


def _normalisation(part: FusedScores) -> Normalisation:
    match part.scores:
        case "power":
            return partial(by_power, power=part.power)
        case "confidence":
            return partial(by_confidence, half=part.half)
        case None:
            raise AssertionError("a fusion says it by its method")
        case other:
            return _PLAIN[other]


_PLAIN: Mapping[str, Normalisation] = {
    "given": as_given,
    "range": by_range,
    "deviation": by_deviation,
    "norm": by_norm,
    "maximum": by_maximum,
    "rank": by_rank,
}
