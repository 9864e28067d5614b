"""What the index knows of an image: one row when it is written, columns when all of them are read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from resight.errors import IndexCorruptError, UsageError

INDEXED = "indexed"
UNREADABLE = "unreadable"
"""The bytes of the file are no image that can be read."""
UNREACHED = "unreached"
"""The bytes could not be read or handled (permission, a fault of the disk, no memory), which may pass."""

STATES = (INDEXED, UNREADABLE, UNREACHED)


class Root(NamedTuple):
    """A folder that images were taken from, and the prefix that its image names begin with.

    path: where it was seen last. beside: the same from the folder that holds the index, empty where it is elsewhere.
    follow_links: whether links that lead out of the folder are followed.
    """

    path: str
    prefix: str
    beside: str = ""
    follow_links: bool = False


class Image(NamedTuple):
    """One image as it is handed to the store.

    root: number of its root. name: the user-visible key, unique in the index. size: bytes of the file.
    mtime_ns: nanoseconds since the epoch. hash: of the file's content, as text. width, height: pixels of the upright
    original, 0 where unreadable. state: one of `STATES`. reason: one line, why it is unreadable, or what is to be said
    of what was read, mostly nothing. tried_by: the versions that could not read it, or not the whole of it; empty where
    it was read whole.
    mask: what identifies the mask that was laid over it, empty where there was none.
    """

    root: int
    name: str
    size: int
    mtime_ns: int
    hash: str
    width: int
    height: int
    state: str = INDEXED
    reason: str = ""
    tried_by: str = ""
    mask: str = ""


class RemovedImage(NamedTuple):
    """An image that is no longer in the index, while a segment still has its evidence.

    hash: of the file's content; width, height: pixels; reason: what is to be said of it, mostly nothing; tried_by: as
    of an `Image`.
    """

    hash: str
    segment: int
    row: int
    width: int
    height: int
    reason: str
    tried_by: str


_TEXTS = {"name", "hash", "state", "reason", "tried_by", "mask"}


def checked(image: Image) -> Image:
    """The image with plain Python values. Raises UsageError where a value cannot be stored."""
    if image.state not in STATES or not image.name:
        raise UsageError(f"{image.name!r}: an image needs a name and a state: {', '.join(STATES)}")
    for text in (image.name, image.hash, image.reason, image.tried_by, image.mask):
        check_text(text)
    return image._replace(
        root=int(image.root),
        size=int(image.size),
        mtime_ns=int(image.mtime_ns),
        width=int(image.width),
        height=int(image.height),
    )


def checked_root(root: Root) -> Root:
    """The root, if it can be stored. Raises UsageError."""
    for text in (root.path, root.prefix, root.beside):
        check_text(text)
    return root._replace(follow_links=bool(root.follow_links))


def check_text(text: str) -> None:
    """Raises UsageError for a text that cannot be stored."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{text!r} is not Unicode text: escape its bytes with %XX") from None


@dataclass(frozen=True)
class Rows:
    """The rows of one segment, in its order: image ids, the generation that added each, and the images."""

    ids: Sequence[int]
    added: Sequence[int]
    images: Sequence[Image]

    def __len__(self) -> int:
        return len(self.ids)

    def columns(self) -> dict[str, list[Any]]:
        """The rows as named columns, for JSON."""
        fields: Iterable[Sequence[Any]] = zip(*self.images, strict=True) if self.images else [()] * len(Image._fields)
        named = dict(zip(Image._fields, map(list, fields), strict=True))
        return {"id": list(self.ids), "added": list(self.added), **named}

    @classmethod
    def from_columns(cls, columns: Mapping[str, list[Any]]) -> Rows:
        """Rows from named columns. Raises KeyError, TypeError and ValueError where they are not columns of rows."""
        for column in ("id", "added", *Image._fields):
            kind = str if column in _TEXTS else int
            if not set(map(type, columns[column])) <= {kind}:
                raise ValueError(f"{column} has other values than {kind.__name__}")
        fields = zip(*(columns[field] for field in Image._fields), strict=True)
        rows = cls(columns["id"], columns["added"], [Image(*values) for values in fields])
        if not len(rows.ids) == len(rows.added) == len(rows.images):
            raise ValueError("columns of different lengths")
        if not set(columns["state"]) <= set(STATES):
            raise ValueError(f"the state of an image is none of {', '.join(STATES)}")
        return rows


