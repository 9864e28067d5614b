"""The choice of the product's whitening: which kinds are compared, and which of them is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from resight.evaluation.resampling import paired_test
from resight.training.validation import Score

LEAST_GAIN = 0.02
"""mAP by which another whitening has to be ahead of that of the start on what is held out. Set after products, where a
learned one was 0.008 ahead there and 0.045 behind by ground truth; not chosen on rendered worlds."""
LEVEL = 0.05
"""Of the test that it is ahead."""


@dataclass(frozen=True)
class Choice:
    """The kind of whitening that is taken. why: in a sentence."""

    kind: str
    why: str


def kinds_compared(wanted: str, *, comes_with_one: bool) -> tuple[str, ...]:
    """Returns the kinds of which the product gets one, for `product.whitening`.

    comes_with_one: whether the descriptor that is trained has a whitening that was fitted on other photos. It takes the
    place of principal components of the photos that are trained on: these remove what such photos share, and the
    clusters that are held out share it too, so that they do not show the loss.
    """
    if wanted != "best":
        return (wanted,)
    return ("start", "learned") if comes_with_one else ("pca", "learned")


def choose(scores: Mapping[str, Score], real: Sequence[bool]) -> Choice:
    """Chooses a kind of whitening by its score on what is held out.

    real: (queries,) which of the queries are photos. Without "start" it is the greatest score, the first where none can
    be told. With it, another has to be better by `LEAST_GAIN`, significantly, and on photos alone: a learned whitening
    is fitted on rendered views, and is good at them. The test is by flipping signs: where most queries are
    answered alike, an interval of the difference excludes 0 for a few lucky ones.
    """
    if len(scores) == 1:
        return Choice(next(iter(scores)), "the recipe asks for it")
    if "start" not in scores:
        kind = max(scores, key=lambda one: np.nan_to_num(scores[one].value, nan=-1.0))
        return Choice(kind, "it has the best score on the photos that are held out")
    start = "the descriptor comes with it, fitted on other photos"
    which = np.flatnonzero(np.asarray(real, np.bool_))
    if len(which) == 0:
        return Choice("start", f"{start}, and no pair is held out that another could be judged by")
    first = np.asarray(scores["start"].aps)[which]
    best, gained = "start", 0.0
    for kind in scores:
        test = paired_test(np.asarray(scores[kind].aps)[which], first)
        if test.difference >= max(gained, LEAST_GAIN) and test.p_value < LEVEL:
            best, gained = kind, test.difference
    if best == "start":
        return Choice("start", f"{start}, and no other is clearly better on the photos that are held out")
    return Choice(best, f"its mAP of photos that are held out is {gained:.3f} above that of the whitening of the start")
