"""Labelled queries of buildings: photo, box, and names under each label such as good, ok and junk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resight.errors import UsageError
from resight.folders.walking import is_below
from resight.images import Box


@dataclass(frozen=True)
class LabelledQuery:
    """A query with its labels.

    image: the photo's name without suffix; box: x0, y0, x1, y1 in pixels; labels: names by label, no name under two of
    them.

    where: the file, or file and key, that it comes from.
    """

    image: str
    box: Box
    labels: Mapping[str, frozenset[str]]
    where: str

    def names(self, *labels: str) -> frozenset[str]:
        """Returns the names under any of these labels."""
        return frozenset[str]().union(*(self.labels[label] for label in labels))


def checked_name(name: str, where: str) -> str:
    """Returns a photo's name. Raises UsageError where it is not the path of a file below the folder of photos."""
    if not is_below(name):
        raise UsageError(f"{where}: {name!r:.100} is not the name of a photo")
    return name


def checked_box(values: Sequence[float], where: str) -> Box:
    """Returns a box. Raises UsageError unless it is four numbers with an area."""
    if len(values) != 4 or not all(math.isfinite(value) for value in values):
        raise UsageError(f"{where}: must be four numbers x0, y0, x1, y1")
    x0, y0, x1, y1 = map(float, values)
    if x1 <= x0 or y1 <= y0:
        raise UsageError(f"{where}: the box {x0:g},{y0:g},{x1:g},{y1:g} is empty; x0, y0 is its upper left corner")
    return x0, y0, x1, y1


def require_apart(labels: Mapping[str, frozenset[str]], where: str) -> None:
    """Raises UsageError where a name has two labels."""
    kinds = list(labels)
    for position, kind in enumerate(kinds):
        for other in kinds[position + 1 :]:
            if both := labels[kind] & labels[other]:
                raise UsageError(f"{where}: {min(both)} is both {kind} and {other}")
