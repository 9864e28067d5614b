"""A ranked list, the verification of its entries, and what a searcher must offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

from resight.arrays import Float32, Float64, Int64, Mask, Vectors
from resight.images.boxes import Box

QueryT = TypeVar("QueryT", contravariant=True)


@dataclass(frozen=True)
class Verification:
    """The reason why an image matches: a transform and the correspondences that agree with it.

    transform: (3, 3) float64, maps query pixels to image pixels.
    query_xy, image_xy: (n, 2) float32, the inlier correspondences in original pixels.
    score: weight of the inliers as the verifying stage counts them.
    tentative: correspondences among which the inliers were found; the inliers alone where that is not known.
    """

    transform: Float64
    query_xy: Float32
    image_xy: Float32
    score: float
    tentative: int = 0

    @property
    def inliers(self) -> int:
        """The number of inliers."""
        return len(self.query_xy)


@dataclass(frozen=True)
class Lead:
    """The way to an image from another in the ranking of the query, which it verifies or to which a lead leads.

    through: catalogue id of that image; inliers, tentative: of the two, as in `Verification`; part: bounds of these
    inliers (x0, y0, x1, y1) in that image; arrival: their bounds in the image that is led to; surprise: of the first
    look's score when one of the two asked (`Background.surprise`).
    """

    through: int
    inliers: int
    tentative: int
    part: Box
    arrival: Box
    surprise: float


@dataclass(frozen=True)
class Ranking:
    """Images, nearest first. ids: (k,) int64 catalogue ids; scores: (k,) float32, descending.

    verified: by id, why the image matches, where that was verified. probability: by id, that the image shows what the
    query shows, where that has been judged. leads: by id, what leads to the image, where something does; each after the
    lead to what leads to it. boxes: by id, where in the image the query was found, where that is known without a
    transform; in pixels of the original. own: ids of the query's own photo and its copies, where they are in the index.
    """

    ids: Int64
    scores: Float32
    verified: Mapping[int, Verification] = field(default_factory=dict)
    probability: Mapping[int, float] = field(default_factory=dict)
    leads: Mapping[int, Lead] = field(default_factory=dict)
    boxes: Mapping[int, Box] = field(default_factory=dict)
    own: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.ids)

    def first(self, k: int) -> Ranking:
        """Returns the k best images, with their verifications, probabilities and boxes, and what the query's own are.

        Leads are left out: what they lead through may be left out.
        """
        kept = frozenset(self.ids[:k].tolist())
        why = {image: one for image, one in self.verified.items() if image in kept}
        believed = {image: one for image, one in self.probability.items() if image in kept}
        boxes = {image: box for image, box in self.boxes.items() if image in kept}
        return Ranking(self.ids[:k], self.scores[:k], why, believed, boxes=boxes, own=self.own)


class Searcher(Protocol[QueryT]):
    """Nearest first, from one generation of the index, local or remote."""

    def search(self, query: QueryT, k: int, allowed: Mask | None = None) -> Ranking:
        """The k best of the allowed images; ties are broken by name."""
        ...


@runtime_checkable
class MatrixSearcher(Protocol):
    """The offer of a searcher by vectors for which several queries at once are quicker than each alone."""

    def search_many(self, queries: Vectors, k: int, allowed: Mask | None = None) -> Sequence[Ranking]:
        """Returns the rankings of `search` for each of queries (q, d)."""
        ...
