"""Makes search results into sections of a page: thumbnails of the photos, read from where they were indexed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from resight.datasets.dataset import Mark
from resight.errors import ImageError
from resight.images import Box, Decoded, decode, decode_bytes
from resight.index.collection import Collection
from resight.index.explaining import Explainer, can_explain
from resight.index.queries import Indexed, Meant, Source, meant_by
from resight.index.results import Hit, Result
from resight.show.page import PageHit, PagePhoto, PageQuery
from resight.show.thumbnails import SIDE

if TYPE_CHECKING:
    from resight.descriptors.contributions import Contribution

Progress = Callable[[str, int, int], None]
"""Called with the current step, the number of items done, and the total."""


def page_query(
    collection: Collection,
    result: Result,
    asked: Sequence[tuple[Source, Box | None]],
    mark: Callable[[str], Mark | None] | None = None,
    progress: Progress | None = None,
) -> PageQuery:
    """Makes the section of one result. asked: the query photos, and the box of each.

    mark: returns the ground truth of a name, where there is one. A photo whose file is gone, has changed since it was
    indexed or cannot be read any more is shown without its picture.

    Where the search was by feature maps pooled to one vector, the network runs again for each query photo and each hit,
    to find the matching channels; `progress` is called meanwhile.
    """
    explained = _explained(collection, result, asked, progress)
    photos = [_photo(collection, meant_by(collection, source), box) for source, box in asked]
    hits = [_page_hit(collection, hit, mark, explained.get(row, ())) for row, hit in enumerate(result.hits)]
    return PageQuery(result.query, photos, hits)


def _explained(
    collection: Collection, result: Result, asked: Sequence[tuple[Source, Box | None]], progress: Progress | None
) -> dict[int, Sequence[Contribution]]:
    """Returns contributions by rank, for readable hits of readable queries that no second look verified.

    A hit that shows the query mirrored matches in other channels than the unmirrored query, and is left out.
    """
    if not asked or not can_explain(collection):
        return {}
    rows = [row for row, hit in enumerate(result.hits) if hit.verification is None and not hit.mirrored]
    explainers: dict[int, Explainer | None] = {}
    found: dict[int, Sequence[Contribution]] = {}
    for done, row in enumerate(rows, start=1):
        hit = result.hits[row]
        try:
            if hit.query not in explainers:
                explainers[hit.query] = None
                explainers[hit.query] = Explainer(collection, *asked[hit.query])
            explainer = explainers[hit.query]
            if explainer is not None:
                found[row] = explainer.contributions(hit.name)
        except ImageError:
            pass  # the page says that it cannot be read
        if progress is not None:
            progress("comparing", done, len(rows))
    return found


def _page_hit(
    collection: Collection,
    hit: Hit,
    mark: Callable[[str], Mark | None] | None,
    contributions: Sequence[Contribution],
) -> PageHit:
    photo = _photo(collection, Indexed(collection.snapshot.images.by_name[hit.name]), hit.box)
    judged = mark(hit.name) if mark is not None else None
    return PageHit(
        hit.name,
        hit.score,
        photo,
        hit.verification,
        hit.query,
        judged,
        contributions,
        copy=hit.copy,
        mirrored=hit.mirrored,
        probability=hit.probability,
    )


def _photo(collection: Collection, source: Meant, box: Box | None) -> PagePhoto:
    try:
        decoded = _decoded(collection, source)
    except ImageError:
        decoded = None
    if decoded is None:
        return PagePhoto(None, box)
    return PagePhoto(decoded.pixels, box, max(decoded.pixels.shape[:2]) / max(decoded.size))


def _decoded(collection: Collection, source: Meant) -> Decoded | None:
    if isinstance(source, np.ndarray):
        return Decoded(source, (source.shape[1], source.shape[0]))
    if isinstance(source, bytes):
        return decode_bytes(source, "bytes", max_side=SIDE)
    path = collection.file_of(source.place) if isinstance(source, Indexed) else source
    return None if path is None else decode(path, max_side=SIDE)
