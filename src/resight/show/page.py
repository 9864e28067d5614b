"""Ranked hits and why they are hits, as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import html
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from resight.errors import StorageError, UsageError
from resight.search.ranking import Verification
from resight.show.evidence import Box, Points, line_colours, located, spread_rows

Image = NDArray[np.uint8]
Mark = Literal["right", "wrong", "junk"]
_SIDE = 320
_GAP = 8
_QUALITY = 80
_LINES = 60


@dataclass(frozen=True)
class PageHit:
    """One hit. image: (h, w, 3) uint8 RGB, the photo times `factor`, or None when it cannot be read any more.

    verification and box (x0, y0, x1, y1) are in original pixels of the photo; mark: what the ground truth says of it.
    """

    name: str
    score: float
    image: Image | None
    verification: Verification | None = None
    box: Box | None = None
    mark: Mark | None = None
    factor: float = 1.0


@dataclass(frozen=True)
class PageQuery:
    """One query. image: (h, w, 3) uint8 RGB, the photo times `factor`; box: the part asked for, in original pixels."""

    title: str
    image: Image
    box: Box | None
    hits: Sequence[PageHit]
    factor: float = 1.0


@dataclass(frozen=True)
class _Picture:
    """A thumbnail: JPEG as a data URI, its size, and its pixels for each original pixel."""

    uri: str
    width: int
    height: int
    factor: float


def write_page(path: str | os.PathLike[str], results: Sequence[PageQuery], *, title: str = "Search results") -> Path:
    """Writes one self-contained HTML file with a section for each query, and returns its path.

    Photos are inlined as thumbnails of at most 320 pixels; a verified hit stands beside its query with at most 60 of
    the correspondences. The file appears whole or not at all.

    Raises UsageError where an image is not (h, w, 3) uint8 or a factor is not positive, StorageError where the disk
    refuses.
    """
    body = "\n".join(_section(query, number) for number, query in enumerate(results))
    page = _PAGE.format(title=_text(title), style=_STYLE, body=body or "<p>No queries.</p>")
    target = Path(path)
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}-", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(page.encode("utf-8", "replace"))
                file.flush()
                os.fsync(file.fileno())
                temporary.chmod(0o644)
                os.replace(temporary, target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StorageError(
            f"{target}: the page could not be written ({error.strerror}); name a folder that exists and has room"
        ) from error
    return target


def _text(text: str) -> str:
    """Text for HTML, also inside quotes; control characters become their pictures, as a page may not hold them."""
    return html.escape("".join(chr(0x2400 + ord(c)) if ord(c) < 32 else c for c in text), quote=True)


def _picture(image: Image, factor: float) -> _Picture:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or factor <= 0:
        raise UsageError("a page needs RGB uint8 images with positive factors")
    shrink = min(1.0, _SIDE / max(image.shape[:2]))
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
    picture = _picture(query.image, query.factor)
    asked = _polygon(_corners(query.box) * picture.factor, "box") if query.box else ""
    label = f"The query {_text(query.title)}" + (", the part that was asked for outlined" if query.box else "")
    shown = (
        f'<svg class="query" role="img" aria-label="{label}" viewBox="0 0 {picture.width} {picture.height}">'
        f'<image id="query-{number}" width="{picture.width}" height="{picture.height}" href="{picture.uri}"/>'
        f"{asked}</svg>"
    )
    cards = "\n".join(_card(hit, rank, query, picture, number) for rank, hit in enumerate(query.hits, start=1))
    verified = sum(hit.verification is not None for hit in query.hits)
    found = f"{len(query.hits)} hits, {verified} of them verified" if query.hits else "Nothing was found."
    return (
        f'<section><header>{shown}<div><h2>{_text(query.title)}</h2><p class="quiet">{found}</p></div></header>'
        f'<ol class="hits">{cards}</ol></section>'
    )


def _card(hit: PageHit, rank: int, query: PageQuery, asked: _Picture, number: int) -> str:
    facts = [f"score {hit.score:.3f}"]
    if hit.verification is not None:
        facts.append(f"{hit.verification.inliers} inliers")
    name = _text(hit.name)
    if hit.image is None:
        figure = '<div class="absent">This photo cannot be shown: its file could not be read.</div>'
    elif hit.verification is None:
        figure = _single(hit, _picture(hit.image, hit.factor))
    else:
        figure = _pair(hit, hit.verification, query, asked, _picture(hit.image, hit.factor), number)
    mark = f'<span class="mark {hit.mark}">{hit.mark}</span>' if hit.mark else ""
    wide = " pair" if hit.image is not None and hit.verification is not None else ""
    return (
        f'<li class="card{wide}"><figure>{figure}<figcaption><span class="rank">{rank}</span> '
        f'<span class="name">{name}</span> {mark}<span class="quiet">{" · ".join(facts)}</span>'
        "</figcaption></figure></li>"
    )


def _single(hit: PageHit, picture: _Picture) -> str:
    outline = _polygon(_corners(hit.box) * picture.factor, "box") if hit.box else ""
    return (
        f'<svg role="img" aria-label="{_text(hit.name)}" viewBox="0 0 {picture.width} {picture.height}">'
        f'<image width="{picture.width}" height="{picture.height}" href="{picture.uri}"/>{outline}</svg>'
    )


def _pair(hit: PageHit, why: Verification, query: PageQuery, asked: _Picture, picture: _Picture, number: int) -> str:
    """The query and a verified hit side by side, in one drawing; the query's pixels are those of its section."""
    height = max(asked.height, picture.height)
    down, hit_down, across = (height - asked.height) / 2, (height - picture.height) / 2, asked.width + _GAP
    width = across + picture.width
    rows = spread_rows(why.query_xy, _LINES)
    starts = why.query_xy[rows] * asked.factor + (0, down)
    ends = why.image_xy[rows] * picture.factor + (across, hit_down)
    lines = "".join(
        f'<g stroke="#{r:02x}{g:02x}{b:02x}" fill="#{r:02x}{g:02x}{b:02x}">'
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'
        f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="1.8"/><circle cx="{x1:.1f}" cy="{y1:.1f}" r="1.8"/></g>'
        for (x0, y0), (x1, y1), (r, g, b) in zip(starts, ends, line_colours(starts), strict=True)
    )
    whole = (0.0, 0.0, asked.width / asked.factor, asked.height / asked.factor)
    quad = located(why.transform, query.box or whole)
    outlines = "" if quad is None else _polygon(quad * picture.factor, "box")
    if hit.box is not None:
        outlines += _polygon(_corners(hit.box) * picture.factor, "box dashed")
    part = _polygon(_corners(query.box) * asked.factor, "box") if query.box else ""
    label = f"{why.inliers} matched points join the query {_text(query.title)} and {_text(hit.name)}"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}">'
        f'<svg y="{down:g}" width="{asked.width}" height="{asked.height}"><use href="#query-{number}"/>{part}</svg>'
        f'<svg x="{across}" y="{hit_down:g}" width="{picture.width}" height="{picture.height}">'
        f'<image width="{picture.width}" height="{picture.height}" href="{picture.uri}"/>{outlines}</svg>'
        f'<g class="lines">{lines}</g></svg>'
    )


