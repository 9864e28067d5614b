"""The result of mining: tuples, and what is to be told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from resight.training.tuples import Tuples


@dataclass(frozen=True)
class LeftOut:
    """A photo that mining has thrown out, and why, in a few words."""

    name: str
    reason: str


@dataclass(frozen=True)
class Mined:
    """The findings of mining.

    notes: lines for a person, such as what takes the place of what could not be done. figures: those of this kind
    alone, by what they are, beside the ones that `figures_of` counts. left_out: photos that were thrown out, for the
    page.
    """

    tuples: Tuples
    notes: Sequence[str] = ()
    figures: Mapping[str, int | float | str] = field(default_factory=dict)
    left_out: Sequence[LeftOut] = ()


def without_related(tuples: Tuples) -> Tuples:
    """Returns tuples whose anchors have no negative that is related to them, or of their own cluster."""
    kept = []
    for anchor in tuples.anchors:
        related, cluster = tuples.related(anchor.name), tuples.photos[anchor.name].cluster
        others = [n for n in anchor.negatives if n not in related and tuples.photos[n].cluster != cluster]
        kept.append(replace(anchor, negatives=tuple(others)))
    return replace(tuples, anchors=kept)


def figures_of(mined: Mined) -> dict[str, int | float | str]:
    """Counts what tuples have, by what it is, in the order in which a person wants it."""
    tuples = mined.tuples
    positives = [len(anchor.positives) for anchor in tuples.anchors if anchor.positives]
    paired = {anchor.name for anchor in tuples.anchors if anchor.positives}
    used = {anchor.name for anchor in tuples.anchors} | {
        one.name for anchor in tuples.anchors for one in anchor.positives
    }
    pairs = {frozenset((anchor.name, one.name)) for anchor in tuples.anchors for one in anchor.positives}
    sizes = [len(names) for names in tuples.clusters().values()]
    weight = sum(anchor.weight for anchor in tuples.anchors)
    of_pairs = sum(anchor.weight for anchor in tuples.anchors if anchor.positives)
    counted: dict[str, int | float | str] = {
        "photos": len(tuples.photos),
        "photos used": len(used),
        "anchors": len(tuples.anchors),
        "anchors with positives": len(paired),
        "share of draws with positives": round(of_pairs / weight, 3) if weight else 0.0,
        "pairs": len(pairs),
        "positives an anchor, mean": round(float(np.mean(positives)), 2) if positives else 0.0,
        "positives an anchor, most": max(positives, default=0),
        "negatives given": sum(len(anchor.negatives) for anchor in tuples.anchors),
        "pool": len(tuples.pool),
        "clusters": len(sizes),
        "clusters of several photos": sum(size > 1 for size in sizes),
        "largest cluster": max(sizes, default=0),
        "links": len(tuples.links),
        "photos never negatives of an anchor, mean": _kept_apart(tuples),
    }
    return counted | dict(mined.figures)


def _kept_apart(tuples: Tuples) -> float:
    """Returns the mean number of photos that are no negatives of an anchor, apart from itself."""
    if not tuples.anchors:
        return 0.0
    names = {anchor.name for anchor in tuples.anchors}
    rows = [row for row, name in enumerate(sorted(tuples.photos)) if name in names]
    return round(float(np.mean([len(tuples.relations[row]) - 1 for row in rows])), 1)
