"""Search results as sections of a page: thumbnails of the photos, read from where they were indexed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resight.errors import ImageError
from resight.evaluation.dataset import Mark
from resight.images import Box, decode
from resight.reader import Reader
from resight.results import Hit, Result
from resight.show.page import PageHit, PagePhoto, PageQuery
from resight.show.thumbnails import SIDE

Source = str | Path | NDArray[np.uint8]


def page_query(
    reader: Reader,
    result: Result,
    asked: Sequence[tuple[Source, Box | None]],
    mark: Callable[[str], Mark | None] | None = None,
) -> PageQuery:
    """The section of one result. asked: the photos, or names of indexed photos, that were asked with, and their boxes.

    mark: what the ground truth says of a name, where there is one. A photo whose file is gone, has changed since it was
    indexed or cannot be read any more is left without its picture.
    """
    photos = [_photo(_pixels_of(reader, source), box) for source, box in asked]
    hits = [_page_hit(reader, hit, mark) for hit in result.hits]
    return PageQuery(result.query, photos, hits)


def _page_hit(reader: Reader, hit: Hit, mark: Callable[[str], Mark | None] | None) -> PageHit:
    photo = _photo(reader.file_of(reader.snapshot.images.by_name[hit.name]), hit.box)
    judged = mark(hit.name) if mark is not None else None
    return PageHit(hit.name, hit.score, photo, hit.verification, hit.query, judged)


def _pixels_of(reader: Reader, source: Source) -> Path | NDArray[np.uint8] | None:
    """Where the pixels of a query are: a name in the index wins over a file, as it does in a search."""
    if isinstance(source, str) and source in reader.snapshot.images.by_name:
        return reader.file_of(reader.snapshot.images.by_name[source])
    return Path(source) if isinstance(source, str) else source


def _photo(pixels: Path | NDArray[np.uint8] | None, box: Box | None) -> PagePhoto:
    if isinstance(pixels, np.ndarray):
        return PagePhoto(pixels, box)
    if pixels is None:
        return PagePhoto(None, box)
    try:
        decoded = decode(pixels, max_side=SIDE)
    except ImageError:
        return PagePhoto(None, box)
    return PagePhoto(decoded.pixels, box, max(decoded.pixels.shape[:2]) / max(decoded.size))
