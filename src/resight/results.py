"""What a search returns: hits, best first, each with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass

from resight.images import Box
from resight.search.ranking import Verification


@dataclass(frozen=True)
class Hit:
    """One image of a ranking.

    inliers, transform (3 x 3, query pixels to image pixels) and box (where the query was found, original pixels) are
    None where nothing was verified; `verification` has the matched points. query: which of several queries the
    evidence is of, from 0.
    """

    name: str
    score: float
    inliers: int | None = None
    transform: list[list[float]] | None = None
    box: Box | None = None
    verification: Verification | None = None
    query: int = 0


@dataclass(frozen=True)
class Result:
    """The answer to one query, best first. size: (width, height) of the query photo; seconds: of the search alone."""

    query: str
    box: Box | None
    hits: list[Hit]
    seconds: float
    size: tuple[int, int] = (0, 0)
