"""Images in the order of what diffusion gives them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from resight.arrays import Float64, Floating, Int64, Mask
from resight.search.ranking import Ranking
from resight.search.selection import is_allowed


def rows_of(images: Int64, ids: Int64) -> tuple[Int64, Mask]:
    """The places of ids among ascending images, and a mask of those that are there."""
    rows = np.minimum(np.searchsorted(images, ids), max(len(images) - 1, 0))
    return rows, images[rows] == ids if len(images) else np.zeros(len(ids), np.bool_)


def seeds(ranking: Ranking, images: Int64, count: int) -> tuple[Int64, Float64]:
    """Returns the rows among ascending images (n,) and the scores, 0 at least, of the `count` best of a ranking.

    The query's own photo and its copies are no seeds: they are nearest to it whatever it shows, would outweigh all that
    the query finds, and lead to what these find themselves.
    """
    rows, known = rows_of(images, ranking.ids)
    if ranking.own:
        known = known & ~np.isin(ranking.ids, np.fromiter(ranking.own, np.int64, len(ranking.own)))
    scores = ranking.scores[known][:count].astype(np.float64)
    return rows[known][:count], np.maximum(scores, 0.0)


def with_own(ranking: Ranking, images: Int64, f: Floating, power: float, weight: float) -> Float64:
    """Returns (n,) f^(1 - weight) s^(power weight), where s are the scores of images in a ranking, 0 outside.

    images: (n,) ids, ascending; f: (n,) what diffusion gives them. Negative numbers count as 0. So
    what is given to an image that is unlike the query counts for less, and for nothing where it is not ranked; a weight
    of 0 leaves f as it is.
    """
    if weight == 0.0:
        return np.asarray(f, np.float64)
    rows, known = rows_of(images, ranking.ids)
    own = np.zeros(len(images))
    own[rows[known]] = np.maximum(ranking.scores[known].astype(np.float64), 0.0)
    return np.asarray(np.maximum(f, 0.0) ** (1.0 - weight) * own ** (power * weight), np.float64)


def by_diffusion(ranking: Ranking, images: Int64, f: Floating, allowed: Mask | None) -> Ranking:
    """Ranks images by f (n,), equal ones as they were ranked or by id; those with none after them, with score 0.

    images: (n,) ids, ascending. What is not allowed has passed on what it was given, and is left out.
    """
    if allowed is not None:
        f = np.where(is_allowed(images, allowed), f, 0.0)
    place = np.full(len(images), len(ranking), np.int64)
    rows, known = rows_of(images, ranking.ids)
    place[rows[known]] = np.flatnonzero(known)
    order = np.lexsort((images, place, -f))
    order = order[f[order] > 0]
    ids = images[order]
    rest = ranking.ids[~np.isin(ranking.ids, ids)]
    scores = np.concatenate([f[order], np.zeros(len(rest))]).astype(np.float32)
    return replace(ranking, ids=np.concatenate([ids, rest]), scores=scores)
