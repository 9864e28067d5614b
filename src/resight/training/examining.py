"""The product before and after training, on the clusters that were held out, by the whole descriptor of an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32, Int64, Mask
from resight.errors import UsageError
from resight.learned.whitening import Whitening
from resight.training.drawing import Seen
from resight.training.indexed import Source, from_file, from_pixels
from resight.training.kinds import TrainingRecipe
from resight.training.material import Material
from resight.training.model import Part
from resight.training.photos import TrainingPhotos
from resight.training.validation import Score, Validation, judge
from resight.training.views import Views
from resight.training.whitening import PhotoVectors, described, fit_by_components, fit_on_pairs


@dataclass(frozen=True)
class Sample:
    """Images that whitenings are fitted on and judged by.

    photos: the number of training photos, which come first; views: that of their rendered views, which follow. pairs:
    (p, 2) numbers of images that match. judged: numbers of the queries of the validation, then of its database.
    """

    sources: Sequence[Source]
    photos: int
    views: int
    pairs: Int64
    judged: Sequence[int]

    @property
    def fitted(self) -> range:
        """Numbers of the images that a whitening is fitted on."""
        return range(self.photos + self.views)

    def without_views(self) -> Sample:
        """Returns the same without rendered views of training photos, which only a learned whitening needs."""
        gone = self.views
        sources = [*self.sources[: self.photos], *self.sources[self.photos + gone :]]
        judged = [number if number < self.photos else number - gone for number in self.judged]
        return Sample(sources, self.photos, 0, self.pairs[(self.pairs < self.photos).all(axis=1)], judged)


@dataclass(frozen=True)
class Examined:
    """A whitening of each part, and how well it does: similarity: (queries, database)."""

    whitenings: Sequence[Whitening]
    score: Score
    similarity: Float32


def sample_of(
    recipe: TrainingRecipe,
    photos: TrainingPhotos,
    material: Material,
    held: Mask,
    validation: Validation,
    views: Views,
    side: int,
) -> Sample:
    """Returns the images: training photos drawn by seed, views of them, and the queries and photos of the validation.

    material: without what is held out (n,). side: to which photos are decoded. Raises UsageError where a whitening is
    to be learned, and there is no pair.
    """
    learns = recipe.product.whitening in ("learned", "best")
    drawn = _drawn(recipe, material, np.flatnonzero(~held), paired=learns)
    place = {row: number for number, row in enumerate(drawn)}

    def photo(row: int) -> Source:
        return from_file(photos.files[photos.names[row]], side)

    def view(seen: Seen) -> Source:
        return from_pixels(lambda: views.full(seen))

    sources = [photo(row) for row in drawn]
    pairs = {
        (min(place[one.photo], place[row]), max(place[one.photo], place[row]))
        for one in material.anchors
        for row in one.positives
        if one.photo in place and row in place
    }
    if learns and not pairs and not recipe.product.views:
        raise UsageError(
            "no anchor of the tuples has a positive, so that no whitening can be learned on pairs: set "
            'product.views = 1, or product.whitening = "pca"'
        )
    rendered = []
    for number in range(recipe.product.views):
        for row in drawn:
            rendered.append((place[row], len(sources)))
            sources.append(view(Seen(row, "strong", (recipe.seed, 10, number, row))))
    count = len(sources) - len(drawn)
    judged = []
    for question in validation.questions:
        judged.append(len(sources))
        seen = question.seen
        sources.append(photo(seen.photo) if seen.look == "plain" else view(seen))
    for row in validation.database.tolist():
        judged.append(place.get(row, len(sources)))
        if row not in place:
            sources.append(photo(row))
    every = np.array([*sorted(pairs), *rendered], np.int64).reshape(-1, 2)
    return Sample(sources, len(drawn), count, every, judged)


def _drawn(recipe: TrainingRecipe, material: Material, rest: Int64, *, paired: bool) -> list[int]:
    """Returns rows of photos that whitenings are fitted on, ascending, drawn by seed from `rest` (m,).

    paired: half of them are anchors, each with one of its positives, as far as there are any; of a large collection
    photos drawn one by one are hardly ever a pair.
    """
    rng = np.random.default_rng([recipe.seed, 9])
    order = rng.permutation(rest).tolist()
    room = min(recipe.product.photos, len(order))
    drawn: dict[int, None] = {}
    if paired:
        anchors = material.with_positives
        for number in rng.permutation(len(anchors)).tolist():
            if len(drawn) >= room // 2:
                break
            one = anchors[number]
            drawn |= dict.fromkeys((one.photo, int(rng.choice(one.positives))))
    for row in order:
        if len(drawn) >= room:
            break
        drawn[row] = None
    return sorted(drawn)


def examine(
    kind: str,
    parts: Sequence[Part],
    how: str,
    rows: Sequence[PhotoVectors],
    sample: Sample,
    validation: Validation,
    given: Sequence[Whitening] = (),
) -> Examined:
    """Judges the whitenings of one kind: pca or learned, fitted on the vectors of a sample, or others, as `given`."""
    whitenings: Sequence[Whitening]
    if kind in ("trained", "start"):
        whitenings = given
    elif kind == "learned":
        own = [one.some(sample.fitted) for one in rows]
        whitenings = [fit_on_pairs(one, sample.pairs, part) for one, part in zip(own, parts, strict=True)]
    else:
        own = [one.some(range(sample.photos)) for one in rows]
        whitenings = [fit_by_components(one, part) for one, part in zip(own, parts, strict=True)]
    vectors = described(parts, how, [one.some(list(sample.judged)) for one in rows], whitenings)
    count = len(validation.questions)
    queries, database = vectors[:count], vectors[count:]
    return Examined(whitenings, judge(validation, queries, database), queries @ database.T)
