"""Judges rankings of names: pools shots, removes junk, and finds the positions of the positives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from resight.datasets.dataset import JudgedQuery, Rules
from resight.evaluation.metrics import positions
from resight.evaluation.result import SHOWN, QueryResult, RankedHit
from resight.images import file_of_name

Scored = tuple[Sequence[str], Sequence[float] | NDArray[np.floating]]
"""Distinct names, best first, and their scores."""


def judge(query: JudgedQuery, ranking: Scored, rules: Rules, seconds: float | None) -> QueryResult:
    """Judges one ranking by one ground truth."""
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
    """Pools a ranking of frames into shots, each with the score of its best frame; ties by name.

    A name that is not a frame of a shot, such as a distractor's, stays unchanged.

    Source: the instance search task of TRECVID retrieves shots; frames are pooled by their maximum.
    """
    best: dict[str, float] = {}
    for name, score in zip(*ranking, strict=True):
        shot = shots.get(file_of_name(name), name)
        best[shot] = max(best.get(shot, score), score)
    order = sorted(best, key=lambda shot: (-best[shot], shot))
    return order, [best[shot] for shot in order]
