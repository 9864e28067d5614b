"""Makes search results into sections of a page: thumbnails of the photos, read from where they were indexed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from resight.datasets.dataset import Mark
from resight.errors import ImageError
from resight.images import Box, Decoded, decode_bytes, displayed, read_bytes
from resight.images.masks import PhotoMask, decode_masked, masked
from resight.index.collection import Collection
from resight.index.explaining import Explainer, can_explain
from resight.index.queries import Indexed, Meant, Source, meant_by
from resight.index.results import Hit, Result
from resight.progress import NamedProgress
from resight.show.page import PageHit, PagePhoto, PageQuery
from resight.show.thumbnails import SIDE

if TYPE_CHECKING:
    from resight.descriptors.contributions import Contribution


def page_query(
    collection: Collection,
    result: Result,
    asked: Sequence[tuple[Source, Box | None]],
    mark: Callable[[str], Mark | None] | None = None,
    progress: NamedProgress | None = None,
    masks: Sequence[PhotoMask | None] = (),
) -> PageQuery:
    """Makes the section of one result. asked: the query photos, and the box of each; masks: the mask of each, if any.

    A query is shown with its mask, or with the mask it was indexed with: masked parts are painted over.
    mark: returns the ground truth of a name, where there is one. A photo whose file is gone, has changed since it was
    indexed or cannot be read any more is left without its picture.

    Where the search was by feature maps pooled to one vector, the network runs again for each query photo and each hit,
    to find the matching channels; `progress` is called meanwhile.
    """
    given = [*masks] or [None] * len(asked)
    explained = _explained(collection, result, asked, given, progress)
    photos = [
        _photo(partial(_query_pixels, collection, meant_by(collection, source), mask), box)
        for (source, box), mask in zip(asked, given, strict=True)
    ]
    hits = [_page_hit(collection, hit, mark, explained.get(row, ())) for row, hit in enumerate(result.hits)]
    return PageQuery(result.query, photos, hits)


def _explained(
    collection: Collection,
    result: Result,
    asked: Sequence[tuple[Source, Box | None]],
    masks: Sequence[PhotoMask | None],
    progress: NamedProgress | None,
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
                explainers[hit.query] = Explainer(collection, *asked[hit.query], masks[hit.query])
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
    place = collection.snapshot.images.by_name[hit.name]
    photo = _photo(partial(_decoded, collection, Indexed(place), None), hit.box)
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


def _photo(decode: Callable[[], Decoded | None], box: Box | None) -> PagePhoto:
    try:
        decoded = decode()
    except ImageError:
        decoded = None
    if decoded is None:
        return PagePhoto(None, box)
    return PagePhoto(decoded.pixels, box, max(decoded.pixels.shape[:2]) / max(decoded.size))


def _query_pixels(collection: Collection, source: Meant, mask: PhotoMask | None) -> Decoded | None:
    own = collection.mask_of(source.place) if mask is None and isinstance(source, Indexed) else None
    return _decoded(collection, source, mask or own)


def _decoded(collection: Collection, source: Meant, mask: PhotoMask | None) -> Decoded | None:
    if isinstance(source, np.ndarray):
        photo = Decoded(source, (source.shape[1], source.shape[0]))
        return photo if mask is None else masked(photo, mask)
    path = collection.file_of(source.place) if isinstance(source, Indexed) else source
    if path is None:
        return None
    data, title = (path, "bytes") if isinstance(path, bytes) else (read_bytes(path), displayed(path))
    return decode_bytes(data, title, SIDE) if mask is None else decode_masked(data, title, mask, SIDE)
