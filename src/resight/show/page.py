"""Ranked hits and why they are hits, as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from resight.errors import StorageError, UsageError
from resight.files import write_whole
from resight.search.ranking import Verification
from resight.show.evidence import Box, Points, line_colours, located, spread_rows

Image = NDArray[np.uint8]
Mark = Literal["right", "wrong", "junk"]
SIDE = 360
"""Longest side of a thumbnail in pixels."""

_GAP = 8
_QUALITY = 80
_LINES = 40
_HEIGHT = 270
_WIDEST = 480
_ABSENT = "This photo cannot be shown: its file is gone, has changed or cannot be read."


@dataclass(frozen=True)
class PagePhoto:
    """A photo of the page. image: (h, w, 3) uint8 RGB, the photo times `factor`, or None when it cannot be read.

    box (x0, y0, x1, y1), in original pixels: the part of a query that was asked for, or where a hit has the query.
    """

    image: Image | None
    box: Box | None = None
    factor: float = 1.0


@dataclass(frozen=True)
class PageHit:
    """One hit. query: which photo of the query its verification is of; mark: what the ground truth says of it."""

    name: str
    score: float
    photo: PagePhoto
    verification: Verification | None = None
    query: int = 0
    mark: Mark | None = None


@dataclass(frozen=True)
class PageQuery:
    """One query: a photo, or several photos of one thing that were asked together; its hits, best first."""

    title: str
    photos: Sequence[PagePhoto]
    hits: Sequence[PageHit]


@dataclass(frozen=True)
class _Picture:
    """A thumbnail: JPEG as a data URI, its size, and its pixels for each original pixel."""

    uri: str
    width: int
    height: int
    factor: float


def write_page(
    path: str | os.PathLike[str], results: Sequence[PageQuery], *, title: str = "Search results", note: str = ""
) -> Path:
    """Writes one self-contained HTML file with a section for each query, and returns its path.

    Photos are inlined as thumbnails of at most 360 pixels; a verified hit stands beside its query with at most 40 of
    the correspondences, which fade while a person points at them. The file appears whole or not at all.

    Raises UsageError where an image is not (h, w, 3) uint8 or a factor is not positive, StorageError where the disk
    refuses.
    """
    body = "\n".join(_section(query, number) for number, query in enumerate(results))
    page = _PAGE.format(title=_text(title), note=_text(note), style=_STYLE, body=body or "<p>No queries.</p>")
    target = Path(path)
    try:
        write_whole(target, page.encode("utf-8", "replace"))
    except OSError as error:
        raise StorageError(
            f"{target}: the page could not be written ({error.strerror}); name a file where it can be written"
        ) from error
    return target


def _text(text: str) -> str:
    """Text for HTML, also inside quotes; control characters become their pictures, as a page may not hold them."""
    return html.escape("".join(chr(0x2400 + ord(c)) if ord(c) < 32 else c for c in text), quote=True)


def _picture(image: Image, factor: float) -> _Picture:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or factor <= 0:
        raise UsageError("a page needs RGB uint8 images with positive factors")
    shrink = min(1.0, SIDE / max(image.shape[:2]))
    if shrink < 1.0:
        size = (max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise UsageError("an image of the page could not be written as JPEG: it may be empty")
    encoded = base64.b64encode(data.tobytes()).decode("ascii")
    return _Picture(f"data:image/jpeg;base64,{encoded}", image.shape[1], image.shape[0], factor * shrink)


def _corners(box: Box) -> Points:
    x0, y0, x1, y1 = box
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _polygon(points: Points, kind: str) -> str:
    listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in np.clip(points, -1e5, 1e5))
    return f'<polygon class="halo" points="{listed}"/><polygon class="{kind}" points="{listed}"/>'


def _section(query: PageQuery, number: int) -> str:
    pictures = [None if one.image is None else _picture(one.image, one.factor) for one in query.photos]
    shown = "".join(
        _asked(photo, picture, f"query-{number}-{place}", query.title)
        for place, (photo, picture) in enumerate(zip(query.photos, pictures, strict=True))
    )
    cards = "\n".join(_card(hit, rank, query, pictures, number) for rank, hit in enumerate(query.hits, start=1))
    verified = sum(hit.verification is not None for hit in query.hits)
    count = "1 hit" if len(query.hits) == 1 else f"{len(query.hits)} hits"
    found = f"{count}, {verified} verified by matched points" if query.hits else "Nothing was found."
    return (
        f'<section><header><div class="queries">{shown}</div>'
        f'<div><h2>{_text(query.title)}</h2><p class="quiet">{found}</p></div></header>'
        f'<ol class="hits">{cards}</ol></section>'
    )


def _asked(photo: PagePhoto, picture: _Picture | None, key: str, title: str) -> str:
    if picture is None:
        return f'<div class="absent query">{_ABSENT}</div>'
    part = _polygon(_corners(photo.box) * picture.factor, "box") if photo.box else ""
    label = f"The query {_text(title)}" + (", the part that was asked for outlined" if photo.box else "")
    return (
        f'<svg class="query" role="img" aria-label="{label}" viewBox="0 0 {picture.width} {picture.height}">'
        f'<image id="{key}" width="{picture.width}" height="{picture.height}" href="{picture.uri}"/>{part}</svg>'
    )


def _card(hit: PageHit, rank: int, query: PageQuery, asked: Sequence[_Picture | None], number: int) -> str:
    facts = [f"score {hit.score:.3f}"]
    if hit.verification is not None:
        facts.append(f"{hit.verification.inliers} inliers")
    picture = None if hit.photo.image is None else _picture(hit.photo.image, hit.photo.factor)
    beside = asked[hit.query] if hit.verification is not None else None
    if picture is None:
        figure = f'<div class="absent">{_ABSENT}</div>'
    elif hit.verification is None or beside is None:
        figure = _single(hit, picture)
    else:
        part = query.photos[hit.query].box
        figure = _pair(hit, hit.verification, part, query.title, beside, picture, f"query-{number}-{hit.query}")
    mark = f'<span class="mark {hit.mark}">{hit.mark}</span>' if hit.mark else ""
    wide = " pair" if picture is not None and beside is not None else ""
    return (
        f'<li class="card{wide}"><figure>{figure}<figcaption><span class="rank">{rank}</span> '
        f'<span class="name">{_text(hit.name)}</span> {mark} <span class="quiet">{" · ".join(facts)}</span>'
        "</figcaption></figure></li>"
    )


def _single(hit: PageHit, picture: _Picture) -> str:
    outline = _polygon(_corners(hit.photo.box) * picture.factor, "box") if hit.photo.box else ""
    return (
        f'<svg role="img" aria-label="{_text(hit.name)}" viewBox="0 0 {picture.width} {picture.height}">'
        f'<image width="{picture.width}" height="{picture.height}" href="{picture.uri}"/>{outline}</svg>'
    )


def _pair(
    hit: PageHit, why: Verification, part: Box | None, title: str, asked: _Picture, picture: _Picture, key: str
) -> str:
    """The query and a verified hit side by side at one height; the query's pixels are those of its section.

    The part that was asked for is outlined in both: where the transform puts it, or its bounds where that is no shape.
    """
    left, right = _Place.of(asked, 0.0), _Place.of(picture, 0.0)
    right = replace(right, x=left.width + _GAP)
    rows = spread_rows(why.query_xy, _LINES)
    starts, ends = left.put(why.query_xy[rows]), right.put(why.image_xy[rows])
    lines = "".join(
        f'<g stroke="#{r:02x}{g:02x}{b:02x}" fill="#{r:02x}{g:02x}{b:02x}">'
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'
        f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="1.8"/><circle cx="{x1:.1f}" cy="{y1:.1f}" r="1.8"/></g>'
        for (x0, y0), (x1, y1), (r, g, b) in zip(starts, ends, line_colours(starts), strict=True)
    )
    asked_part = found_part = ""
    if part is not None:
        asked_part = _polygon(_corners(part) * asked.factor, "box")
        quad = located(why.transform, part)
        if quad is not None:
            found_part = _polygon(quad * picture.factor, "box")
        elif hit.photo.box is not None:
            found_part = _polygon(_corners(hit.photo.box) * picture.factor, "box dashed")
    label = f"{why.inliers} matched points join the query {_text(title)} and {_text(hit.name)}"
    image = f'<image width="{picture.width}" height="{picture.height}" href="{picture.uri}"/>'
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {right.x + right.width:.1f} {_HEIGHT}">'
        f'{left.frame(f"""<use href="#{key}"/>{asked_part}""")}{right.frame(f"{image}{found_part}")}'
        f'<g class="lines">{lines}</g></svg>'
    )


@dataclass(frozen=True)
class _Place:
    """Where a picture stands in the drawing of a pair: as high as the drawing unless that makes it too wide."""

    picture: _Picture
    x: float
    scale: float

    @classmethod
    def of(cls, picture: _Picture, x: float) -> _Place:
        return cls(picture, x, min(_HEIGHT / picture.height, _WIDEST / picture.width))

    @property
    def width(self) -> float:
        return self.picture.width * self.scale

    @property
    def y(self) -> float:
        return (_HEIGHT - self.picture.height * self.scale) / 2

    def put(self, xy: NDArray[np.floating]) -> Points:
        """(n, 2) original pixels to the drawing."""
        return np.asarray(xy * (self.picture.factor * self.scale) + (self.x, self.y), np.float64)

    def frame(self, content: str) -> str:
        """The picture's pixels as a part of the drawing."""
        height = self.picture.height * self.scale
        return (
            f'<svg x="{self.x:.1f}" y="{self.y:.1f}" width="{self.width:.1f}" height="{height:.1f}"'
            f' viewBox="0 0 {self.picture.width} {self.picture.height}">{content}</svg>'
        )


