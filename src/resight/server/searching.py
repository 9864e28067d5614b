"""A search, stage by stage: the photos are read once, the first look answers at once, second looks put it right."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from resight.arrays import Int64
from resight.folders.names import Name
from resight.index import Asked, Hit, Query, Wanted, all_asked, answer_asked, answer_marked
from resight.index.drawings import sees_drawings
from resight.index.first_look import first_look
from resight.server.faults import Refusal, not_found
from resight.server.large import in_turn
from resight.server.listing import Filter
from resight.server.photos import photo_bytes
from resight.server.requests import MOST_HITS, AskedPhoto, SearchRequest
from resight.server.searches import KeptSearch, QueryPicture
from resight.server.shelf import Generation, ServedIndex

Earlier = Callable[[str], KeptSearch]
"""Gives an earlier search by its id; raises Refusal."""
FirstHits = Callable[[Sequence[Hit]], None]
"""Gets the ranking of the first look."""


@dataclass(frozen=True)
class _Ranked:
    hits: Sequence[Hit]
    asked: Sequence[Asked]
    notes: Sequence[str]


def search(
    served: ServedIndex,
    request: SearchRequest,
    files: Sequence[bytes],
    earlier: Earlier,
    on_first: FirstHits | None = None,
) -> KeptSearch:
    """Answers a request.

    files: those of the request; earlier: gives earlier searches; on_first: gets the first ranking, which is only made
    where somebody wants it. Raises Refusal, UsageError and ImageError.
    """
    start, now = time.perf_counter(), served.now
    _check_sketch(served, request)
    among = _part(served, now, request)
    for name in (*request.right, *request.wrong):
        now.listing.place(name)
    sources = [_source(served, now, one, files, earlier) for one in request.queries]
    # Where a person says nothing of it, a recipe that sees edges decides, and a note says how.
    sketch = True if request.sketch else None
    queries = [Query(source, box=one.box, sketch=sketch) for one, source in zip(request.queries, sources, strict=True)]
    with in_turn(source for source in sources if isinstance(source, bytes)):
        asked = all_asked(now.collection, iter(queries), False)
    first = 0.0
    if on_first is not None:
        on_first(_first_hits(now, asked, request, among))
        first = time.perf_counter() - start
    ranked = _ranked(now, request, asked, among, request.offset + request.k + 1)
    pictures = [_picture(source, own) for source, own in zip(sources, asked, strict=True)]
    pictures += [
        QueryPicture(None, name, one.size, None, example=True)
        for name, one in zip(request.right, ranked.asked[len(asked) :], strict=True)
    ]
    wanted = request.offset + request.k
    return KeptSearch(
        served,
        now.identity,
        request,
        pictures,
        ranked.asked,
        ranked.hits[:wanted],
        len(ranked.hits) > wanted,
        [*dict.fromkeys(one.note for one in asked if one.note), *ranked.notes, *_notes(served, request)],
        first,
        time.perf_counter() - start,
    )


def deepened(kept: KeptSearch, wanted: int) -> KeptSearch:
    """Returns a search with at least `wanted` hits, if there are so many; photos need not be read again.

    Raises Refusal, UsageError and ImageError.
    """
    if wanted <= len(kept.hits) or not kept.more:
        return kept
    now, request = kept.served.now, kept.request
    for name in (*request.right, *request.wrong):
        now.listing.place(name)  # It may have been removed since.
    own = kept.asked[: len(request.queries)]
    ranked = _ranked(now, request, own, _part(kept.served, now, request), min(wanted, MOST_HITS) + 1)
    return replace(kept, asked=ranked.asked, hits=ranked.hits[:wanted], more=len(ranked.hits) > wanted)


def _ranked(
    now: Generation, request: SearchRequest, asked: Sequence[Asked], among: Int64 | None, depth: int
) -> _Ranked:
    # A photo that was sent may be in the index under the very same bytes, and is a hit then; one that was named is not.
    wanted = Wanted(k=depth, among=among, min_probability=request.min_probability or 0.0)
    if request.right or request.wrong:
        marked = answer_marked(now.collection, asked, request.right, request.wrong, wanted)
        return _Ranked(marked.result.hits, marked.queries, marked.notes)
    if request.together or len(asked) == 1:
        return _Ranked(answer_asked(now.collection, asked, wanted).hits, asked, [])
    every = [answer_asked(now.collection, [one], wanted).hits for one in asked]
    return _Ranked(_any_of(every)[:depth], asked, ["A hit is what any of the photos finds, by its best score."])


def _any_of(rankings: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Joins rankings of several queries: each photo once, by what finds it best."""
    found: dict[str, Hit] = {}
    for number, hits in enumerate(rankings):
        for hit in hits:
            known = found.get(hit.name)
            if known is None or (hit.copy, hit.probability, hit.score) > (known.copy, known.probability, known.score):
                found[hit.name] = replace(hit, query=number)
    return sorted(found.values(), key=lambda hit: (not hit.copy, -hit.probability, -hit.score, hit.name))


