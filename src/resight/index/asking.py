"""Queries to what the channels compare: photos are read on several threads, networks see several at once."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from resight.channels.asking import PreparedQuery, compare_by, prepare_query
from resight.channels.extraction import in_order
from resight.cores import cores
from resight.errors import ImageError, UsageError
from resight.images import Box, Decoded, check_box
from resight.index.collection import Collection
from resight.index.drawings import as_drawing
from resight.index.mirroring import mirrored, mirrored_box
from resight.index.queries import Query, QueryPhoto, photo_of

NOTHING = "it has nothing to be found by, as a picture of one colour has, or too small a part of one"
QueryError = ImageError | UsageError
"""What is wrong with a query: its photo cannot be read, or there is none, or its box or mask does not suit it."""


@dataclass(frozen=True)
class Asked:
    """A query as every channel compares it. size: (width, height) of the photo.

    versions: what each channel compares the query by; a second one where it is asked mirrored too. own: ids of the
    query's own names in the index; copies: of all other images whose files have the same bytes. note: what a person has
    to know of the query, as a sentence: how it was treated, where that was decided here, or that it can find nothing.
    drawn: whether its lines count, None where edges are not compared.
    """

    title: str
    box: Box | None
    size: tuple[int, int]
    versions: tuple[Mapping[str, Any], ...] = ()
    own: frozenset[int] = frozenset()
    copies: frozenset[int] = frozenset()
    note: str = ""
    drawn: bool | None = None


@dataclass(frozen=True)
class Failed:
    """A query that cannot be asked with, and why."""

    title: str
    box: Box | None
    error: QueryError


@dataclass(frozen=True)
class _Prepared:
    """A query whose versions are not extracted yet.

    kept: id of the indexed image that is asked by what is kept of it, and has no version to extract.
    """

    asked: Asked
    versions: tuple[PreparedQuery, ...] = ()
    kept: int | None = None


def ask(collection: Collection, query: Query, *, mirror: bool = False) -> Asked:
    """Turns a query into what the channels compare. Raises UsageError and ImageError."""
    (asked,) = _compared(collection, [_prepared(collection, query, mirror)])
    return asked


def ask_many(collection: Collection, queries: Sequence[Query], *, mirror: bool = False) -> list[Asked | Failed]:
    """Turns several queries into what the channels compare, in their order; one that is bad is no matter for others.

    Notes: see `compare_by` for how vectors of several may differ from those of each alone.
    """

    def prepare(query: Query) -> _Prepared | Failed:
        try:
            return _prepared(collection, query, mirror)
        except (ImageError, UsageError) as error:
            return Failed(_title(collection, query), query.box, _alone(error))

    if len(queries) == 1:
        found = [prepare(queries[0])]
    else:
        with contextlib.closing(in_order(queries, prepare, cores())) as every:
            found = list(every)
    asked = iter(_compared(collection, [one for one in found if isinstance(one, _Prepared)]))
    return [next(asked) if isinstance(one, _Prepared) else one for one in found]


def all_asked(collection: Collection, queries: Iterator[Query], mirror: bool) -> list[Asked]:
    """Takes several queries of which none may be bad. Raises UsageError and ImageError."""
    found: list[Asked] = []
    while some := list(itertools.islice(queries, most_at_once(collection))):
        for one in ask_many(collection, some, mirror=mirror):
            if isinstance(one, Failed):
                raise one.error
            found.append(one)
    return found


def most_at_once(collection: Collection) -> int:
    """Returns how many queries are best asked at once: what keeps networks, or else all cores, at work."""
    return max([cores(), *(channel.extractor.together for channel in collection.channels.values())])


def _prepared(collection: Collection, query: Query, mirror: bool) -> _Prepared:
    photo = photo_of(collection, query)
    if photo.source is None:
        return _kept(collection, photo, query, mirror)
    side = max(channel.extractor.max_side for channel in collection.channels.values())
    # A part is taken of the whole photo, whose details it has.
    decoded, key = photo.read(side if query.box is None else None)
    own, copies = _own_and_copies(collection, photo, key)
    decoded, note = as_drawing(collection.channels, decoded, query, photo.title)
    asked = Asked(photo.title, query.box, decoded.size, own=own, copies=copies, note=note, drawn=decoded.drawing)
    return _Prepared(asked, tuple(_versions(collection, decoded, query.box, mirror)))


def _kept(collection: Collection, photo: QueryPhoto, query: Query, mirror: bool) -> _Prepared:
    """Asks with what the index keeps of a photo that is not as it was, which is of all of it."""
    if query.box is not None or mirror or query.mask is not None:
        how = "with a box" if query.box is not None else "mirrored" if mirror else "with a mask"
        raise UsageError(f"{photo.title}: its {photo.lost} is gone or has changed, so that it cannot be asked {how}")
    assert photo.place is not None, "only an indexed photo is asked by what is kept of it"
    images = collection.snapshot.images
    size = (int(images.widths[photo.place]), int(images.heights[photo.place]))
    own, copies = _own_and_copies(collection, photo, images.hashes[photo.place])
    return _Prepared(Asked(photo.title, None, size, own=own, copies=copies), kept=int(images.ids[photo.place]))


def _versions(collection: Collection, decoded: Decoded, box: Box | None, mirror: bool) -> list[PreparedQuery]:
    size = decoded.size
    if box is not None:
        # A part is a photo of its own: tolerances are relative to its size.
        box = check_box(box, decoded.size)
        size = (math.ceil(box[2] - box[0]), math.ceil(box[3] - box[1]))
    seen = [(decoded, box)]
    if mirror:
        seen.append((mirrored(decoded), mirrored_box(box, decoded.size[0])))
    return [prepare_query(photo, part, size, collection.channels) for photo, part in seen]


def _compared(collection: Collection, prepared: Sequence[_Prepared]) -> list[Asked]:
    extracted = iter(compare_by([one for own in prepared for one in own.versions], collection.channels))
    found = []
    for one in prepared:
        versions: tuple[Mapping[str, Any], ...] = (
            tuple(next(extracted) for _ in one.versions)
            if one.kept is None
            else ({name: view.kept_query(one.kept) for name, view in collection.views.items()},)
        )
        notes = [one.asked.note] if one.asked.note else []
        notes += [NOTHING] if all(_is_nothing(collection, version) for version in versions) else []
        found.append(replace(one.asked, versions=versions, note="; ".join(notes)))
    return found


def _is_nothing(collection: Collection, version: Mapping[str, Any]) -> bool:
    return all(channel.is_nothing(version[name]) for name, channel in collection.channels.items())


def _title(collection: Collection, query: Query) -> str:
    try:
        return photo_of(collection, query).title
    except UsageError:
        return query.title


def _alone(error: QueryError) -> QueryError:
    """Returns the error without the frames that it came through, which hold the pixels of the query."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _own_and_copies(collection: Collection, photo: QueryPhoto, key: str) -> tuple[frozenset[int], frozenset[int]]:
    """Returns ids of the indexed images that a query is, and of all others whose files have the same content."""
    images = collection.snapshot.images
    places = images.with_hash(key) if key else ()  # an array has none, nor has a file that never could be read
    same = frozenset(int(images.ids[place]) for place in places if images.indexed[place])
    if photo.place is not None:
        own = frozenset({int(images.ids[photo.place])})
    else:
        own = frozenset() if photo.file is None else _own_names(collection, photo.file, same)
    return own, same - own


def _own_names(collection: Collection, path: Path, copies: frozenset[int]) -> frozenset[int]:
    """Which copies are the file itself: those that were taken from where it is, and are as they were then.

    Where the file is a link to one that is in the index, the names of that one.
    """
    images = collection.snapshot.images
    places = collection.snapshot.images.positions(np.array(sorted(copies), np.int64)).tolist()
    files = {int(images.ids[place]): collection.file_of(place) for place in places}
    for located in (_in_its_folder, os.path.realpath):
        own = frozenset(image for image, file in files.items() if file is not None and located(file) == located(path))
        if own:
            return own
    return frozenset()


def _in_its_folder(path: str | os.PathLike[str]) -> str:
    """Where a file is, whatever links lead to its folder, but not where it leads itself."""
    absolute = os.path.abspath(path)
    return os.path.join(os.path.realpath(os.path.dirname(absolute)), os.path.basename(absolute))
