"""Many texts as one run of bytes: a million names are two arrays, and a `str` is made of one where it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np

from resight.arrays import Array, Intp, Mask, UInt8, UInt32

MOST_BYTES = (1 << 32) - 1
"""Most bytes of the texts of one column of a segment, whose offsets have 32 bits."""


class Texts(Sequence[str]):
    """A sequence of n texts in UTF-8, each followed by a byte of zero.

    data: (b,) uint8. starts, stops: (n,) where each text begins in it, and where the next one would; in any order, so
    that a selection shares the bytes of the whole. The zeros stand between texts and end none: a text may contain some.
    """

    def __init__(self, data: UInt8, starts: Array, stops: Array) -> None:
        self.data, self.starts, self.stops = data, starts, stops
        # A view gives plain numbers and bytes, several times faster than an array does, one at a time.
        self._bytes, self._starts, self._stops = data.data, starts.data, stops.data

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """Returns the texts of a sequence."""
        encoded = [text.encode() + b"\0" for text in texts]
        stops = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)))
        return cls.from_offsets(np.frombuffer(b"".join(encoded), np.uint8), np.append(np.int64(0), stops))

    @classmethod
    def from_offsets(cls, data: UInt8, offsets: Array) -> Texts:
        """Returns texts one behind the other; offsets: (n + 1,) the place of each, and the end."""
        return cls(data, offsets[:-1], offsets[1:])

    @classmethod
    def joined(cls, parts: Sequence[Texts]) -> Texts:
        """Returns the texts of several sequences, one after the other."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.of([])
        bases = np.cumsum([0, *(len(part.data) for part in parts[:-1])])
        pairs = [*zip(parts, bases.tolist(), strict=True)]
        return cls(
            np.concatenate([part.data for part in parts]),
            np.concatenate([part.starts.astype(np.int64) + base for part, base in pairs]),
            np.concatenate([part.stops.astype(np.int64) + base for part, base in pairs]),
        )

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        if isinstance(place, slice):
            return Texts(self.data, self.starts[place].copy(), self.stops[place].copy())
        start, stop = self._starts[place], self._stops[place] - 1
        return str(self._bytes[start:stop], "utf-8") if stop > start else ""

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and text in self.tolist()

    def bytes_at(self, place: int) -> bytes:
        """Returns the bytes of one text."""
        return bytes(self._bytes[self._starts[place] : self._stops[place] - 1])

    def take(self, places: Intp) -> Texts:
        """Returns the texts at some places, in their order."""
        return Texts(self.data, self.starts[places], self.stops[places])

    @property
    def present(self) -> Mask:
        """Returns (n,) which texts are not empty."""
        return np.asarray(self.stops > self.starts + 1)

    def tolist(self) -> list[str]:
        """Returns all texts; as long as they lie behind each other they are decoded at once."""
        found: list[str] = []
        for first, end in self._runs():
            run = str(self._bytes[self._starts[first] : self._stops[end - 1] - 1], "utf-8").split("\0")
            # One of them has a zero of its own.
            found += run if len(run) == end - first else [self[place] for place in range(first, end)]
        return found

    def packed(self) -> tuple[UInt8, UInt32]:
        """Returns the bytes of the texts in their order, one behind the other, and their (n + 1,) offsets.

        Raises ValueError where they have more than `MOST_BYTES`.
        """
        pieces = [self.data[self._starts[first] : self._stops[end - 1]] for first, end in self._runs()]
        lengths = self.stops.astype(np.int64) - self.starts
        offsets = np.append(np.int64(0), np.cumsum(lengths))
        if offsets[-1] > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES} bytes of text")
        return np.concatenate([np.empty(0, np.uint8), *pieces]), offsets.astype(np.uint32)

    def _runs(self) -> Iterator[tuple[int, int]]:
        """Yields the ranges of places whose texts lie behind each other."""
        if not len(self):
            return
        breaks = np.flatnonzero(self.starts[1:] != self.stops[:-1]) + 1
        first = 0
        for end in [*breaks.tolist(), len(self)]:
            yield first, end
            first = end


def texts_fault(texts: Texts) -> str:
    """Returns what keeps bytes and offsets from being texts, one behind the other; empty where nothing does."""
    first, last = (texts.starts[0], texts.stops[-1]) if len(texts) else (0, 0)
    if first != 0 or last != len(texts.data) or not (texts.stops > texts.starts).all():
        return "does not say where its texts are"
    if texts.data[texts.stops - 1].any():
        return "has texts that do not end"
    try:
        str(texts.data.data, "utf-8")
    except UnicodeDecodeError:
        return "has bytes that are no text"
    return ""
