"""Colours for any number of groups, always the same for the same groups."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

OTHERS = "#8a8a90"
"""Colour of photos in no group."""

_FIRST = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#aa4499",
    "#b8860b",
    "#56b4e9",
    "#7a4a1e",
    "#e377c2",
    "#9b1c31",
    "#8fae00",
    "#4b2e9e",
    "#00a3a3",
)
"""The first of them can be distinguished with any colour vision: after Okabe and Ito, Color universal design, 2008."""
_GOLDEN = 0.618033988749895
_LEVELS = ((0.45, 0.75), (0.6, 0.6), (0.33, 0.8))


@dataclass(frozen=True)
class Group:
    """A group of photos, "" where they are in none. colour: #rrggbb."""

    name: str
    colour: str
    count: int


def coloured(names: Sequence[str]) -> list[Group]:
    """Returns the named groups, the largest first, then by name; photos in no group, "", come last and are grey.

    After twelve chosen colours come hues that differ clearly from those just before them.
    """
    counts = Counter(names)
    alone = counts.pop("", 0)
    order = sorted(counts, key=lambda name: (-counts[name], name))
    groups = [Group(name, _colour(place), counts[name]) for place, name in enumerate(order)]
    return [*groups, Group("", OTHERS, alone)] if alone else groups


def rgb(colour: str) -> tuple[int, int, int]:
    """Returns the bytes of #rrggbb."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _colour(place: int) -> str:
    if place < len(_FIRST):
        return _FIRST[place]
    lightness, saturation = _LEVELS[place % len(_LEVELS)]
    red, green, blue = colorsys.hls_to_rgb(place * _GOLDEN % 1.0, lightness, saturation)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
