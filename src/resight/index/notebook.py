"""The picture of a result in a notebook: thumbnails of the first hits, in HTML that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resight.errors import ImageError
from resight.images import decode
from resight.images.thumbnails import thumbnail
from resight.markup import plain_text

if TYPE_CHECKING:
    from resight.index.results import Hit, Result

SHOWN = 12
"""Hits that are shown."""
SIDE = 160
"""Longest side of their thumbnails in pixels."""

_FRAME = f"width:{SIDE}px;height:{SIDE * 3 // 4}px;background:rgba(128,128,128,.15)"


def result_html(result: Result) -> str:
    """Returns the picture. Photos are read now, from where they were indexed; one that is not as it was says so."""
    if result.error is not None:
        return f"<div><b>{plain_text(result.query)}</b>: {plain_text(str(result.error))}</div>"
    count = f"{len(result)} {'hit' if len(result) == 1 else 'hits'}"
    more = f", of which the first {SHOWN} are shown" if len(result) > SHOWN else ""
    cards = "".join(_card(rank, hit) for rank, hit in enumerate(result.hits[:SHOWN], start=1))
    return (
        f"<div><div><b>{plain_text(result.query)}</b>: {count}{more}</div>"
        f'<div style="display:flex;flex-wrap:wrap;gap:8px;margin-top:4px">{cards}</div></div>'
    )


def _card(rank: int, hit: Hit) -> str:
    name = plain_text(hit.label)
    return (
        f'<figure style="width:{SIDE}px;margin:0;font-size:12px">{_picture(hit, name)}'
        f'<figcaption style="overflow-wrap:anywhere">{rank} <bdi>{name}</bdi><br>'
        f"{hit.verdict}, probability {hit.probability:.2f}</figcaption></figure>"
    )


def _picture(hit: Hit, name: str) -> str:
    file = None if hit.file is None else hit.file.unchanged()
    if file is None:
        return _absent("its file is gone or has changed")
    try:
        photo = decode(file, SIDE)
    except ImageError as error:
        return _absent(plain_text(error.reason))
    small = thumbnail(photo.pixels, 1.0, SIDE)
    return f'<img alt="{name}" src="{small.uri}" style="{_FRAME};object-fit:contain;display:block">'


def _absent(why: str) -> str:
    return f'<div style="{_FRAME};display:grid;place-items:center;text-align:center">{why}</div>'
