"""Walks over photos, and what is fitted on what they give; importing it imports no implementation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from resight.arrays import Array, Arrays, Float32
    from resight.features.extractor import Extractor

    Fitted: TypeAlias = dict[str, Array]


@dataclass(frozen=True)
class Terms:
    """The terms of a fit beside its sample.

    searched: whether the photos are those that are searched; `progress` is called with a line on how far it is.
    """

    seed: int
    searched: bool = False
    progress: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Pass:
    """One walk over photos, and what is fitted on what they give.

    limit: rows at most of all photos, of each an equal share; where one_each, photos at most, of each its one row.
    rows_of: an extractor, and the arrays of the passes before, to what is taken of the features of a photo, (m, d).
    fit: a sample (n, d) to arrays; sizes shrink where n is too small, with a warning in the log.
    """

    limit: int
    rows_of: Callable[[Extractor[Any, Any], Arrays], Callable[[Any], Float32]]
    fit: Callable[[Float32, Terms], Fitted]
    one_each: bool = False
