"""All live images of one generation as one table, of the rows of its segments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from resight.arrays import Int32, Int64, Intp, Mask, UInt8
from resight.errors import IndexCorruptError, UsageError
from resight.store.columns import Rows
from resight.store.keys import SoughtTexts, rows_with_text
from resight.store.rows import INDEXED, STATES, VIDEO, Image
from resight.store.texts import Texts

_Number = TypeVar("_Number", bound=np.generic)


class ImageTable:
    """Live images of one generation as columns, in ascending order of id.

    A column is put together when it is asked for, and texts are decoded one by one. ids: (n,) int64.
    """

    def __init__(self, segments: Mapping[int, Rows], removed: Collection[int]) -> None:
        """segments: rows by number; removed: ids of those that are not live any more.

        Raises IndexCorruptError where an image is in two segments.
        """
        self._numbers, self._parts = [*segments], [*segments.values()]
        self._bases = np.cumsum([0, *map(len, self._parts)])
        ids = self._joined(lambda rows: rows.ids, np.int64)
        self._live: Intp | None = None
        if removed or not (ids[1:] > ids[:-1]).all():
            gone = np.fromiter(removed, np.int64, len(removed))
            live = np.flatnonzero(np.isin(ids, gone, invert=True)) if removed else np.arange(len(ids))
            self._live = live[np.argsort(ids[live], kind="stable")]
            ids = ids[self._live]
            if (ids[1:] == ids[:-1]).any():
                raise IndexCorruptError("two segments have the same image; run `resight verify --repair`")
        self.ids: Int64 = ids

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def names(self) -> Texts:
        """The name of each image."""
        return self._texts(lambda rows: rows.names)

    @cached_property
    def hashes(self) -> Texts:
        """The hash of each file's content."""
        return self._texts(lambda rows: rows.hashes)

    @cached_property
    def reasons(self) -> Texts:
        """What is to be said of each image, mostly nothing."""
        return self._texts(lambda rows: rows.reasons)

    @cached_property
    def tried_by(self) -> Texts:
        """The versions that could not read an image, or not the whole of it; mostly none."""
        return self._texts(lambda rows: rows.tried_by)

    @cached_property
    def masks(self) -> Texts:
        """What identifies the mask of each image, mostly nothing."""
        return self._texts(lambda rows: rows.masks)

    @cached_property
    def roots(self) -> Int32:
        """(n,) number of the folder that each was taken from."""
        return self._column(lambda rows: rows.roots, np.int32)

    @cached_property
    def sizes(self) -> Int64:
        """(n,) bytes of each file."""
        return self._column(lambda rows: rows.sizes, np.int64)

    @cached_property
    def mtimes(self) -> Int64:
        """(n,) nanoseconds since the epoch when each was changed."""
        return self._column(lambda rows: rows.mtimes, np.int64)

    @cached_property
    def widths(self) -> Int32:
        """(n,) pixels of each upright image, 0 where it could not be read."""
        return self._column(lambda rows: rows.widths, np.int32)

    @cached_property
    def heights(self) -> Int32:
        """(n,) pixels of each upright image, 0 where it could not be read."""
        return self._column(lambda rows: rows.heights, np.int32)

    @cached_property
    def added(self) -> Int64:
        """(n,) generation that added each."""
        return self._column(lambda rows: rows.added, np.int64)

    @cached_property
    def segments(self) -> Int32:
        """(n,) segment that has the evidence of each."""
        return self._chosen(np.repeat(np.array(self._numbers, np.int32), np.diff(self._bases)))

    @cached_property
    def rows(self) -> Int32:
        """(n,) row of each within its segment."""
        return self._column(lambda rows: np.arange(len(rows), dtype=np.int32), np.int32)

    @cached_property
    def states(self) -> Sequence[str]:
        """One of `STATES` for each."""
        return [STATES[state] for state in self._states.tolist()]

    @cached_property
    def indexed(self) -> Mask:
        """(n,) False where an image could not be read, or a row is that of a video."""
        return np.asarray(self._states == STATES.index(INDEXED))

    @cached_property
    def videos(self) -> Mask:
        """(n,) True where a row is that of a video, whose frames are other rows."""
        return np.asarray(self._states == STATES.index(VIDEO))

    @property
    def unreadable(self) -> Mask:
        """(n,) True where a photo or a video could not be read."""
        return ~(self.indexed | self.videos)

    @cached_property
    def by_name(self) -> NamePlaces:
        """Position in the columns of each name."""
        return NamePlaces(self)

    def with_hash(self, key: str) -> list[int]:
        """Positions in the columns of the images whose files have this content, ascending."""
        found = (
            self._place(number, row)
            for number, rows in enumerate(self._parts)
            for row in rows_with_text(rows.hash_order, rows.hashes, key)
        )
        return sorted(place for place in found if place is not None)

    def positions(self, ids: Int64) -> Intp:
        """(k,) positions of k ids in the columns. Raises UsageError where an id is not a live image."""
        found = np.searchsorted(self.ids, ids)
        inside = found < len(self.ids)
        if not inside.all() or not np.array_equal(self.ids[found], ids):
            raise UsageError("an image asked for by its id is not in this generation of the index")
        return found

    def image(self, position: int) -> Image:
        """The image at a position of the columns."""
        at = int(self._live[position]) if self._live is not None else int(position)
        number = int(np.searchsorted(self._bases, at, "right")) - 1
        return self._parts[number].image(at - int(self._bases[number]))

    def place_of(self, name: str) -> int | None:
        """Position in the columns of the image of a name, None where there is none."""
        for number, rows in enumerate(self._parts):
            for row in rows_with_text(rows.name_order, rows.names, name):
                if (place := self._place(number, row)) is not None:
                    return place
        return None

    def places_of(self, names: Iterable[str]) -> list[int | None]:
        """The same for many names at once, in their order."""
        asked = SoughtTexts.of(names)
        found: list[int | None] = [None] * len(asked.texts)
        for number, rows in enumerate(self._parts):
            for name, row in asked.rows_in(rows.name_order, rows.names):
                if (place := self._place(number, row)) is not None:
                    found[name] = place
        return found

    @cached_property
    def _states(self) -> UInt8:
        return self._column(lambda rows: rows.states, np.uint8)

    @cached_property
    def _places(self) -> memoryview:
        """The position in the columns of each row of the segments, one after the other; -1 where it is not live."""
        places = np.full(int(self._bases[-1]), -1, np.int64)
        places[self._live] = np.arange(len(self))
        return places.data

    def _place(self, number: int, row: int) -> int | None:
        at = int(self._bases[number]) + row
        if self._live is None:
            return at
        place: int = self._places[at]
        return place if place >= 0 else None

    def _joined(self, column: Callable[[Rows], NDArray[_Number]], kind: type[_Number]) -> NDArray[_Number]:
        if len(self._parts) == 1:
            return column(self._parts[0])
        return np.concatenate([np.empty(0, kind), *map(column, self._parts)])

    def _column(self, column: Callable[[Rows], NDArray[_Number]], kind: type[_Number]) -> NDArray[_Number]:
        return self._chosen(self._joined(column, kind))

    def _chosen(self, values: NDArray[_Number]) -> NDArray[_Number]:
        return values if self._live is None else values[self._live]

    def _texts(self, column: Callable[[Rows], Texts]) -> Texts:
        texts = Texts.joined([*map(column, self._parts)])
        return texts if self._live is None else texts.take(self._live)


class NamePlaces(Mapping[str, int]):
    """The position of each name in a table, looked up by the orders of keys that its segments have."""

    def __init__(self, images: ImageTable) -> None:
        self._images = images

    def __getitem__(self, name: str) -> int:
        place = self._images.place_of(name)
        if place is None:
            raise KeyError(name)
        return place

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._images.place_of(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._images.names)

    def __len__(self) -> int:
        return len(self._images)
