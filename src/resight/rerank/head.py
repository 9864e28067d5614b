"""The head of a ranking in a new order, before what comes after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from resight.arrays import Float32
from resight.search.ranking import Ranking


def reordered(ranking: Ranking, scores: Float32) -> Ranking:
    """Returns the first images by new scores (m,), m <= len(ranking), equal ones as before.

    The others keep their order.

    The scores of the others are lowered by one amount where they would not be below the head's, so that the scores
    alone tell the order.
    """
    head = len(scores)
    order = np.argsort(-scores, kind="stable")
    rest = ranking.scores[head:].astype(np.float64)
    if head and len(rest) and rest[0] >= scores[order[-1]]:
        below = float(np.nextafter(scores[order[-1]], np.float32(-np.inf)))
        # The difference rounds where the two are of different sizes, and may leave the first of the rest too high.
        rest = np.minimum(rest - (rest[0] - below), below)
    return replace(
        ranking,
        ids=np.concatenate([ranking.ids[order], ranking.ids[head:]]),
        scores=np.concatenate([scores[order], rest]).astype(np.float32),
    )