_STYLE = """
:root { color-scheme: light dark; --page: #f6f5f2; --card: #ffffff; --ink: #1d1d1f; --quiet: #66646a; --edge: #dddad3;
  --mat: #ebe9e4; }
@media (prefers-color-scheme: dark) {
  :root { --page: #17181a; --card: #222427; --ink: #ececec; --quiet: #a2a4a9; --edge: #36393d; --mat: #1b1d1f; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1500px; padding: 1.5rem; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .2rem 0 0; }
section { border-top: 1px solid var(--edge); margin-top: 1.25rem; padding-top: 1.25rem; }
header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; margin-bottom: 1rem; }
svg { display: block; width: 100%; height: auto; }
.queries { display: flex; flex-wrap: wrap; gap: .5rem; }
svg.query { width: auto; height: 180px; max-width: 100%; border-radius: 6px; }
.hits { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem; grid-template-columns: repeat(4, 1fr); }
.pair { grid-column: span 2; }
@media (max-width: 1000px) { .hits { grid-template-columns: repeat(2, 1fr); } }
@media (max-width: 600px) { .hits { grid-template-columns: 1fr; } .pair { grid-column: auto; } }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; overflow: hidden; }
figure { margin: 0; height: 100%; display: flex; flex-direction: column; }
figure > svg, figure > .absent { background: var(--mat); aspect-ratio: 4 / 3; }
.pair figure > svg { aspect-ratio: 8.1 / 3; }
figcaption { padding: .55rem .7rem; display: flex; flex-wrap: wrap; gap: .2rem .6rem; align-items: baseline; }
.rank { font-weight: 700; }
.name { overflow-wrap: anywhere; flex: 1 1 9rem; }
.quiet { color: var(--quiet); font-size: .87rem; font-variant-numeric: tabular-nums; }
.mark { font-size: .8rem; padding: 0 .45rem; border-radius: 9px; color: #fff; }
.right { background: #1b7f4b; } .wrong { background: #b3322b; } .junk { background: #6b6b70; }
.absent { padding: 1rem; display: grid; place-items: center; text-align: center; color: var(--quiet); }
.absent.query { width: 240px; height: 180px; border-radius: 6px; background: var(--mat); }
polygon { fill: none; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.halo { stroke: #000; stroke-opacity: .55; stroke-width: 4; } .box { stroke: #ffb000; stroke-width: 2; }
.dashed { stroke-dasharray: 6 4; }
.lines line { stroke-width: 1.2; stroke-opacity: .7; vector-effect: non-scaling-stroke; }
.lines circle { stroke: none; }
.lines { transition: opacity .15s; } svg:hover > .lines { opacity: .12; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<p class="quiet">{note}</p>
<main>
{body}
</main>
</body>
</html>
"""
