"""What a search returns: hits, best first, each with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass

from resight.images import Box
from resight.search.ranking import Verification


@dataclass(frozen=True)
class Hit:
    """One image of a ranking; its name is a `Name`, which asks for the image again even where there is such a file.

    inliers, transform (3 x 3, query pixels to image pixels) and box (where the query was found, original pixels) are
    None where nothing was verified; `verification` has the matched points. query: which of several queries the
    evidence is of, from 0. copy: its file has every byte of the query's, which makes it certain. mirrored: it shows the
    query as a mirror does; the transform is of the query as it is, and mirrors.
    """

    name: str
    score: float
    inliers: int | None = None
    transform: list[list[float]] | None = None
    box: Box | None = None
    verification: Verification | None = None
    query: int = 0
    copy: bool = False
    mirrored: bool = False


@dataclass(frozen=True)
class Result:
    """The answer to one query, best first. size: (width, height) of the query photo; seconds: of the search alone."""

    query: str
    box: Box | None
    hits: list[Hit]
    seconds: float
    size: tuple[int, int] = (0, 0)