@dataclass(frozen=True)
class ImageTable:
    """Live images of one generation as columns, in ascending order of id.

    ids: (n,) int64. roots, segments, rows: (n,) int32, `rows` counts within the segment. sizes, mtimes: (n,) int64
    bytes and nanoseconds. widths, heights: (n,) int32 pixels. added: (n,) int64 generation that added the image.
    states: n of `STATES`. names, hashes, reasons, tried_by, masks: n texts.
    """

    ids: NDArray[np.int64]
    names: Sequence[str]
    roots: NDArray[np.int32]
    segments: NDArray[np.int32]
    rows: NDArray[np.int32]
    sizes: NDArray[np.int64]
    mtimes: NDArray[np.int64]
    hashes: Sequence[str]
    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    added: NDArray[np.int64]
    states: Sequence[str]
    reasons: Sequence[str]
    tried_by: Sequence[str]
    masks: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def indexed(self) -> NDArray[np.bool_]:
        """(n,) False where an image could not be read."""
        return np.array([state == INDEXED for state in self.states], np.bool_)

    @cached_property
    def by_name(self) -> Mapping[str, int]:
        """Position in the columns of each name."""
        return {name: position for position, name in enumerate(self.names)}

    def with_hash(self, key: str) -> Iterator[int]:
        """Positions in the columns of the images whose files have this content, ascending."""
        place = -1
        with contextlib.suppress(ValueError):
            # A list looks through a million texts in a hundredth of a second, and a loop in ten times that.
            while True:
                place = self.hashes.index(key, place + 1)
                yield place

    def positions(self, ids: NDArray[np.int64]) -> NDArray[np.intp]:
        """(k,) positions of k ids in the columns. Raises UsageError where an id is not a live image."""
        found = np.searchsorted(self.ids, ids)
        inside = found < len(self.ids)
        if not inside.all() or not np.array_equal(self.ids[found], ids):
            raise UsageError("an image asked for by its id is not in this generation of the index")
        return found

    def image(self, position: int) -> Image:
        """The image at a position of the columns."""
        return Image(
            root=int(self.roots[position]),
            name=self.names[position],
            size=int(self.sizes[position]),
            mtime_ns=int(self.mtimes[position]),
            hash=self.hashes[position],
            width=int(self.widths[position]),
            height=int(self.heights[position]),
            state=self.states[position],
            reason=self.reasons[position],
            tried_by=self.tried_by[position],
            mask=self.masks[position],
        )


TABLE_COLUMNS = (
    "id", "name", "root", "segment", "row", "size", "mtime_ns", "hash", "width", "height", "added", "state", "reason",
    "tried_by", "mask",
)  # fmt: skip


def image_table(chunks: Iterable[Sequence[tuple[Any, ...]]]) -> ImageTable:
    """Columns from chunks of rows in the order of `TABLE_COLUMNS`, ids ascending."""
    columns: list[list[Any]] = [[] for _ in TABLE_COLUMNS]
    for chunk in chunks:
        for column, values in zip(columns, zip(*chunk, strict=True), strict=True):
            column.extend(values)
    named = dict(zip(TABLE_COLUMNS, columns, strict=True))

    def integers(name: str, kind: type[np.int32] | type[np.int64]) -> NDArray[Any]:
        try:
            return np.array(named[name], kind)
        except (TypeError, ValueError, OverflowError):
            raise IndexCorruptError(
                f"the catalogue's column {name} holds something other than numbers; run `resight verify --repair`"
            ) from None

    return ImageTable(
        ids=integers("id", np.int64),
        names=named["name"],
        roots=integers("root", np.int32),
        segments=integers("segment", np.int32),
        rows=integers("row", np.int32),
        sizes=integers("size", np.int64),
        mtimes=integers("mtime_ns", np.int64),
        hashes=named["hash"],
        widths=integers("width", np.int32),
        heights=integers("height", np.int32),
        added=integers("added", np.int64),
        states=named["state"],
        reasons=named["reason"],
        tried_by=named["tried_by"],
        masks=named["mask"],
    )
