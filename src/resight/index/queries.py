"""What a person asks with: a photo, a part of it or an indexed photo, and the photo that is meant in a collection.

This is the one file that knows the kinds of queries. Others ask a `Query` for its box and mask, and a `QueryPhoto` for
its title, its pixels, and the indexed photo that it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resight import arguments
from resight.arrays import Array, Pixels
from resight.errors import ImageError, UsageError
from resight.folders.names import names_file, suggestion
from resight.images import (
    Box,
    Decoded,
    content_hash,
    decode_bytes,
    decode_whole,
    displayed,
    read_bytes,
)
from resight.images.masks import PhotoMask, decode_masked, mask_of_query, masked
from resight.index.collection import Collection

Source = str | os.PathLike[str] | bytes | Pixels
"""What a query is given by.

A Path is a file, and a `Name` that of an indexed photo; any other str is a file where there is one, else a name. bytes
are those of a file, an array is (H, W, 3) RGB or (H, W) grey, uint8.
"""
MaskSource = str | os.PathLike[str] | Array | PhotoMask
"""What the mask of a query is given by: a file, or an array (H, W) in which 0 leaves a pixel out."""


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Query:
    """A photo that a person asks with, or a part of it.

    source: as `Source` says, checked: a Path, str, `Name`, the bytes of a file, or pixels (H, W, 3) uint8 RGB, which
    are the query's own: what happens to the array that was given changes nothing. box: the part (x0, y0, x1, y1), in
    pixels of the upright photo, or None for all of it. mask: what of it is left out; where it is None, an indexed photo
    that is asked by its name has its own. sketch: whether it is a line drawing; where it is None, a recipe that sees
    edges decides.
    """

    source: Path | str | bytes | Pixels
    box: Box | None
    mask: PhotoMask | None
    sketch: bool | None

    def __init__(
        self, source: Source, *, box: Box | None = None, mask: MaskSource | None = None, sketch: bool | None = None
    ) -> None:
        """Takes what can be meant. Raises UsageError for all else.

        Whether there is such a file or name, and whether box and mask suit it, is seen when it is asked with.
        """
        # The fields are frozen.
        object.__setattr__(self, "source", _checked_source(source))
        object.__setattr__(self, "box", arguments.box(box))
        object.__setattr__(self, "mask", _checked_mask(mask))
        object.__setattr__(self, "sketch", None if sketch is None else arguments.flag("sketch", sketch))

    def __repr__(self) -> str:
        box = "" if self.box is None else f", box={self.box}"
        mask = "" if self.mask is None else f", mask={self.mask.title!r}"
        return f"Query({self.title!r}{box}{mask})"

    @property
    def title(self) -> str:
        """What the query is called before it is known which photo is meant: as it was given, or its type."""
        if isinstance(self.source, bytes):
            return "bytes"
        return "array" if isinstance(self.source, np.ndarray) else displayed(self.source)


def query_of(
    given: Source | Query, *, box: Box | None = None, mask: MaskSource | None = None, sketch: bool | None = None
) -> Query:
    """Returns the query that is given as one, or as a photo with a box, a mask and what it is. Raises UsageError."""
    if not isinstance(given, Query):
        return Query(given, box=box, mask=mask, sketch=sketch)
    others = {"box": box, "mask": mask, "sketch": sketch}
    if what := next((name for name, value in others.items() if value is not None), ""):
        raise UsageError(f"{given!r} is a query that has a {what} of its own, or none: give the {what} to Query")
    return given


def queries_of(given: Iterable[Source | Query]) -> Iterator[Query]:
    """Yields the queries of any iterable; UsageError at once where it is one photo, or none, at each what `Query` says.

    They are taken as they are needed: an iterable need not hold them all.
    """
    if isinstance(given, str | os.PathLike | bytes | bytearray | memoryview | Query) or not isinstance(given, Iterable):
        raise UsageError(f"queries are a {type(given).__name__}: give a list of queries")
    if isinstance(given, np.ndarray) and (given.ndim < 3 or (given.ndim == 3 and given.shape[2] in (1, 2, 3, 4))):
        # Its rows would pass for photos, one after the other.
        raise UsageError(f"queries are an array {given.shape}, which is one photo: give a list of queries")
    return (query_of(one) for one in given)


@dataclass(frozen=True)
class QueryPhoto:
    """The photo that a query stands for in one collection.

    title: what a person calls it. source: its file, bytes or pixels; None where it is an indexed photo of which
    something, which `lost` names, is not as it was when it was indexed. mask: what is left out of it. place: position
    in the table of images where it is asked by its name, None for any other photo.
    """

    title: str
    source: Path | bytes | Pixels | None
    mask: PhotoMask | None
    place: int | None = None
    lost: str = ""

    @property
    def file(self) -> Path | None:
        """The file that it is read from, None where it is read from none."""
        return self.source if isinstance(self.source, Path) else None

    def read(self, max_side: int | None) -> tuple[Decoded, str]:
        """Returns the pixels with what the mask leaves out painted over, and the hash of the file's bytes.

        The hash of an array is empty. max_side: to which the long side may be reduced; None decodes at full size, as
        the box of a query needs it. Raises ImageError where it cannot be read or is not what was indexed, UsageError
        where the mask does not fit.
        """
        if self.source is None:
            raise ImageError(self.title, f"its {self.lost} is gone or has changed since it was indexed")
        if isinstance(self.source, np.ndarray):
            photo = Decoded(self.source, (self.source.shape[1], self.source.shape[0]))
            return photo if self.mask is None else masked(photo, self.mask), ""
        data, name = (self.source, "bytes") if isinstance(self.source, bytes) else _content(self.source)
        if self.mask is not None:
            return decode_masked(data, name, self.mask, max_side), content_hash(data)
        return decode_whole(data, name) if max_side is None else decode_bytes(data, name, max_side), content_hash(data)


def photo_of(collection: Collection, query: Query) -> QueryPhoto:
    """Returns the photo that a query stands for. UsageError where it names none, or one that could not be indexed."""
    source = query.source
    if isinstance(source, str):
        if not names_file(source):
            return _indexed_photo(collection, source, query.mask)
        source = Path(source)
    return QueryPhoto(displayed(source) if isinstance(source, Path) else query.title, source, query.mask)


def _indexed_photo(collection: Collection, name: str, mask: PhotoMask | None) -> QueryPhoto:
    images, place = collection.snapshot.images, collection.find(name)
    if place is None:
        raise UsageError(_unknown(name, images.names))
    title = images.names[place]
    if images.videos[place]:
        raise UsageError(f"{title}: this is a video; ask with a frame of it, such as {title}#t=0")
    if not images.indexed[place]:
        raise UsageError(f"{title}: this photo could not be read when it was indexed: {images.reasons[place]}")
    file, mask = collection.file_of(place), mask or collection.mask_of(place)
    lost = "file" if file is None else "mask" if mask is None and images.masks[place] else ""
    return QueryPhoto(title, None if lost else file, mask, place, lost)


def _content(file: Path) -> tuple[bytes, str]:
    return read_bytes(file), displayed(file)


def _checked_source(given: object) -> Path | str | bytes | Pixels:
    if isinstance(given, str):
        return given
    if isinstance(given, os.PathLike):
        return Path(given)
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    if isinstance(given, np.ndarray | list | tuple):
        if isinstance(given, list | tuple) and any(isinstance(one, str | os.PathLike | bytes | Query) for one in given):
            raise UsageError(
                "the query is a list of photos: ask with one of them, with each by search_many, or with all by "
                "search_together; a part of a photo is Query(photo, box=...)"
            )
        own = arguments.pixels(given)
        return own.copy() if isinstance(given, np.ndarray) and np.shares_memory(own, given) else own
    raise UsageError(
        f"the query is a {type(given).__name__}: give a path or name (str, Path), the bytes of a file, or an array of "
        "uint8 (H, W, 3) RGB"
    )


def _checked_mask(given: MaskSource | None) -> PhotoMask | None:
    if given is None or isinstance(given, PhotoMask):
        return given
    if isinstance(given, np.ndarray):
        return mask_of_query(given.copy())
    return mask_of_query(Path(given) if isinstance(given, os.PathLike) else given)


def _unknown(query: str, names: Any) -> str:
    folder = " (a folder of that name is no photo)" if os.path.isdir(query) else ""
    return f"{displayed(query)}: neither a file nor the name of an indexed photo{folder}{suggestion(query, names)}"
