"""The photos of a training step: a pure function of the seed, the epoch and the step."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from resight.arrays import Int64
from resight.errors import UsageError
from resight.training.kinds import TrainingRecipe, WeakTriplet
from resight.training.material import AnchorRow, Material

Look = Literal["plain", "mild", "strong"]
"""The view of a photo: as it is, or rendered."""


LEAST = 4
"""Photos that training takes at least: fewer have nothing to be told apart from, and no whitening fits them."""


@dataclass(frozen=True)
class Seen:
    """One image of a step: the row of its photo, how it is seen, and the seed of its view."""

    photo: int
    look: Look
    seed: tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """The images of a step. positives, negatives: of each anchor; there may be no negatives."""

    anchors: Sequence[Seen]
    positives: Sequence[Sequence[Seen]]
    negatives: Sequence[Sequence[Seen]]

    @property
    def tuples(self) -> list[Step]:
        """The step of each anchor alone."""
        return [
            Step([anchor], [positives], [negatives])
            for anchor, positives, negatives in zip(self.anchors, self.positives, self.negatives, strict=True)
        ]

    @property
    def images(self) -> list[Seen]:
        """All of them: the anchors, then the positives and then the negatives of one anchor after the other."""
        return [*self.anchors, *itertools.chain(*self.positives), *itertools.chain(*self.negatives)]


def steps_of(material: Material, recipe: TrainingRecipe) -> int:
    """Returns the number of steps of an epoch."""
    lasting = recipe.lasting
    if lasting.steps:
        return lasting.steps
    count = min(len(material.anchors), lasting.anchors or len(material.anchors))
    return max(1, count // recipe.drawing.anchors)


def check_teachable(material: Material, recipe: TrainingRecipe) -> None:
    """Raises UsageError where nothing can be learned: too few photos, no positives, or nothing to tell apart."""
    count = len({*(one.photo for one in material.anchors), *material.pool.tolist()})
    if count < LEAST:
        raise UsageError(
            f"there {'is' if count == 1 else 'are'} only {count} photo{'s' * (count != 1)} to learn from, and training "
            f"takes {LEAST} or more: mine an index of more photos"
        )
    if not recipe.lasting.epochs:
        return
    if recipe.drawing.views == 0.0 and not material.with_positives:
        raise UsageError("no anchor of the tuples has a positive: set drawing.views above 0, or mine other tuples")
    rows = [one.photo for one in material.anchors]
    if recipe.drawing.negatives:
        rows += [*material.pool.tolist(), *(row for one in material.anchors for row in one.negatives)]
    if len(set(material.clusters[rows].tolist())) < 2:
        raise UsageError(
            f'all photos are of one cluster, and loss "{recipe.loss.kind}" needs photos of other things: mine tuples '
            "of more clusters"
        )


def draw_step(
    material: Material,
    recipe: TrainingRecipe,
    epoch: int,
    step: int,
    negatives: Mapping[int, Int64] | None = None,
    nearest: Mapping[int, int] | None = None,
) -> Step:
    """Returns the images of a step: the same for the same arguments.

    material: as `check_teachable` wants it. negatives: rows of the hard negatives of each anchor, by the row of its
    photo; where the tuples have some of its own, some of these are drawn instead. nearest: the positive of each anchor
    that the network likes best.

    Notes: where no anchor has a real positive, all of them are rendered.
    """
    drawing = recipe.drawing
    rng = np.random.default_rng([recipe.seed, 2, epoch, step])
    real = material.with_positives
    rendered = drawing.anchors if not real else round(drawing.views * drawing.anchors)
    chosen = _drawn(material.anchors, rendered, recipe, epoch, step, 0)
    paired = _drawn(real, drawing.anchors - rendered, recipe, epoch, step, 1)
    anchors, positives = [], []
    number = 0

    def seen(photo: int, look: Look) -> Seen:
        nonlocal number
        number += 1
        return Seen(photo, look, (recipe.seed, 3, epoch, step, number))

    plain: Look = "mild" if drawing.render_all else "plain"
    for one in chosen:
        anchors.append(seen(one.photo, plain))
        positives.append([seen(one.photo, "strong")])
    for one in paired:
        anchors.append(seen(one.photo, plain))
        count = recipe.loss.positives if isinstance(recipe.loss, WeakTriplet) else 1
        mates = _positives(one, drawing.positive, count, nearest, rng)
        positives.append([seen(row, plain) for row in mates])
    hard: list[list[Seen]] = []
    for one in (*chosen, *paired):
        mined = (negatives or {}).get(one.photo)
        rows = [] if mined is None else mined.tolist()
        if one.negatives:
            rows = rng.permutation(one.negatives).tolist()
            if drawing.one_a_cluster:
                rows = _one_a_cluster(rows, material.clusters)
        hard.append([seen(row, "plain") for row in rows[: drawing.negatives]])
    return Step(anchors, positives, hard)


def _one_a_cluster(rows: Sequence[int], clusters: Int64) -> list[int]:
    """Returns the first row of each cluster."""
    first: dict[int, int] = {}
    for row in rows:
        first.setdefault(int(clusters[row]), row)
    return list(first.values())


def _positives(
    anchor: AnchorRow,
    how: Literal["random", "first", "nearest"],
    count: int,
    nearest: Mapping[int, int] | None,
    rng: np.random.Generator,
) -> list[int]:
    """Returns different positives of an anchor, at most so many."""
    if how == "nearest" and nearest is not None and anchor.photo in nearest:
        return [nearest[anchor.photo]]
    if how == "first":
        return list(anchor.positives[:count])
    rows: list[int] = rng.permutation(anchor.positives)[:count].tolist()
    return rows


def _drawn(
    anchors: Sequence[AnchorRow], count: int, recipe: TrainingRecipe, epoch: int, step: int, stream: int
) -> list[AnchorRow]:
    """Returns different anchors, each the likelier the more it weighs.

    Where an epoch shows every anchor once, its order is that of one draw without replacement.

    Source: Efraimidis & Spirakis, "Weighted random sampling with a reservoir", Information Processing Letters 2006.
    """
    if not count or not anchors:
        return []
    whole = not recipe.lasting.steps
    rng = np.random.default_rng([recipe.seed, 4 + stream, epoch, 0 if whole else step])
    keys = rng.exponential(size=len(anchors)) / [one.weight for one in anchors]
    order = np.argsort(keys, kind="stable")
    first = step * count % len(anchors) if whole else 0
    rows = np.take(order, np.arange(first, first + min(count, len(anchors))), mode="wrap")
    return [anchors[row] for row in rows.tolist()]
