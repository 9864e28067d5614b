"""Validation on clusters that are held out of the tuples: how well their photos find each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32, Int64, Mask
from resight.evaluation.metrics import oxford_ap, positions
from resight.learned.whitening import fit_pca_whitening
from resight.training.drawing import Seen
from resight.training.kinds import TrainingRecipe
from resight.training.material import Material

REAL, RENDERED = "real", "rendered"


@dataclass(frozen=True)
class Question:
    """A query of the validation. kind: real or rendered. positives, junk: rows of photos."""

    seen: Seen
    kind: str
    positives: frozenset[int]
    junk: frozenset[int]


@dataclass(frozen=True)
class Validation:
    """Queries, and the photos (n,) among which they are asked. others: those of them that were not held out."""

    questions: Sequence[Question]
    database: Int64
    others: Int64


@dataclass(frozen=True)
class Score:
    """Mean average precision of the real and of the rendered queries; NaN where there are none.

    aps: of each query.
    """

    real: float
    rendered: float
    aps: Sequence[float]

    @property
    def value(self) -> float:
        """The mean of what there is."""
        return float(np.nanmean([self.real, self.rendered])) if self.aps else float("nan")


def validation_of(material: Material, held: Mask, recipe: TrainingRecipe) -> Validation:
    """Returns the queries of the held-out photos (n,): anchors with real positives, and rendered views of all.

    Photos that may show the same thing, but are no positives, are junk.
    """
    limits = recipe.validation
    rng = np.random.default_rng([recipe.seed, 6])
    own = np.flatnonzero(held)
    rest = np.flatnonzero(~held)
    room = max(0, limits.database - len(own))
    others = np.sort(rng.permutation(rest)[:room])
    database = np.sort(np.concatenate([own[: limits.database], others]))
    there = set(database.tolist())
    questions = []
    real = [one for one in material.anchors if held[one.photo] and any(row in there for row in one.positives)]
    for number in np.sort(rng.permutation(len(real))[: limits.queries]).tolist():
        one = real[number]
        positives = frozenset(one.positives) & there
        questions.append(
            Question(Seen(one.photo, "plain", ()), REAL, positives, _junk(material, one.photo) - positives)
        )
    for photo in np.sort(rng.permutation([row for row in own.tolist() if row in there])[: limits.queries]).tolist():
        seen = Seen(photo, "strong", (recipe.seed, 7, photo))
        positives = frozenset([photo])
        questions.append(Question(seen, RENDERED, positives, _junk(material, photo) - positives))
    return Validation(questions, database, others)


def judge(validation: Validation, queries: Float32, database: Float32) -> Score:
    """Returns the score of descriptors of the queries (q, D) and of the database (n, D)."""
    similarity = queries @ database.T
    aps = []
    for question, row in zip(validation.questions, similarity, strict=True):
        ranking = validation.database[np.argsort(-row, kind="stable")].tolist()
        found = positions(ranking, question.positives, question.junk)
        aps.append(oxford_ap(found, len(question.positives)))
    return Score(_mean(validation, aps, REAL), _mean(validation, aps, RENDERED), aps)


def whitened(queries: Float32, database: Float32, sample: Float32) -> tuple[Float32, Float32]:
    """Returns both, whitened by a fit on a sample: unwhitened descriptors are judged wrongly."""
    whitening = fit_pca_whitening(sample, sample.shape[1])
    return whitening.apply(queries), whitening.apply(database)


def _junk(material: Material, photo: int) -> frozenset[int]:
    mates = np.flatnonzero(material.clusters == material.clusters[photo]).tolist()
    return frozenset(material.related[photo]) | frozenset(mates)


def _mean(validation: Validation, aps: Sequence[float], kind: str) -> float:
    own = [ap for ap, question in zip(aps, validation.questions, strict=True) if question.kind == kind]
    return float(np.mean(own)) if own else float("nan")
