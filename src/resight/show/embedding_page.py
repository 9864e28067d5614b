"""Writes photos in the plane as one interactive HTML file: it zooms, drags, and enlarges photos."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from resight.images.thumbnails import thumbnail
from resight.manifold.embedding import Method
from resight.markup import plain_text
from resight.show.document import write_document
from resight.show.embedding import PlacedPhoto, Plane, thumbnail_side
from resight.show.palette import Group, coloured
from resight.show.scripts import data_element, script_element

EUCLIDEAN, MANIFOLD, QUERY = "#101014", "#ffd400", "#e6007e"
"""Colours of the marks: a square, a disc, and the frame of the query. None is like the colour of a group."""
ON_EUCLIDEAN, ON_MANIFOLD = "#ffffff", "#000000"
"""Colours of the ranks on them."""
TITLES: dict[Method, str] = {
    "isomap": "Isomap",
    "mds": "multidimensional scaling",
    "spectral": "spectral embedding",
    "tsne": "t-SNE",
}
GROUPS_LISTED = 40
"""Groups that a legend names, the largest first."""


def describe(plane: Plane) -> str:
    """Returns a line that says what is drawn."""
    part = f"all {plane.total:,}" if plane.drawn == plane.total else f"{plane.drawn:,} of {plane.total:,}"
    return f"{part} photos by {TITLES[plane.method]}"


def write_embedding_page(path: str | os.PathLike[str], plane: Plane, *, title: str) -> Path:
    """Writes one self-contained HTML file, whole or not at all, and returns its path.

    The file contains each photo once, as a thumbnail (all together about 12 MB), which serves in the plane and for the
    enlarged view. Raises StorageError where the disk refuses.
    """
    groups = coloured([photo.group for photo in plane.photos])
    body = "\n".join(
        [_FRAME, _legend(plane, groups), data_element(_data(plane, groups)), script_element("embedding.js")]
    )
    note = f"{describe(plane)}. Wheel or + and - to zoom, drag to move, point at a photo to see it."
    return write_document(path, title=title, note=note, style=_STYLE, body=body)


def _data(plane: Plane, groups: list[Group]) -> dict[str, Any]:
    place = {group.name: number for number, group in enumerate(groups)}
    side = thumbnail_side(len(plane.photos))
    return {
        "groups": [[_sendable(group.name), group.colour] for group in groups],
        "photos": [_photo(photo, place[photo.group], side) for photo in plane.photos],
        "marks": {"euclidean": [EUCLIDEAN, ON_EUCLIDEAN], "manifold": [MANIFOLD, ON_MANIFOLD], "query": QUERY},
    }


def _photo(photo: PlacedPhoto, group: int, side: int) -> dict[str, Any]:
    picture = None if photo.image is None else thumbnail(photo.image, 1.0, side)
    return {
        "name": _sendable(photo.name),
        "x": round(photo.x, 5),
        "y": round(photo.y, 5),
        "group": group,
        "picture": None if picture is None else [picture.uri, picture.width, picture.height],
        "query": photo.is_query,
        "euclidean": photo.euclidean,
        "manifold": photo.manifold,
    }


def _sendable(name: str) -> str:
    """Returns a name as a script can store and show it: a stray byte of a file name is not text."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _legend(plane: Plane, groups: list[Group]) -> str:
    marks = ""
    if plane.query is not None:
        both = sum(bool(photo.euclidean and photo.manifold) for photo in plane.photos)
        marks = (
            f'<ul class="legend marks"><li><span class="frame" style="border-color: {QUERY}"></span>the query, '
            f'<span class="name">{plain_text(plane.query.name)}</span></li>'
            f'<li><span class="square" style="background: {EUCLIDEAN}; color: {ON_EUCLIDEAN}">1</span>'
            f'Euclidean neighbours</li><li><span class="disc" style="background: {MANIFOLD}; color: {ON_MANIFOLD}">1'
            "</span>manifold neighbours</li>"
            f"<li>{both} are both</li></ul>"
        )
    listed = "".join(
        f'<li><button type="button" data-group="{number}" aria-pressed="false">'
        f'<span class="square" style="background: {group.colour}"></span>'
        f'<span class="name">{plain_text(group.name) or "in no group"}</span> {group.count:,}</button></li>'
        for number, group in enumerate(groups[:GROUPS_LISTED])
    )
    more = len(groups) - GROUPS_LISTED
    rest = f'<li class="quiet">and {more:,} smaller groups</li>' if more > 0 else ""
    return f'{marks}<ul class="legend groups">{listed}{rest}</ul>'


_FRAME = """<figure class="plane"><canvas id="plane" tabindex="0" role="img"
 aria-label="Photos, alike ones together"></canvas>
<div class="zoom"><button id="in" type="button" aria-label="Zoom in">+</button>
<button id="out" type="button" aria-label="Zoom out">&minus;</button>
<button id="whole" type="button">all</button></div>
<div id="card" hidden><img alt=""><p class="name"></p><p class="quiet"></p></div></figure>
<noscript><p>This picture is drawn by a script of the page, and scripts are off.</p></noscript>"""

_STYLE = """
.plane { position: relative; margin-top: 1rem; border: 1px solid var(--edge); border-radius: 8px; overflow: hidden;
  background: var(--card); }
canvas { display: block; width: 100%; height: 76vh; touch-action: none; cursor: grab; }
canvas.moving { cursor: grabbing; }
.zoom { position: absolute; right: .6rem; top: .6rem; display: flex; gap: .3rem; }
button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--edge); border-radius: 6px;
  cursor: pointer; }
.zoom button { min-width: 2.2rem; height: 2.2rem; }
#card { position: absolute; pointer-events: none; background: var(--card); border: 1px solid var(--edge);
  border-radius: 8px; padding: .5rem; max-width: 345px; box-shadow: 0 4px 18px #0005; }
#card img { display: block; max-width: 320px; min-width: 200px; max-height: 320px; margin: 0 auto .3rem; }
#card img:not([src]) { display: none; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem .5rem; list-style: none; margin: .7rem 0 0; padding: 0;
  font-size: .87rem; align-items: center; }
.marks { gap: .3rem 1.2rem; }
.legend button { padding: .1rem .55rem; } .legend button[aria-pressed=true] { outline: 2px solid currentColor; }
.square, .disc, .frame { display: inline-block; min-width: 1.25em; height: 1.25em; margin-right: .4em;
  text-align: center; font-size: .8em; font-weight: 700; line-height: 1.25em; vertical-align: baseline; }
.groups .square { min-width: .8em; height: .8em; } .disc { border-radius: 50%; } .frame { border: 4px solid; }
"""
