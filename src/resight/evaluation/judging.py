"""Rankings of names to what is counted: shots pooled, junk removed, the positions of the positives found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from resight.datasets.dataset import Query, Rules
from resight.evaluation.metrics import positions
from resight.evaluation.result import SHOWN, QueryResult, RankedHit

Scored = tuple[Sequence[str], Sequence[float] | NDArray[np.floating]]
"""Names best first, each once, and their scores."""


def judge(query: Query, ranking: Scored, rules: Rules, seconds: float | None) -> QueryResult:
    """Counts one ranking under one ground truth."""
    names, scores = ranking[0][: rules.depth], ranking[1][: rules.depth]
    return QueryResult(
        id=query.id,
        image=query.image,
        positives=len(query.positives),
        ranks=tuple(positions(names, query.positives, query.junk).tolist()),
        seconds=seconds,
        box=query.box,
        group=query.group,
        hits=tuple(
            RankedHit(name=name, score=score, mark=query.mark(name))
            for name, score in zip(names[:SHOWN], scores[:SHOWN], strict=True)
        ),
    )


def pool_shots(ranking: Scored, shots: Mapping[str, str]) -> Scored:
    """A ranking of shots, each with the score of its best frame; ties by name.

    A name that is no frame of a shot, such as a distractor's, stays what it is.

    Source: the instance search task of TRECVID retrieves shots; frames are pooled by their maximum.
    """
    best: dict[str, float] = {}
    for name, score in zip(*ranking, strict=True):
        shot = shots.get(name, name)
        best[shot] = max(best.get(shot, score), score)
    order = sorted(best, key=lambda shot: (-best[shot], shot))
    return order, [best[shot] for shot in order]
