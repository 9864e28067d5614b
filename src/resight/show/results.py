"""Makes search results into sections of a page: thumbnails of the photos, read from where they were indexed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from resight.datasets.dataset import Mark
from resight.errors import ImageError
from resight.folders.names import Name
from resight.images import Box, Decoded, decode
from resight.images.thumbnails import SIDE
from resight.index.collection import Collection
from resight.index.drawings import edges_seen, sees_drawings
from resight.index.explaining import Explainer, explained_channel
from resight.index.queries import Query, photo_of
from resight.index.results import Hit, Result
from resight.index.shared_words import SharedWords, bag_channel
from resight.progress import NamedProgress
from resight.show.page import PageHit, PagePhoto, PageQuery

if TYPE_CHECKING:
    from resight.descriptors.contributions import Contribution
    from resight.words.shares import WordShare


def page_query(
    collection: Collection,
    result: Result,
    queries: Sequence[Query],
    mark: Callable[[str], Mark | None] | None = None,
    progress: NamedProgress | None = None,
) -> PageQuery:
    """Makes the section of one result. queries: what was asked with.

    A query is shown as its mask, or the mask it was indexed with, leaves it: masked parts are painted over. mark:
    returns the ground truth of a name, where there is one. A photo whose file or mask is gone or has changed since it
    was indexed, or cannot be read any more, is left without its picture.

    Where the search was by feature maps pooled to one vector, the network runs again for each query photo and each hit,
    to find the matching map channels; where it was by bags of words, the words that query and hit share are found.
    `progress` is called meanwhile.
    """
    if result.error is not None:
        photos = [PagePhoto(None, query.box) for query in queries]
        return PageQuery(result.query, photos, [], str(result.error))
    explained = _explained(collection, result, queries, progress)
    drawn = result.drawn or (None,) * len(queries)
    photos = [_query_photo(collection, *both) for both in zip(queries, drawn, strict=True)]
    shared = _shared_words(collection, result, queries, progress)
    hits = [
        _page_hit(collection, hit, mark, explained.get(row, ()), shared.get(row, ()))
        for row, hit in enumerate(result.hits)
    ]
    return PageQuery(result.query, photos, hits, note=result.note)


def _explained(
    collection: Collection, result: Result, queries: Sequence[Query], progress: NamedProgress | None
) -> dict[int, Sequence[Contribution]]:
    """Returns contributions by rank, for readable hits of readable queries that no second look verified.

    A hit that shows the query mirrored matches in other channels than the unmirrored query, and is left out.
    """
    if not queries or explained_channel(collection.recipe) != collection.recipe.first_channel:
        return {}
    rows = [row for row, hit in enumerate(result.hits) if hit.verification is None and not hit.mirrored]
    explainers: dict[int, Explainer | None] = {}
    found: dict[int, Sequence[Contribution]] = {}
    for done, row in enumerate(rows, start=1):
        hit = result.hits[row]
        try:
            if hit.query not in explainers:
                explainers[hit.query] = None
                explainers[hit.query] = Explainer(collection, queries[hit.query])
            explainer = explainers[hit.query]
            if explainer is not None:
                found[row] = explainer.contributions(hit.name)
        except ImageError:
            pass  # the page says that it cannot be read
        if progress is not None:
            progress("comparing", done, len(rows))
    return found


def _shared_words(
    collection: Collection, result: Result, queries: Sequence[Query], progress: NamedProgress | None
) -> dict[int, Sequence[WordShare]]:
    """Returns by rank the words that readable queries share with hits that no second look verified, nor mirrored."""
    channel = bag_channel(collection)
    if channel is None or not queries:
        return {}
    rows = [row for row, hit in enumerate(result.hits) if hit.verification is None and not hit.mirrored]
    asked: dict[int, SharedWords | None] = {}
    found: dict[int, Sequence[WordShare]] = {}
    for done, row in enumerate(rows, start=1):
        hit = result.hits[row]
        if hit.query not in asked:
            try:
                asked[hit.query] = SharedWords(collection, channel, queries[hit.query])
            except ImageError:
                asked[hit.query] = None  # the page says that it cannot be read
        words = asked[hit.query]
        if words is not None:
            found[row] = words.shares(hit.name, hit.box)
        if progress is not None:
            progress("comparing", done, len(rows))
    return found


def _page_hit(
    collection: Collection,
    hit: Hit,
    mark: Callable[[str], Mark | None] | None,
    contributions: Sequence[Contribution],
    words: Sequence[WordShare],
) -> PageHit:
    photo = _hit_photo(collection, hit)
    judged = mark(hit.name) if mark is not None else None
    return PageHit(
        hit.name,
        hit.score,
        photo,
        hit.verification,
        hit.query,
        judged,
        contributions,
        words,
        copy=hit.copy,
        mirrored=hit.mirrored,
        probability=hit.probability,
    )


def _query_photo(collection: Collection, query: Query, drawn: bool | None) -> PagePhoto:
    """Makes the thumbnail of a query photo. drawn: whether its lines counted in the search."""
    side = _side(collection)
    try:
        # As the search read it, so that the edges are those that it compared.
        whole = sees_drawings(collection.channels) and query.box is not None
        decoded, _ = photo_of(collection, query).read(None if whole else side)
    except ImageError:
        return PagePhoto(None, query.box)
    return _page_photo(collection, replace(decoded, drawing=drawn), query.box, query.box)


def _hit_photo(collection: Collection, hit: Hit) -> PagePhoto:
    try:
        if sees_drawings(collection.channels):
            # With its mask: edges beneath it were not compared.
            decoded, _ = photo_of(collection, Query(Name(hit.name))).read(_side(collection))
            return _page_photo(collection, decoded, hit.box)
        file = collection.file_of(collection.snapshot.images.by_name[hit.name])
        return PagePhoto(None, hit.box) if file is None else _page_photo(collection, decode(file, SIDE), hit.box)
    except ImageError:
        return PagePhoto(None, hit.box)


def _side(collection: Collection) -> int:
    """Returns the long side to which photos are read: where edges are shown, that at which they were compared."""
    channels = collection.channels
    return max(one.extractor.max_side for one in channels.values()) if sees_drawings(channels) else SIDE


def _page_photo(collection: Collection, decoded: Decoded, box: Box | None, part: Box | None = None) -> PagePhoto:
    """Makes the thumbnail of a photo, with its edges where edges are compared. part: all that they are of."""
    factor = max(decoded.pixels.shape[:2]) / max(decoded.size)
    return PagePhoto(decoded.pixels, box, factor, edges_seen(collection.channels, decoded, part))