_STYLE = """
:root { color-scheme: light dark; --page: #f6f5f2; --card: #ffffff; --ink: #1d1d1f; --quiet: #66646a; --edge: #dddad3; }
@media (prefers-color-scheme: dark) {
  :root { --page: #17181a; --card: #222427; --ink: #ececec; --quiet: #a2a4a9; --edge: #36393d; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1500px; padding: 1.5rem; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; }
h2 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--edge); padding: 1.25rem 0; }
header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; margin-bottom: 1rem; }
svg { display: block; width: 100%; height: auto; }
svg.query { width: min(320px, 100%); border-radius: 6px; }
.hits { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(260px, 100%), 1fr)); }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; overflow: hidden; }
.pair { grid-column: span 2; }
@media (max-width: 600px) { .pair { grid-column: auto; } }
figure { margin: 0; }
figcaption { padding: .55rem .7rem; display: flex; flex-wrap: wrap; gap: .2rem .6rem; align-items: baseline; }
.rank { font-weight: 700; }
.name { overflow-wrap: anywhere; flex: 1 1 9rem; }
.quiet { color: var(--quiet); font-size: .87rem; font-variant-numeric: tabular-nums; }
.mark { font-size: .8rem; padding: 0 .45rem; border-radius: 9px; color: #fff; }
.right { background: #1b7f4b; } .wrong { background: #b3322b; } .junk { background: #6b6b70; }
.absent { padding: 2.5rem 1rem; text-align: center; color: var(--quiet); }
polygon { fill: none; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.halo { stroke: #000; stroke-opacity: .55; stroke-width: 4; } .box { stroke: #ffb000; stroke-width: 2; }
.dashed { stroke-dasharray: 6 4; }
.lines line { stroke-width: 1.1; stroke-opacity: .75; vector-effect: non-scaling-stroke; }
.lines circle { stroke: none; }
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
<main>
{body}
</main>
</body>
</html>
"""
