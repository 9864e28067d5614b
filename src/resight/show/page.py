"""Writes ranked hits and what speaks for them as one self-contained HTML file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from resight.arrays import Pixels
from resight.datasets.dataset import Mark
from resight.images import Box, label_of
from resight.images.thumbnails import Thumbnail, thumbnail
from resight.markup import plain_text
from resight.probability.verdict import MEANINGS, VERDICTS, Verdict, verdict
from resight.search.ranking import Verification
from resight.show.contributions import outlined_boxes
from resight.show.correspondences import located
from resight.show.document import write_document
from resight.show.outlines import corners, outline
from resight.show.shared_words import STYLE as WORD_STYLE
from resight.show.shared_words import placed_words, told
from resight.show.side_by_side import STYLE, side_by_side

if TYPE_CHECKING:
    from resight.descriptors.contributions import Contribution
    from resight.words.shares import WordShare

_HOW_EXPLAINED = (
    "Boxes: the positions of the channels that add most to the similarity, in both photos; the thin box around each is "
    "all that the position depends on. Point at one to see what it adds."
)
_HOW_WORDS_MATCH = (
    "Dots: the places of the words that add most to the similarity, one colour a word, in both photos; the box in a "
    "hit is the window in which the query was found. Point at a dot to see what its word adds."
)
_ABSENT = "This photo cannot be shown: its file is gone, has changed or cannot be read."


@dataclass(frozen=True)
class PagePhoto:
    """A photo of the page. image: (h, w, 3) uint8 RGB, the photo times `factor`, or None when it cannot be read.

    box (x0, y0, x1, y1), in original pixels: the searched part of a query, or the part of a hit that shows the query.
    edges: (h, w, 3), dark on light, what was compared, where that was not the photo itself.
    """

    image: Pixels | None
    box: Box | None = None
    factor: float = 1.0
    edges: Pixels | None = None


@dataclass(frozen=True)
class PageHit:
    """One hit. query: the photo of the query that its verification refers to; mark: its ground truth.

    contributions: the channels whose feature maps match those of the query, where it was found by feature maps; words:
    those that it shares with the query, where it was found by bags of words. copy: whether it has the same bytes as the
    query; mirrored: whether it shows the query mirrored. probability: that it shows the same thing as the query, None
    where that was not estimated.
    """

    name: str
    score: float
    photo: PagePhoto
    verification: Verification | None = None
    query: int = 0
    mark: Mark | None = None
    contributions: Sequence[Contribution] = ()
    words: Sequence[WordShare] = ()
    copy: bool = False
    mirrored: bool = False
    probability: float | None = None


@dataclass(frozen=True)
class PageQuery:
    """One query: a photo, or several photos of one thing in one search; its hits, best first.

    error: why it could not be asked with, empty where it could. note: how it was treated.
    """

    title: str
    photos: Sequence[PagePhoto]
    hits: Sequence[PageHit]
    error: str = ""
    note: str = ""


def write_page(
    path: str | os.PathLike[str], results: Sequence[PageQuery], *, title: str = "Search results", note: str = ""
) -> Path:
    """Writes one self-contained HTML file with a section for each query, and returns its path.

    Photos are inlined as thumbnails of at most 360 pixels. A verified hit is beside its query with at most 40 of the
    correspondences, which fade while a person points at them; a hit with contributions is beside its query with boxes
    on both. The file appears whole or not at all.

    Raises UsageError where an image is not (h, w, 3) uint8 or a factor is not positive, StorageError where the disk
    refuses.
    """
    body = "\n".join(_section(query, number) for number, query in enumerate(results))
    return write_document(
        path, title=title, note=note, style=_STYLE + STYLE + WORD_STYLE, body=body or "<p>No queries.</p>"
    )


def _section(query: PageQuery, number: int) -> str:
    pictures = [None if one.image is None else thumbnail(one.image, one.factor) for one in query.photos]
    shown = "".join(
        _asked(photo, picture, f"query-{number}-{place}", query.title) + _lines(photo, f"The edges of {query.title}")
        for place, (photo, picture) in enumerate(zip(query.photos, pictures, strict=True))
    )
    cards = "\n".join(_cards(query, pictures, number))
    verified = sum(hit.verification is not None for hit in query.hits)
    count = "1 hit" if len(query.hits) == 1 else f"{len(query.hits)} hits"
    nothing = plain_text(query.error) if query.error else "Nothing was found."
    found = f"{count}, {verified} verified by matched points" if query.hits else nothing
    if any(hit.contributions for hit in query.hits):
        found += f". {_HOW_EXPLAINED}"
    if any(hit.words for hit in query.hits):
        found += f". {_HOW_WORDS_MATCH}"
    if query.note:
        found = f"{plain_text(query.note[:1].upper() + query.note[1:])}. {found}"
    return (
        f'<section><header><div class="queries">{shown}</div>'
        f'<div><h2>{plain_text(query.title)}</h2><p class="quiet">{found}</p></div></header>'
        f'<ol class="hits">{cards}</ol></section>'
    )


def _cards(query: PageQuery, asked: Sequence[Thumbnail | None], number: int) -> Iterator[str]:
    """Yields sure hits, then possible ones, then the rest, each under a heading line; then those without a verdict."""
    ranked = list(enumerate(query.hits, start=1))
    for one in (*VERDICTS, None):
        part = [(rank, hit) for rank, hit in ranked if _verdict(hit) == one]
        if part and one is not None:
            yield f'<li class="line {one}"><b>{len(part)} {one}</b> {plain_text(MEANINGS[one])}</li>'
        yield from (_card(hit, rank, query, asked, number) for rank, hit in part)


def _verdict(hit: PageHit) -> Verdict | None:
    return None if hit.probability is None else verdict(hit.probability)


def _asked(photo: PagePhoto, picture: Thumbnail | None, key: str, title: str) -> str:
    if picture is None:
        return f'<div class="absent query">{_ABSENT}</div>'
    part = outline(corners(photo.box) * picture.factor, "box") if photo.box else ""
    label = f"The query {plain_text(title)}" + (", the part that was asked for outlined" if photo.box else "")
    return (
        f'<svg class="query" role="img" aria-label="{label}" viewBox="0 0 {picture.width} {picture.height}">'
        f'<image id="{key}" width="{picture.width}" height="{picture.height}" href="{picture.uri}"/>{part}</svg>'
    )


def _lines(photo: PagePhoto, label: str) -> str:
    """Draws the edges or lines of a query; nothing where none were compared."""
    if photo.edges is None:
        return ""
    picture = thumbnail(photo.edges, 1.0)
    return (
        f'<svg class="query" role="img" aria-label="{plain_text(label)}" '
        f'viewBox="0 0 {picture.width} {picture.height}">{_image(picture)}</svg>'
    )


def _card(hit: PageHit, rank: int, query: PageQuery, asked: Sequence[Thumbnail | None], number: int) -> str:
    facts = [f"score {hit.score:.3f}"]
    if hit.probability is not None:
        facts.append(f"probability {hit.probability:.2f}")
    if hit.copy:
        facts.insert(0, "identical file")
    if hit.verification is not None:
        facts.append(f"{hit.verification.inliers} inliers")
    elif hit.contributions:
        facts.append(f"{len(hit.contributions)} channels add {sum(one.share for one in hit.contributions):.3f}")
    elif hit.words:
        facts.append(f"{len(hit.words)} words add {sum(one.share for one in hit.words):.3f}")
    if hit.mirrored:
        facts.append("mirrored")
    picture = None if hit.photo.image is None else thumbnail(hit.photo.image, hit.photo.factor)
    beside = asked[hit.query] if hit.verification is not None or hit.contributions or hit.words else None
    edges = None if hit.photo.edges is None else thumbnail(hit.photo.edges, 1.0)
    if picture is None:
        figure = f'<div class="absent">{_ABSENT}</div>'
    elif edges is not None:
        label = f"{plain_text(label_of(hit.name))} and its edges"
        figure = side_by_side(picture, edges, (_image(picture), _image(edges)), label)
    elif beside is None:
        figure = _single(hit, picture)
    elif hit.verification is None and hit.contributions:
        figure = _explained(hit, query.title, beside, picture, f"query-{number}-{hit.query}")
    elif hit.verification is None:
        part = query.photos[hit.query].box
        figure = _with_words(hit, part, query.title, beside, picture, f"query-{number}-{hit.query}")
    else:
        part = query.photos[hit.query].box
        figure = _pair(hit, hit.verification, part, query.title, beside, picture, f"query-{number}-{hit.query}")
    mark = f'<span class="mark {hit.mark}">{hit.mark}</span>' if hit.mark else ""
    wide = " pair" if picture is not None and (beside is not None or edges is not None) else ""
    return (
        f'<li class="card{wide}"><figure>{figure}<figcaption><span class="rank">{rank}</span> '
        f'<span class="name">{plain_text(label_of(hit.name))}</span> {mark} '
        f'<span class="quiet">{" · ".join(facts)}</span>'
        "</figcaption></figure></li>"
    )


def _single(hit: PageHit, picture: Thumbnail) -> str:
    part = outline(corners(hit.photo.box) * picture.factor, "box") if hit.photo.box else ""
    return (
        f'<svg role="img" aria-label="{plain_text(label_of(hit.name))}" viewBox="0 0 {picture.width} {picture.height}">'
        f'<image width="{picture.width}" height="{picture.height}" href="{picture.uri}"/>{part}</svg>'
    )


def _pair(
    hit: PageHit, why: Verification, part: Box | None, title: str, asked: Thumbnail, picture: Thumbnail, key: str
) -> str:
    """Draws the query and a verified hit side by side at one height; the query's pixels are those of its section.

    The searched part is outlined in both: in the hit as transformed, or by its bounds where the transform gives no
    valid shape.
    """
    asked_part = found_part = ""
    if part is not None:
        asked_part = outline(corners(part) * asked.factor, "box")
        quad = located(why.transform, part)
        if quad is not None:
            found_part = outline(quad * picture.factor, "box")
        elif hit.photo.box is not None:
            found_part = outline(corners(hit.photo.box) * picture.factor, "box dashed")
    label = f"{why.inliers} matched points join the query {title} and {label_of(hit.name)}"
    drawn = f'<use href="#{key}"/>{asked_part}', f"{_image(picture)}{found_part}"
    return side_by_side(asked, picture, drawn, label, (why.query_xy, why.image_xy))


def _explained(hit: PageHit, title: str, asked: Thumbnail, picture: Thumbnail, key: str) -> str:
    """Draws the query and a hit side by side at one height, with the places of the channels that make them similar."""
    told = [f"channel {one.channel} adds {one.share:+.3f}" for one in hit.contributions]
    in_query = [(one.query_box, one.query_field) for one in hit.contributions]
    in_hit = [(one.image_box, one.image_field) for one in hit.contributions]
    asked_boxes = outlined_boxes(in_query, told, asked.factor)
    found_boxes = outlined_boxes(in_hit, told, picture.factor)
    label = f"Similar parts of the query {title} and {label_of(hit.name)}: {'; '.join(told)}"
    drawn = f'<use href="#{key}"/>{asked_boxes}', f"{_image(picture)}{found_boxes}"
    return side_by_side(asked, picture, drawn, label)


def _with_words(hit: PageHit, part: Box | None, title: str, asked: Thumbnail, picture: Thumbnail, key: str) -> str:
    """Draws the query and a hit side by side at one height, with the places of the words that make them similar."""
    titles = [told(one) for one in hit.words]
    in_query = placed_words([one.query_xy for one in hit.words], titles, asked.factor, part)
    in_hit = placed_words([one.image_xy for one in hit.words], titles, picture.factor, hit.photo.box)
    label = f"Words that the query {title} and {label_of(hit.name)} share: {'; '.join(titles)}"
    return side_by_side(asked, picture, (f'<use href="#{key}"/>{in_query}', f"{_image(picture)}{in_hit}"), label)


def _image(picture: Thumbnail) -> str:
    return f'<image width="{picture.width}" height="{picture.height}" href="{picture.uri}"/>'


_STYLE = """
header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; margin-bottom: 1rem; }
.queries { display: flex; flex-wrap: wrap; gap: .5rem; }
svg.query { width: auto; height: 180px; max-width: 100%; border-radius: 6px; }
.hits { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem; grid-template-columns: repeat(4, 1fr); }
.pair { grid-column: span 2; }
.line { grid-column: 1 / -1; border-top: 2px solid var(--edge); padding-top: .4rem; color: var(--quiet); }
@media (max-width: 1000px) { .hits { grid-template-columns: repeat(2, 1fr); } }
@media (max-width: 600px) { .hits { grid-template-columns: 1fr; } .pair { grid-column: auto; } }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; overflow: hidden; }
figure { height: 100%; display: flex; flex-direction: column; }
figure > svg, figure > .absent { background: var(--mat); aspect-ratio: 4 / 3; }
.pair figure > svg { aspect-ratio: 8.1 / 3; }
figcaption { padding: .55rem .7rem; display: flex; flex-wrap: wrap; gap: .2rem .6rem; align-items: baseline; }
.name { flex: 1 1 9rem; }
.absent { padding: 1rem; display: grid; place-items: center; text-align: center; color: var(--quiet); }
.absent.query { width: 240px; height: 180px; border-radius: 6px; background: var(--mat); }
rect { vector-effect: non-scaling-stroke; pointer-events: all; } .label { stroke: none; }
rect.field, rect.cell, rect.halo { fill: none; }
.field { stroke-width: 1; stroke-opacity: .3; pointer-events: none; } .cell { stroke-width: 2.5; }
.channel text { font-size: 13px; font-weight: 700; stroke: none; fill: #000; }
.channel:hover .field { stroke-width: 2.5; stroke-opacity: 1; } .channel:hover .cell { stroke-width: 4; }
"""
