"""What a person asks with, and what the channels compare of it: a photo, a part of it, or an indexed image."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.arguments import box as checked_box
from resight.arguments import pixels
from resight.channels.extraction import query_of
from resight.errors import UsageError
from resight.folders.names import names_file, suggestion
from resight.images import Box, Decoded, check_box, content_hash, decode_bytes, decode_whole, displayed, read_bytes
from resight.images.masks import PhotoMask, decode_masked, masked
from resight.index.collection import Collection
from resight.index.mirroring import mirrored, mirrored_box

Source = str | os.PathLike[str] | bytes | NDArray[np.uint8]
"""What a query is given by.

A Path is a file, and a `Name` that of an indexed photo; any other str is a file where there is one, else a name. bytes
are those of a file, an array is (H, W, 3) RGB or (H, W) grey, uint8.
"""


@dataclass(frozen=True)
class Asked:
    """A query as every channel compares it. size: (width, height) of the photo.

    versions: what each channel compares the query by; a second one where it is asked mirrored too. own: ids of the
    query's own names in the index; copies: of all other images whose files have the same bytes.
    """

    title: str
    box: Box | None
    size: tuple[int, int]
    versions: tuple[Mapping[str, Any], ...]
    own: frozenset[int] = frozenset()
    copies: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Indexed:
    """An indexed photo, by its position in the table of images."""

    place: int


Meant = Indexed | Path | bytes | NDArray[np.uint8]


def meant_by(collection: Collection, query: object) -> Meant:
    """Returns the meaning of a query; see `Source`. UsageError where it has none."""
    if isinstance(query, str):
        if names_file(query):
            return Path(query)
        place = collection.find(query)
        if place is None:
            raise UsageError(_unknown(query, collection.snapshot.images.names))
        return Indexed(place)
    if isinstance(query, os.PathLike):
        return Path(query)
    if isinstance(query, bytes | bytearray | memoryview):
        return bytes(query)
    if isinstance(query, np.ndarray | list | tuple):
        if isinstance(query, list | tuple) and any(isinstance(one, str | os.PathLike | bytes) for one in query):
            raise UsageError("the query is a list of photos: ask with one of them, or with all by search_together")
        return pixels(query)
    raise UsageError(
        f"the query is a {type(query).__name__}: give a path or name (str, Path), the bytes of a file, or an array of "
        "uint8 (H, W, 3) RGB"
    )


def with_boxes(queries: object) -> list[tuple[Any, Box | None]]:
    """Several queries, each with its box or None. queries: of each the query alone, or a pair of both. UsageError."""
    if isinstance(queries, str | os.PathLike | bytes) or not isinstance(queries, Iterable):
        raise UsageError(f"queries are a {type(queries).__name__}: give a list of queries, or of pairs (query, box)")
    return [_with_box(one) for one in queries]


def _with_box(query: object) -> tuple[Any, Box | None]:
    # A list of two may be a photo of two rows: it is a pair where its first part is a query by itself.
    if isinstance(query, tuple | list) and len(query) == 2:
        first, part = query
        if isinstance(first, str | os.PathLike | bytes | bytearray | memoryview | np.ndarray):
            return first, checked_box(part)
        if part is None:
            return first, None
    return query, None


def ask(
    collection: Collection, query: object, box: Box | None, *, mirror: bool = False, mask: PhotoMask | None = None
) -> Asked:
    """Turns what a person asks with into what the channels compare. Raises UsageError and ImageError.

    mask: of the query; an indexed photo that is asked by its name has its own, unless one is given.
    """
    meant = meant_by(collection, query)
    if isinstance(meant, Indexed):
        return _ask_indexed(collection, meant.place, box, mirror, mask)
    if isinstance(meant, np.ndarray):
        photo = Decoded(meant, (meant.shape[1], meant.shape[0]))
        return _ask_pixels(collection, photo if mask is None else masked(photo, mask), "array", box, mirror)
    if isinstance(meant, bytes):
        return _ask_file(collection, meant, "bytes", box, mirror, mask)
    asked = _ask_file(collection, read_bytes(meant), displayed(meant), box, mirror, mask)
    own = _own_names(collection, meant, asked.copies)
    return replace(asked, own=own, copies=asked.copies - own)


def _ask_file(
    collection: Collection, data: bytes, title: str, box: Box | None, mirror: bool, mask: PhotoMask | None
) -> Asked:
    side = max(channel.extractor.max_side for channel in collection.channels.values())
    if mask is not None:
        decoded = decode_masked(data, title, mask, side if box is None else None)
    else:
        decoded = decode_bytes(data, title, side) if box is None else decode_whole(data, title)
    return replace(
        _ask_pixels(collection, decoded, title, box, mirror), copies=_with_content(collection, content_hash(data))
    )


def _ask_pixels(collection: Collection, decoded: Decoded, title: str, box: Box | None, mirror: bool) -> Asked:
    # A part is a photo of its own: tolerances are relative to its size.
    size = decoded.size
    if box is not None:
        box = check_box(box, decoded.size)
        size = (math.ceil(box[2] - box[0]), math.ceil(box[3] - box[1]))
    seen = [(decoded, box)]
    if mirror:
        seen.append((mirrored(decoded), mirrored_box(box, decoded.size[0])))
    versions = tuple(
        {name: query_of(photo, channel, part, size) for name, channel in collection.channels.items()}
        for photo, part in seen
    )
    return Asked(title, box, decoded.size, versions)


def _ask_indexed(collection: Collection, place: int, box: Box | None, mirror: bool, mask: PhotoMask | None) -> Asked:
    """An indexed photo asks with its file and its mask if they are as they were, else with what the index keeps."""
    images = collection.snapshot.images
    image, name = int(images.ids[place]), images.names[place]
    if not images.indexed[place]:
        raise UsageError(f"{name}: this photo could not be read when it was indexed: {images.reasons[place]}")
    path, own = collection.file_of(place), mask or collection.mask_of(place)
    if path is not None and (own is not None or not images.masks[place]):
        asked = _ask_file(collection, read_bytes(path), displayed(path), box, mirror, own)
    else:
        if box is not None or mirror or mask is not None:
            how = "with a box" if box is not None else "mirrored" if mirror else "with a mask"
            which = "file" if path is None else "mask"
            raise UsageError(f"{name}: its {which} is gone or has changed, so that it cannot be asked {how}")
        kept = {name_: view.kept_query(image) for name_, view in collection.views.items()}
        size = (int(images.widths[place]), int(images.heights[place]))
        asked = Asked(name, None, size, (kept,), copies=_with_content(collection, images.hashes[place]))
    return replace(asked, title=name, own=frozenset({image}), copies=asked.copies - {image})


def _with_content(collection: Collection, key: str) -> frozenset[int]:
    """Ids of the indexed images whose files have this content."""
    images = collection.snapshot.images
    return frozenset(int(images.ids[place]) for place in images.with_hash(key) if images.indexed[place])


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


def _unknown(query: str, names: Any) -> str:
    folder = " (a folder of that name is no photo)" if os.path.isdir(query) else ""
    return f"{displayed(query)}: neither a file nor the name of an indexed photo{folder}{suggestion(query, names)}"
