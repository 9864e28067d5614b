"""The photos of one generation as a list: sorted, in pages, by folder, by words of their names and by metadata."""

from __future__ import annotations

import posixpath
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from resight.arrays import Int64
from resight.index import Collection
from resight.server.faults import not_found
from resight.server.metadata import Metadata


@dataclass(frozen=True)
class Filter:
    """Which photos are meant: those in a folder, with words in their name or metadata, and with values in fields.

    Words and values are compared without regard to capitals; a word matches within a word, a value matches within a
    value.
    """

    folder: str = ""
    text: str = ""
    fields: Mapping[str, str] | None = None

    def __bool__(self) -> bool:
        return bool(self.folder.strip("/") or self.text.strip() or self.fields)


class Listing:
    """The photos that can be found, of one generation."""

    def __init__(self, collection: Collection) -> None:
        images = collection.snapshot.images
        known = [(images.names[place], place) for place in np.flatnonzero(images.indexed).tolist()]
        known.sort()
        self._collection = collection
        self.names = [name for name, _ in known]
        self._places = [place for _, place in known]

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def folders(self) -> list[tuple[str, int]]:
        """Every folder, sorted, with the number of photos in it and below."""
        counts: Counter[str] = Counter()
        for name in self.names:
            folder = posixpath.dirname(name)
            while folder:
                counts[folder] += 1
                folder = posixpath.dirname(folder)
        return sorted(counts.items())

    def place(self, name: str) -> int:
        """The position in the table of the photo of exactly this name. Raises Refusal."""
        place = self._collection.snapshot.images.by_name.get(name)
        if place is None or not self._collection.snapshot.images.indexed[place]:
            raise not_found("The index has no photo of this name.", "Take a name as the list of photos has it.")
        return place

    def size(self, name: str) -> tuple[int, int]:
        """(width, height) of a photo. Raises Refusal."""
        images, place = self._collection.snapshot.images, self.place(name)
        return int(images.widths[place]), int(images.heights[place])

    def page(self, wanted: Filter, metadata: Metadata, after: str, limit: int) -> tuple[list[str], str | None, int]:
        """Returns the names behind `after`, the last of them where there are more, and how many are meant in all."""
        names = self.names if not wanted else [self.names[row] for row in self._rows(wanted, metadata)]
        start = bisect_right(names, after) if after else 0
        part = names[start : start + limit]
        return part, part[-1] if start + limit < len(names) and part else None, len(names)

    def ids(self, wanted: Filter, metadata: Metadata) -> Int64 | None:
        """Returns (n,) catalogue ids of the photos that are meant, ascending; None where that is all of them.

        Raises Refusal where it is none.
        """
        if not wanted:
            return None
        rows = self._rows(wanted, metadata)
        if not rows:
            raise not_found("No photo of the index is in this folder and has these words.", "Take a part of them away.")
        return np.sort(self._collection.snapshot.images.ids[[self._places[row] for row in rows]])

    def _rows(self, wanted: Filter, metadata: Metadata) -> list[int]:
        start, end = 0, len(self.names)
        if folder := wanted.folder.strip("/"):
            start = bisect_right(self.names, f"{folder}/")
            end = bisect_right(self.names, f"{folder}/\U0010ffff")
        rows = range(start, end)
        words = wanted.text.casefold().split()
        fields = {field: value.casefold() for field, value in (wanted.fields or {}).items() if value}
        return [row for row in rows if self._is_meant(self.names[row], words, fields, metadata)]

    def _is_meant(self, name: str, words: list[str], fields: Mapping[str, str], metadata: Metadata) -> bool:
        if not words and not fields:
            return True
        known = metadata.of(name)
        if any(value not in known.get(field, "").casefold() for field, value in fields.items()):
            return False
        if not words:
            return True
        text = " ".join([name, *known.values()]).casefold()
        return all(word in text for word in words)
