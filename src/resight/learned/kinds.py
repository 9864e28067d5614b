"""Sources of fitted arrays, as a recipe names them; importing this module imports no implementation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import StringConstraints

FitName = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f]+$")]
""" "builtin", "collection", or the path of a file: what a recipe writes."""

FULL = 1.0
"""Power of a whitening that leaves equal variances: Jegou & Chum, ECCV 2012, section 4.1."""

Stored = Literal["int8", "float32"]
"""The form in which a whitening's projection is kept: in one byte a number, or as it was fitted."""


@dataclass(frozen=True)
class WhiteningTerms:
    """The choices of a whitening by principal components beside its dimensions: see `fit_pca_whitening`.

    shrinkage: None for d / (d + n).
    """

    power: float = FULL
    shrinkage: float | None = None
    stored: Stored = "int8"

    @property
    def name(self) -> str:
        """Returns what tells two fits apart; how they are kept changes nothing of what they mean."""
        return f"power={self.power:g}" + ("" if self.shrinkage is None else f", shrinkage={self.shrinkage:g}")


@dataclass(frozen=True)
class FitSource:
    """The origin of a channel's fitted arrays.

    It is what ships with resight, a file of this path, a fit on the photos that are indexed, or the checkpoint of the
    network.
    """

    kind: Literal["builtin", "file", "collection", "checkpoint"]
    path: str = ""

    @classmethod
    def named(cls, fit: str) -> FitSource:
        """Reads the source that a recipe names by `fit = "builtin" | "collection" | PATH`."""
        match fit:
            case "builtin":
                return cls("builtin")
            case "collection":
                return cls("collection")
            case _:
                return cls("file", fit)

    def __str__(self) -> str:
        return self.path or self.kind


class Keeps(StrEnum):
    """The evidence of images that a second look or a search may need."""

    WORDS = "words with positions"
    BAGS = "bags of words"
    VECTORS = "one vector an image"
    REGIONS = "a vector a region"
