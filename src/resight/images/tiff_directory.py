"""Directories of a TIFF: tags with their values, as far as they can be read.

Source: TIFF, Revision 6.0 (Adobe, 1992), and BigTIFF, which has the same in 64 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

SUB_DIRECTORIES = 330
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_MOST_DIRECTORIES = 16
_MOST_ENTRIES = 4096
_MOST_VALUES = 1 << 22

Values = tuple[float, ...] | bytes


@dataclass(frozen=True)
class Directory:
    """A directory of a TIFF. order: "<" or ">", of bytes; tags: values by number, text and unknown types as bytes.

    complete: whether all values that it refers to are in the file.
    """

    order: str
    tags: Mapping[int, Values]
    complete: bool

    def numbers(self, tag: int, otherwise: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Returns the whole numbers of a tag, or `otherwise` without it."""
        values = self.tags.get(tag, otherwise)
        return tuple(int(value) for value in values)

    def number(self, tag: int, otherwise: int = 0) -> int:
        """Returns the first number of a tag, or `otherwise` without it."""
        return next(iter(self.numbers(tag)), otherwise)


def directories(data: bytes) -> list[Directory]:
    """Returns the first directory, those that follow it, and those below them; empty where none can be read."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 16:
        return []
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    start = struct.unpack_from(order + "Q", data, 8)[0] if big else struct.unpack_from(order + "I", data, 4)[0]
    found: list[Directory] = []
    waiting, seen = [int(start)], set[int]()
    while waiting and len(found) < _MOST_DIRECTORIES:
        at = waiting.pop(0)
        if at == 0 or at in seen:
            continue
        seen.add(at)
        try:
            directory, after = _directory(data, at, order, big)
        except struct.error:
            continue
        found.append(directory)
        waiting += [*directory.numbers(SUB_DIRECTORIES), after]
    return found


def _directory(data: bytes, at: int, order: str, big: bool) -> tuple[Directory, int]:
    """Returns the directory at an offset, and the offset of the next one.

    Raises struct.error where it reaches beyond the file.
    """
    head, entry, word = ("Q", 20, "Q") if big else ("H", 12, "I")
    (count,) = struct.unpack_from(order + head, data, at)
    if count > _MOST_ENTRIES:
        raise struct.error("not a directory")
    first = at + struct.calcsize(order + head)
    tags: dict[int, Values] = {}
    complete = True
    for place in range(first, first + count * entry, entry):
        tag, kind, number = struct.unpack_from(f"{order}HH{word}", data, place)
        values = _values(data, place + entry - struct.calcsize(order + word), order, word, kind, number)
        if values is None:
            complete = False
        else:
            tags.setdefault(tag, values)
    end = first + count * entry
    after = struct.unpack_from(order + word, data, end)[0] if end + 8 <= len(data) else 0
    return Directory(order, tags, complete), int(after)


def _values(data: bytes, at: int, order: str, word: str, kind: int, count: int) -> Values | None:
    """Returns the values of an entry whose field is at an offset; None where they reach beyond the file."""
    size = _SIZES.get(kind, 1) * count
    if kind not in _SIZES:  # a type of unknown length
        return b""
    if count > _MOST_VALUES:
        return None
    if size > struct.calcsize(order + word):
        (at,) = struct.unpack_from(order + word, data, at)
    if at + size > len(data):
        return None
    if kind not in _CODES:
        return data[at : at + size]
    return struct.unpack_from(f"{order}{count}{_CODES[kind]}", data, at)