def _first_hits(now: Generation, asked: Sequence[Asked], request: SearchRequest, among: Int64 | None) -> Sequence[Hit]:
    wanted = Wanted(k=request.offset + request.k + len(request.right) + len(request.wrong), among=among)
    if request.together or request.right or request.wrong or len(asked) == 1:
        found: Sequence[Hit] = first_look(now.collection, asked, wanted).hits
    else:
        found = _any_of([first_look(now.collection, [one], wanted).hits for one in asked])
    out = {*request.right, *request.wrong}
    return [hit for hit in found if hit.name not in out][request.offset : request.offset + request.k]


def _part(served: ServedIndex, now: Generation, request: SearchRequest) -> Int64 | None:
    wanted = Filter(request.folder or "", request.text or "", request.metadata)
    return now.listing.ids(wanted, served.metadata)


def _source(
    served: ServedIndex, now: Generation, one: AskedPhoto, files: Sequence[bytes], earlier: Earlier
) -> Name | bytes:
    """Returns the name of a photo of the index, or the bytes of another. Raises Refusal and ImageError."""
    if one.name is not None:
        now.listing.place(one.name)
        return Name(one.name)
    if one.search is not None:
        kept = earlier(one.search)
        if one.i >= len(kept.pictures):
            raise not_found("That search had no such photo.", "Take one of those that it was asked with.")
        picture = kept.pictures[one.i]
        if picture.data is not None:
            return picture.data
        assert picture.name is not None, "a picture has either"
        return Name(picture.name) if kept.served is served else photo_bytes(kept.served.now, picture.name)
    assert one.file is not None, "checked by the model"
    if one.file >= len(files):
        raise Refusal(
            422,
            "request",
            f"The request asks with file {one.file}, and has {len(files)} files.",
            'Send each photo as a part "file"; the first is number 0.',
        )
    return files[one.file]


def _picture(source: Name | bytes, asked: Asked) -> QueryPicture:
    if isinstance(source, bytes):
        return QueryPicture(source, None, asked.size, asked.box)
    return QueryPicture(None, str(source), asked.size, asked.box)


def _check_sketch(served: ServedIndex, request: SearchRequest) -> None:
    if request.sketch and not can_sketch(served):
        raise Refusal(
            422,
            "no-sketch",
            f'An index by "{served.index.recipe.name}" cannot be asked with a drawing.',
            "Ask with a photo, or with an index that can.",
        )


def can_sketch(served: ServedIndex) -> bool:
    """Returns whether an index can be asked with a drawing."""
    return sees_drawings(served.now.collection.channels)


def _notes(served: ServedIndex, request: SearchRequest) -> list[str]:
    if served.verifies or request.min_probability is None:
        return []
    return ["The recipe verifies nothing by geometry: probabilities rest on likeness alone."]
