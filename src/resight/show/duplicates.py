"""Writes groups of duplicates as one self-contained HTML file: photos side by side, and what joins them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from resight.duplicates.report import DuplicateGroup, DuplicateLink, DuplicatePhoto, Duplicates
from resight.errors import ImageError
from resight.images import decode
from resight.images.thumbnails import Thumbnail, thumbnail
from resight.index.collection import Collection
from resight.markup import plain_text
from resight.progress import NamedProgress
from resight.show.correspondences import located
from resight.show.document import write_document
from resight.show.outlines import outline

SIDE = 240
"""Longest side of a thumbnail in pixels: a page may have hundreds."""


_ABSENT = "This photo cannot be shown: its file is gone, has changed or cannot be read."
_TITLES = {"copies": "the same bytes", "near": "the same picture", "same": "the same thing"}
_KEEP = "Suggested to keep: of each picture the photo with the most pixels, then the most bytes, then the oldest."


def write_duplicates_page(
    path: str | os.PathLike[str],
    collection: Collection,
    found: Duplicates,
    *,
    title: str = "Duplicates",
    note: str = "",
    progress: NamedProgress | None = None,
) -> Path:
    """Writes one self-contained page with a section for each group, and returns its path.

    Photos are read from where they were indexed and inlined as thumbnails; one whose file is gone or has changed is
    shown without its picture. An outline shows the part of a photo that its partner of the comparison covers. The file
    appears whole or not at all. Raises StorageError where the disk refuses.
    """
    total = sum(len(group.photos) for group in found.groups)
    done, sections = 0, []
    for number, group in enumerate(found.groups, start=1):
        cards = []
        reasons, sizes = group.reasons(), {photo.name: (photo.width, photo.height) for photo in group.photos}
        for photo in group.photos:
            cards.append(_card(collection, photo, reasons.get(photo.name), sizes))
            done += 1
            if progress is not None:
                progress("drawing", done, total)
        sections.append(_section(number, group, cards))
    body = "\n".join(sections) or "<p>No duplicates were found.</p>"
    told = f"{note}: {len(found.groups)} groups among {found.photos} photos. {_KEEP}"
    return write_document(path, title=title, note=told, style=_STYLE, body=body)


def _section(number: int, group: DuplicateGroup, cards: list[str]) -> str:
    pictures = f", {group.pictures} different pictures" if group.pictures > 1 else ""
    return (
        f"<section><h2>{number}. {len(group.photos)} photos of {_TITLES[group.kind]}{pictures}</h2>"
        f'<ol class="photos">{"".join(cards)}</ol></section>'
    )


def _card(
    collection: Collection, photo: DuplicatePhoto, link: DuplicateLink | None, sizes: dict[str, tuple[int, int]]
) -> str:
    picture = _picture(collection, photo.name)
    marks = (
        [("keep", "right")] * photo.keep + [("largest", "junk")] * photo.largest + [("oldest", "junk")] * photo.oldest
    )
    shown = "".join(f'<span class="mark {style}">{text}</span>' for text, style in marks)
    size = f"{photo.width} x {photo.height} · {photo.bytes:,} bytes · {photo.date[:10]}"
    figure = f'<div class="absent">{_ABSENT}</div>' if picture is None else _drawn(photo, picture, link, sizes)
    return (
        f'<li class="card"><figure>{figure}<figcaption><span class="rank">{photo.picture}</span> '
        f'<span class="name">{plain_text(photo.name)}</span> {shown}'
        f'<span class="quiet">{plain_text(size)}</span><span class="quiet">{_why(photo, link)}</span>'
        "</figcaption></figure></li>"
    )


def _why(photo: DuplicatePhoto, link: DuplicateLink | None) -> str:
    """Returns what joins a photo to its group, as HTML."""
    if photo.copy_of is not None:
        return f"the same bytes as {plain_text(photo.copy_of)}"
    if link is None:
        return ""
    mine, other = (0, link.second) if link.first == photo.name else (1, link.first)
    what = "near-copy of" if link.kind == "near" else "same thing as" if link.sure else "maybe the same thing as"
    facts = f"{link.inliers} inliers, {link.share:.0%} of the common features, {link.coverage[mine]:.0%} of this frame"
    return f"{what} {plain_text(other)}: {facts}"


def _drawn(
    photo: DuplicatePhoto, picture: Thumbnail, link: DuplicateLink | None, sizes: dict[str, tuple[int, int]]
) -> str:
    part = ""
    if link is not None:
        forward = np.array(link.transform)
        other = link.first if link.second == photo.name else link.second
        here = forward if link.second == photo.name else np.linalg.inv(forward)
        width, height = sizes[other]
        quad = located(here, (0.0, 0.0, float(width), float(height)))
        part = "" if quad is None else outline(quad * picture.factor, "box")
    return (
        f'<svg role="img" aria-label="{plain_text(photo.name)}" viewBox="0 0 {picture.width} {picture.height}">'
        f'<image width="{picture.width}" height="{picture.height}" href="{picture.uri}"/>{part}</svg>'
    )


def _picture(collection: Collection, name: str) -> Thumbnail | None:
    file = collection.file_of(collection.snapshot.images.by_name[name])
    if file is None:
        return None
    try:
        decoded = decode(file, max_side=SIDE)
    except ImageError:
        return None
    return thumbnail(decoded.pixels, max(decoded.pixels.shape[:2]) / max(decoded.size), SIDE)


_STYLE = """
.photos { list-style: none; margin: .8rem 0 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; overflow: hidden; }
figure > svg, figure > .absent { background: var(--mat); aspect-ratio: 4 / 3; }
figcaption { padding: .55rem .7rem; display: flex; flex-wrap: wrap; gap: .2rem .5rem; align-items: baseline; }
.name { flex: 1 1 8rem; } figcaption > .quiet { flex: 1 0 100%; overflow-wrap: anywhere; unicode-bidi: isolate; }
.absent { padding: 1rem; display: grid; place-items: center; text-align: center; color: var(--quiet); }
"""
