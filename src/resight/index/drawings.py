"""Queries that are line drawings: what a person says of them, what they look like, and the sentence that tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from resight.arrays import Pixels
from resight.channels.channel import Channel
from resight.errors import UsageError
from resight.features.edges.framed import asked
from resight.features.edges.verdict import Look, look_at
from resight.features.extractor import SeesDrawings
from resight.images import Box, Decoded, part_of

if TYPE_CHECKING:
    from resight.index.queries import Query

DRAWN = "a line drawing: its lines are compared with the edges of the photos"
EDGED = "a photo: its edges are compared with those of the photos"
NO_LINES = "no lines can be seen in it: draw something, dark on light or light on dark"


def sees_drawings(channels: Mapping[str, Channel]) -> bool:
    """Returns whether a recipe compares edges, so that it can be asked with a drawing."""
    return any(isinstance(one.extractor, SeesDrawings) for one in channels.values())


def as_drawing(channels: Mapping[str, Channel], decoded: Decoded, query: Query, title: str) -> tuple[Decoded, str]:
    """Returns a query photo that knows whether it is a drawing, and a sentence for the person who asked.

    The sentence is empty where the recipe sees no edges, or the person has said what it is and it looks like that.
    Raises UsageError where a drawing is asked for that no channel can see, or that has no lines.
    """
    if not sees_drawings(channels):
        if query.sketch:
            raise UsageError(
                f"{title}: this index compares no edges, so that it cannot be asked with a drawing: make one with "
                "`resight index PHOTOS --recipe sketches`"
            )
        return decoded, ""
    pixels = decoded.pixels if query.box is None else part_of(decoded, query.box).pixels
    look = look_at(pixels)
    if look.kind == "empty" and query.sketch is not False:
        raise UsageError(f"{title}: {NO_LINES}")
    is_drawing = look.kind == "drawing" if query.sketch is None else query.sketch
    return replace(decoded, drawing=is_drawing), sentence(look, query.sketch)


def edges_seen(channels: Mapping[str, Channel], decoded: Decoded, box: Box | None = None) -> Pixels | None:
    """Returns (h, w, 3) the edges or lines of a picture, dark on light, that a recipe compares; None where it has none.

    Raises UsageError where the box has no area inside of the picture.
    """
    for channel in channels.values():
        if isinstance(channel.extractor, SeesDrawings):
            edges = channel.extractor.edges(*asked(decoded, box))
            return np.repeat(np.rint(255.0 * (1.0 - edges)).astype(np.uint8)[..., None], 3, axis=2)
    return None


def sentence(look: Look, said: bool | None) -> str:
    """Returns how a query is treated, where a person may want it treated otherwise."""
    looks_drawn = look.kind == "drawing"
    if said is None:
        return f"it looks like {DRAWN if looks_drawn else EDGED}"
    if said and not looks_drawn:
        return "it is treated as a line drawing, as you say, and looks like a photo"
    if not said and looks_drawn:
        return "it is treated as a photo, as you say, and looks like a line drawing"
    return ""
