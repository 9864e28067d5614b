"""The evidence for each image of a ranking, as numbers that are comparable between recipes and collections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resight.arrays import Float64, Int64
from resight.search.background import background
from resight.search.ranking import Lead, Ranking

TOLERANCE = 0.02
"""Transfer error that an inlier may have, as a share of the long side: the value of the shipped recipes."""
SHAPE = (4, 3)
"""Assumed proportions of the photos, for the chance of random matches: others change it by a factor that is negligible
in its logarithm."""


@dataclass(frozen=True)
class Predictors:
    """Numbers for the images of a ranking, (n,) float64 each.

    similarity: the score of the first look compared with scores of unrelated images (`Background.surprise`), damped;
    the largest of several channels. significance: minus the decimal logarithm of the number of equally good matches
    expected by chance, at least 0, damped.

    Notes: the number of inliers adds nothing to their significance (its weight was 0 in every fit), and their share of
    the correspondences means another thing for each way of matching.
    """

    similarity: Float64
    significance: Float64

    @property
    def columns(self) -> dict[str, Float64]:
        """The numbers by their names."""
        return dict(self.__dict__)


def predictors(ranking: Ranking, first_looks: Sequence[Ranking], images: int) -> Predictors:
    """Returns the predictors of each image of a ranking of a collection of `images` images.

    first_looks: the ranking of each channel, as deep as `background.DEPTH`.

    That one hit leads to another is not in them: see `lead_predictors`.
    """
    looks = [_similarity(ranking.ids, look, images) for look in first_looks]
    surprise = np.zeros(len(ranking))
    for row, image in enumerate(ranking.ids.tolist() if ranking.verified else ()):
        if image in ranking.verified:
            why = ranking.verified[image]
            surprise[row] = _significance(why.inliers, why.tentative)
    return Predictors(np.max(looks, axis=0), damped(surprise))


def _similarity(ids: Int64, look: Ranking, images: int) -> Float64:
    """Returns (n,) how surprising the scores of images are; the least possible for images that a look did not reach."""
    surprise = background(look.scores, images).surprise(look.scores)
    order = np.argsort(look.ids)
    at = np.searchsorted(look.ids, ids, sorter=order)
    found = np.full(len(ids), -math.log10(max(images, 1)))
    there = at < len(look)
    rows = order[at[there]]
    found[there] = np.where(look.ids[rows] == ids[there], surprise[rows], found[there])
    return damped(found)


def damped(surprise: Float64) -> Float64:
    """Returns (n,) sign(s) log(1 + |s|): what is far beyond all doubt is hardly surer than what is just beyond it.

    Scores of things that are alike but not the same, such as packages of one brand, do not fall off as those of
    unrelated images do.
    """
    return np.asarray(np.sign(surprise) * np.log1p(np.abs(surprise)), np.float64)


def lead_predictors(leads: Sequence[Lead]) -> Predictors:
    """Returns the predictors of an image showing the same thing as the image that leads to it, for each lead."""
    near = np.array([lead.surprise for lead in leads], np.float64)
    surprise = np.array([_significance(lead.inliers, lead.tentative) for lead in leads], np.float64)
    return Predictors(damped(near), damped(surprise))


def _significance(inliers: int, tentative: int) -> float:
    """Minus the decimal logarithm of the number of equally good matches expected by chance, at least 0.

    Notes: without an upper end. The first look tells little in a small collection, and what two photos agree on has to
    be enough by itself.
    """
    # Import late: verification needs a compiler, which rankings without it need not wait for.
    from resight.rerank.hypotheses import Gates
    from resight.rerank.significance import chance, log_false_alarms

    given = chance(SHAPE, TOLERANCE * max(SHAPE), Gates())
    alarms = log_false_alarms(max(tentative, inliers), inliers, given)
    return max(-alarms, 0.0)
