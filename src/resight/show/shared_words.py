"""Draws where the words that a query and a hit share are, one colour a word, as SVG on the thumbnails of a page."""

from __future__ import annotations

from collections.abc import Sequence

from resight.arrays import Float32
from resight.images import Box
from resight.show.contributions import colour_of
from resight.show.outlines import corners, outline
from resight.words.shares import WordShare

STYLE = """
path.word { fill: none; stroke-width: 5; stroke-linecap: round; stroke-opacity: .85; pointer-events: all; }
path.word.halo { stroke: #000; stroke-width: 7; stroke-opacity: .5; }
"""
"""CSS of the places of words."""


def told(share: WordShare) -> str:
    """Returns what is said of a word that two photos share."""
    places = f"{len(share.query_xy)} in the query, {len(share.image_xy)} here"
    return f"word {share.word} adds {share.share:+.3f}; places: {places}"


def placed_words(places: Sequence[Float32], titles: Sequence[str], factor: float, part: Box | None) -> str:
    """Draws SVG of the places (n, 2) of each word on a photo that is the original times `factor`.

    The first word is on top. titles: HTML that is shown for each word when a person points at it. part: the box of the
    query, or the window in which it was found, outlined where there is one.
    """
    drawn = [outline(corners(part) * factor, "box")] if part is not None else []
    for number, (xy, title) in reversed(list(enumerate(zip(places, titles, strict=True)))):
        # A line of no length with round ends is a dot, in a few bytes.
        dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in (xy * factor).tolist())
        colour = "#{:02x}{:02x}{:02x}".format(*colour_of(number))
        drawn.append(
            f'<g><title>{title}</title><path class="word halo" d="{dots}"/>'
            f'<path class="word" stroke="{colour}" d="{dots}"/></g>'
        )
    return "".join(drawn)
