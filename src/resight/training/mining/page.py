"""Writes what mining has found as one self-contained HTML file: figures, and anchors with what was found for them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from resight.index.collection import Collection
from resight.markup import plain_text
from resight.progress import NamedProgress
from resight.show.document import write_document
from resight.show.gallery import Gallery
from resight.show.side_by_side import STYLE, side_by_side
from resight.training.mining.drawn import Shown, ShownAnchor, drawn_anchors, shown_anchor
from resight.training.mining.mined import LeftOut, Mined, figures_of
from resight.training.tuples import Anchor

SIDE = 240
"""Longest side of a thumbnail in pixels."""
WEAKEST, AT_RANDOM = 8, 16
"""Anchors of each sort on the page."""
MOST = 3
"""Photos of each sort that are shown of an anchor."""
LEFT_OUT = 60
"""Photos that were thrown out and are shown, at most."""

_ABSENT = "This photo cannot be shown: its file is gone, has changed or cannot be read."
_SORTS = (
    ("positives", "right", "the same thing"),
    ("negatives", "wrong", "likely hard negative"),
    ("kept_apart", "junk", "no negative: may be the same thing"),
)


def write_mining_page(
    path: str | os.PathLike[str],
    collection: Collection,
    mined: Mined,
    *,
    note: str = "",
    progress: NamedProgress | None = None,
) -> Path:
    """Writes one self-contained page of tuples that were mined from a collection, and returns its path.

    The anchors with the weakest evidence come first, since faults are there, then others as training draws them. The
    file appears whole or not at all. Raises StorageError where the disk refuses.
    """
    weak, others = drawn_anchors(mined.tuples, WEAKEST, AT_RANDOM)
    gallery, done = Gallery(), 0

    def drawn(anchors: Sequence[Anchor]) -> str:
        nonlocal done
        sections = []
        for anchor in anchors:
            sections.append(_section(gallery, collection, shown_anchor(collection, mined.tuples, anchor, MOST)))
            done += 1
            if progress is not None:
                progress("drawing", done, len(weak) + len(others))
        return "".join(sections)

    parts = [_figures(mined)]
    if weak:
        parts.append(f"<h2>Weakest evidence</h2>{drawn(weak)}")
    if others:
        parts.append(f"<h2>Drawn at random</h2>{drawn(others)}")
    if mined.left_out:
        parts.append(_left_out(gallery, collection, mined.left_out))
    told = (
        f"{note}: mined by {mined.tuples.kind}; the number of a positive is its {mined.tuples.evidence}. "
        f"Tuples {mined.tuples.hash()[:12]}."
    )
    body = gallery.definitions() + "\n".join(parts)
    return write_document(path, title="Mined tuples", note=told, style=_STYLE + STYLE, body=body)


def _figures(mined: Mined) -> str:
    rows = "".join(
        f"<tr><th>{plain_text(label)}</th><td>{plain_text(str(value))}</td></tr>"
        for label, value in figures_of(mined).items()
    )
    notes = "".join(f"<p>{plain_text(note)}.</p>" for note in mined.notes)
    return f'<table class="figures">{rows}</table>{notes}'


def _section(gallery: Gallery, collection: Collection, shown: ShownAnchor) -> str:
    anchor = shown.anchor
    cards = [
        _card(gallery, collection, anchor.name, one, style, text)
        for sort, style, text in _SORTS
        for one in getattr(shown, sort)
    ]
    several = "1 positive" if len(anchor.positives) == 1 else f"{len(anchor.positives)} positives"
    count = several if anchor.positives else "its positives are rendered from it"
    picture = gallery.shown(_file(collection, anchor.name), anchor.name, SIDE) or f'<div class="absent">{_ABSENT}</div>'
    return (
        f'<section><div class="anchor"><div class="asked">{picture}</div><div><h3>{plain_text(anchor.name)}</h3>'
        f'<p class="quiet">{count}, drawn with weight {anchor.weight:.3g}</p></div></div>'
        f'<ol class="row">{"".join(cards)}</ol></section>'
    )


def _card(gallery: Gallery, collection: Collection, anchor: str, one: Shown, style: str, text: str) -> str:
    figure = _pair(gallery, collection, anchor, one)
    wide = " pair" if figure is not None else ""
    if figure is None:
        figure = gallery.shown(_file(collection, one.name), one.name, SIDE) or f'<div class="absent">{_ABSENT}</div>'
    return (
        f'<li class="card{wide}"><figure>{figure}<figcaption><span class="mark {style}">{text}</span> '
        f'<span class="name">{plain_text(one.name)}</span><span class="quiet">{plain_text(one.why)}</span>'
        "</figcaption></figure></li>"
    )


def _pair(gallery: Gallery, collection: Collection, anchor: str, one: Shown) -> str | None:
    """Returns both photos with lines between matched points, None where none match or a photo cannot be read."""
    files = _file(collection, anchor), _file(collection, one.name)
    if one.matched is None or files[0] is None or files[1] is None:
        return None
    left, right = gallery.picture(files[0], SIDE), gallery.picture(files[1], SIDE)
    if left is None or right is None:
        return None
    label = f"{one.matched.inliers} matched points join {anchor} and {one.name}"
    points = one.matched.query_xy, one.matched.image_xy
    return side_by_side(left[1], right[1], (left[0], right[0]), label, points)


def _left_out(gallery: Gallery, collection: Collection, photos: Sequence[LeftOut]) -> str:
    cards = []
    for one in photos[:LEFT_OUT]:
        picture = gallery.shown(_file(collection, one.name), one.name, SIDE) or f'<div class="absent">{_ABSENT}</div>'
        cards.append(
            f'<li class="card"><figure>{picture}<figcaption><span class="name">{plain_text(one.name)}</span>'
            f'<span class="quiet">{plain_text(one.reason)}</span></figcaption></figure></li>'
        )
    more = f", of which {LEFT_OUT} are shown" if len(photos) > LEFT_OUT else ""
    return f'<h2>{len(photos)} photos were thrown out{more}</h2><ol class="row">{"".join(cards)}</ol>'


def _file(collection: Collection, name: str) -> Path | None:
    return collection.file_of(collection.snapshot.images.by_name[name])


_STYLE = """
h2 { margin-top: 1.5rem; } h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
.figures { margin-top: 1rem; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.figures th { text-align: left; font-weight: 400; padding: .1rem 1.5rem .1rem 0; } .figures td { text-align: right; }
.anchor { display: flex; gap: 1rem; align-items: center; } .asked svg { width: auto; height: 150px; }
.row { list-style: none; margin: .8rem 0 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); }
.pair { grid-column: span 2; }
@media (max-width: 600px) { .pair { grid-column: auto; } }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; overflow: hidden; }
figure > svg, figure > .absent { background: var(--mat); aspect-ratio: 4 / 3; }
.pair figure > svg { aspect-ratio: 8.1 / 3; }
figcaption { padding: .55rem .7rem; display: flex; flex-wrap: wrap; gap: .2rem .5rem; align-items: baseline; }
.name { flex: 1 1 8rem; } figcaption > .quiet { flex: 1 0 100%; overflow-wrap: anywhere; unicode-bidi: isolate; }
.absent { padding: 1rem; display: grid; place-items: center; text-align: center; color: var(--quiet); }
"""
