"""The k best of many scores, so that any run repeats exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from resight.arrays import Array, Float32, Int64, Mask
from resight.search.ranking import Ranking, Verification

NameOrder = Callable[[Int64], Array]
"""Catalogue ids (n,) to keys (n,) that sort as the names of the images do; asked for tied images only."""


def by_id(ids: Int64) -> Int64:
    """Returns the order of names where ids were given in that order."""
    return ids


def is_allowed(ids: Int64, allowed: Mask) -> Mask:
    """Returns (n,) whether the mask, which is indexed by catalogue id, allows each id.

    Ids past its end are not allowed.
    """
    return allowed[np.minimum(ids, len(allowed) - 1)] & (ids < len(allowed)) if len(allowed) else ids < 0


def best(ids: Int64, scores: Float32, k: int, order: NameOrder = by_id) -> Ranking:
    """Returns the k highest scores, descending; equal ones in the order of names. ids: (n,), scores: (n,)."""
    if k < len(scores):
        least = np.partition(scores, len(scores) - k)[len(scores) - k] if k > 0 else np.float32(np.inf)
        kept = np.flatnonzero(scores >= least)
        ids, scores = ids[kept], scores[kept]
    places = np.argsort(-scores, kind="stable")
    ids, scores = ids[places], scores[places]
    tied = np.zeros(len(scores), np.bool_)
    tied[1:] = scores[1:] == scores[:-1]
    tied[:-1] |= tied[1:]
    group = np.flatnonzero(tied)
    if len(group):
        within = np.lexsort((order(ids[group]), -scores[group]))
        ids[group] = ids[group][within]
    return Ranking(ids[:k].copy(), scores[:k].copy())


def best_of(rankings: Sequence[Ranking], order: NameOrder = by_id) -> Ranking:
    """Joins several rankings: all of their images, each by its highest score.

    Each has the verification with most inliers, and the largest probability. The query's own are those of any.
    """
    ids = np.unique(np.concatenate([ranking.ids for ranking in rankings]))
    scores = np.full(len(ids), -np.inf, np.float32)
    verified: dict[int, Verification] = {}
    probability: dict[int, float] = {}
    for ranking in rankings:
        places = np.searchsorted(ids, ranking.ids)
        scores[places] = np.maximum(scores[places], ranking.scores)
        for image, why in ranking.verified.items():
            if image not in verified or why.inliers > verified[image].inliers:
                verified[image] = why
        for image, believed in ranking.probability.items():
            probability[image] = max(believed, probability.get(image, 0.0))
    own = frozenset().union(*(ranking.own for ranking in rankings))
    return replace(best(ids, scores, len(ids), order), verified=verified, probability=probability, own=own)
