"""Looking a text up among very many by a short hash of it, in an order that lies on the disk."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from resight.arrays import Int32, Intp, UInt64
from resight.store.texts import Texts

_BYTES = 8


def keys_of(texts: Iterable[bytes]) -> UInt64:
    """Returns (n,) the key of each of n texts: the first 64 bits of their BLAKE2b. Different texts may have one key."""
    return np.frombuffer(b"".join(blake2b(text, digest_size=_BYTES).digest() for text in texts), np.uint64)


@dataclass(frozen=True)
class KeyOrder:
    """The keys of the n rows of a segment in ascending order, and whose they are.

    keys: (n,) uint64. rows: (n,) int32.
    """

    keys: UInt64
    rows: Int32

    @classmethod
    def of(cls, keys: UInt64) -> KeyOrder:
        """Returns the order of the keys of rows 0 to n - 1."""
        order = np.argsort(keys, kind="stable")
        return cls(keys[order], order.astype(np.int32))

    def by_row(self) -> UInt64:
        """Returns (n,) the key of each row."""
        keys = np.empty_like(self.keys)
        keys[self.rows] = self.keys
        return keys

    def rows_with(self, key: int) -> list[int]:
        """Returns the rows that have a key."""
        view = self.keys.data
        at, found = bisect_left(view, key), []
        while at < len(view) and view[at] == key:
            found.append(int(self.rows[at]))
            at += 1
        return found

    def matches(self, asked: UInt64) -> tuple[Intp, Int32]:
        """Returns all pairs of one of the ascending keys `asked`, by its place, and a row that has it."""
        # The fewer are looked up among the more.
        if len(asked) <= len(self.keys):
            one, other = _equal(asked, self.keys)
        else:
            other, one = _equal(self.keys, asked)
        return one, self.rows[other]


def rows_with_text(order: KeyOrder, texts: Texts, text: str) -> list[int]:
    """Returns the rows of a segment whose text in a column, of which `order` has the keys, is this one."""
    data = text.encode("utf-8", "surrogatepass")
    (key,) = keys_of([data]).tolist()
    return [row for row in order.rows_with(key) if texts.bytes_at(row) == data]


@dataclass(frozen=True)
class SoughtTexts:
    """Texts to be looked up in several segments. texts: in the order of their keys; places: theirs as they came."""

    texts: Sequence[bytes]
    places: Intp
    keys: UInt64

    @classmethod
    def of(cls, texts: Iterable[str]) -> SoughtTexts:
        """Returns the texts with their keys."""
        data = [text.encode("utf-8", "surrogatepass") for text in texts]
        keys = keys_of(data)
        order = np.argsort(keys, kind="stable")
        return cls([data[place] for place in order.tolist()], order, keys[order])

    def rows_in(self, order: KeyOrder, texts: Texts) -> list[tuple[int, int]]:
        """Returns (place of a text, row) for each row of a segment that has one of the texts."""
        found, rows = order.matches(self.keys)
        if not len(found):
            return []
        places = self.places[found].tolist()
        return [
            (place, row)
            for place, at, row in zip(places, found.tolist(), rows.tolist(), strict=True)
            if texts.bytes_at(row) == self.texts[at]
        ]


def _equal(few: UInt64, many: UInt64) -> tuple[Intp, Intp]:
    """Returns all pairs of places of equal numbers in two ascending arrays."""
    first = many.searchsorted(few)
    same = many.take(first, mode="clip") == few if len(many) else np.zeros(len(few), np.bool_)
    # Mostly none is: names of new photos are looked up in very many segments.
    if not same.any():
        return first[:0], first[:0]
    hit = np.flatnonzero(same)
    first = first[hit]
    counts = many.searchsorted(few[hit], "right") - first
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(hit, counts), np.repeat(first, counts) + within
