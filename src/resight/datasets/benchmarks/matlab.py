"""Reads MATLAB files of ground truth (version 5, as -v6 and -v7 save them)."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from resight.arrays import Array
from resight.errors import UsageError
from resight.images import displayed

Value: TypeAlias = "Array | str | list[Value] | list[dict[str, Value]]"
"""Numbers, a text, the cells of a cell array, or the records of a struct array; column by column."""

_HEADER, _MATRIX, _COMPRESSED = 128, 14, 15
_CELL, _STRUCT, _CHAR = 1, 2, 4
_COMPLEX = 0x0800
_MAX_BYTES = 1 << 24  # of a file, and of its unpacked data, of which eight bytes may become a record of 200
_MAX_DEPTH = 16
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}


def read_matlab(path: Path, names: Collection[str]) -> dict[str, Value]:
    """Reads the named variables of a file, all of them. Raises UsageError where it is damaged or lacks one.

    Source: MathWorks, "MAT-File Format", version 5.

    Notes: SciPy's reader is not used, because a damaged file can crash it, and the program with it. Objects, functions,
    sparse and complex arrays are not read, nor is version 7.3, which is HDF5.
    """
    if not path.is_file():
        raise UsageError(f"{displayed(path)}: no such file; it is the ground truth")
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{displayed(path)}: cannot be read ({error.strerror})") from error
    try:
        found = dict(_variables(data, names))
    except (ValueError, zlib.error, struct.error) as error:
        raise UsageError(f"{displayed(path)}: not a MATLAB file of version 5 that can be read ({error})") from error
    if missing := sorted({*names} - found.keys()):
        raise UsageError(f"{displayed(path)}: has no variable {missing[0]}")
    return found


@dataclass(frozen=True)
class MatlabFile:
    """Variables of ground truth, read by their expected shape; `path` is for errors."""

    path: Path
    variables: dict[str, Value]

    def texts(self, name: str) -> list[str]:
        """Returns a cell array of texts."""
        value = self.variables[name]
        if not isinstance(value, list):
            raise self.wrong(name, "must be a cell array of texts")
        texts = [one for one in value if isinstance(one, str)]
        if len(texts) < len(value):
            raise self.wrong(name, "must be a cell array of texts")
        return texts

    def numbers(self, name: str) -> list[float]:
        """Returns an array of numbers, flat."""
        return self._flat(self.variables[name], name)

    def records(self, name: str) -> list[dict[str, list[float]]]:
        """Returns a struct array whose fields are numbers, each flat."""
        value = self.variables[name]
        if not isinstance(value, list):
            raise self.wrong(name, "must be a struct array")
        records = []
        for number, record in enumerate(value, start=1):
            if not isinstance(record, dict):
                raise self.wrong(name, "must be a struct array")
            records.append({key: self._flat(one, f"{name}({number}).{key}") for key, one in record.items()})
        return records

    def wrong(self, variable: str, what: str) -> UsageError:
        """Returns the error that a variable is wrong."""
        return UsageError(f"{displayed(self.path)}: {variable}: {what}")

    def _flat(self, value: Value, variable: str) -> list[float]:
        if not isinstance(value, np.ndarray):
            raise self.wrong(variable, "must be numbers")
        flat: list[float] = value.tolist()
        return flat


def open_matlab(path: Path, names: Collection[str]) -> MatlabFile:
    """Opens the named variables of a file, to be read by their shape. Raises the errors of `read_matlab`."""
    return MatlabFile(path, read_matlab(path, names))


@dataclass
class _Bytes:
    """The unread rest of a piece of a file."""

    data: memoryview
    order: str
    at: int = 0

    def take(self, count: int) -> memoryview:
        if count > len(self.data) - self.at:
            raise ValueError("it is cut short")
        self.at += count
        return self.data[self.at - count : self.at]

    def element(self) -> tuple[int, memoryview]:
        """Returns the type and the bytes of the next element."""
        (kind,) = struct.unpack(self.order + "I", self.take(4))
        if kind >> 16:  # up to four bytes are stored in the tag itself
            return kind & 0xFFFF, self.take(4)[: kind >> 16]
        (size,) = struct.unpack(self.order + "I", self.take(4))
        content = self.take(size)
        if kind != _COMPRESSED:
            self.at = min(len(self.data), self.at + -size % 8)
        return kind, content

    def numbers(self) -> Array:
        """Returns the next element as a flat array."""
        kind, content = self.element()
        if kind not in _NUMBERS:
            raise ValueError(f"numbers of type {kind}")
        return np.frombuffer(content, np.dtype(self.order + _NUMBERS[kind]))

    def integers(self) -> list[int]:
        """Returns the next element as integers."""
        numbers = self.numbers()
        if numbers.dtype.kind not in "iu":
            raise ValueError("a size is not an integer")
        integers: list[int] = numbers.tolist()
        return integers


def _variables(data: bytes, names: Collection[str]) -> Iterator[tuple[str, Value]]:
    if len(data) < _HEADER or data[126:128] not in (b"IM", b"MI"):
        raise ValueError("its header is not of that version")
    order = "<" if data[126:128] == b"IM" else ">"
    file, room = _Bytes(memoryview(data), order, _HEADER), _MAX_BYTES
    if len(data) > room:
        raise ValueError("it is too large")
    while file.at < len(data):
        kind, content = file.element()
        if kind == _COMPRESSED:
            inflate = zlib.decompressobj()
            whole = inflate.decompress(content, room)
            room -= len(whole)
            if not inflate.eof or not room:  # no room would mean no limit
                raise ValueError("a compressed variable is cut short or too large")
            kind, content = _Bytes(memoryview(whole), order).element()
        if kind != _MATRIX:
            raise ValueError(f"a variable of type {kind}")
        array = _Array.begin(_Bytes(content, order))
        if array.name in names:
            yield array.name, array.value(0)


@dataclass(frozen=True)
class _Array:
    """An array whose flags, size and name have been read, and the rest of it."""

    flags: int
    sizes: list[int]
    name: str
    rest: _Bytes

    @classmethod
    def begin(cls, rest: _Bytes) -> _Array:
        flags, sizes = rest.integers(), rest.integers()
        if len(flags) != 2 or len(sizes) < 2 or min(sizes) < 0:
            raise ValueError("an array has no size")
        return cls(flags[0], sizes, bytes(rest.element()[1]).decode("latin-1"), rest)

    @property
    def count(self) -> int:
        return math.prod(self.sizes)

    def value(self, depth: int) -> Value:
        kind = self.flags & 0xFF
        if depth > _MAX_DEPTH:
            raise ValueError("arrays are nested too deep")
        if kind == _CELL:
            return [self._nested(depth) for _ in range(self._fitting(self.count))]
        if kind == _STRUCT:
            (width,) = self.rest.integers()
            joined = bytes(self.rest.element()[1])
            if width <= 0:
                raise ValueError("the fields of a struct array have no names")
            parts = (joined[at : at + width] for at in range(0, len(joined), width))
            fields = [part.partition(b"\0")[0].decode("latin-1") for part in parts]
            self._fitting(self.count * len(fields))
            return [{field: self._nested(depth) for field in fields} for _ in range(self.count if fields else 0)]
        if kind == _CHAR:
            form, content = self.rest.element()
            if form not in _TEXTS or self.count > max(self.sizes):
                raise ValueError(f"a text of type {form} and of {self.sizes[0]} lines")
            ending = {"<": "-le", ">": "-be"}[self.rest.order] if form in (4, 17, 18) else ""
            return bytes(content).decode(_TEXTS[form] + ending)
        if 6 <= kind <= 15 and not self.flags & _COMPLEX:
            numbers = self.rest.numbers()
            if len(numbers) != self.count:
                raise ValueError(f"an array of {self.count} numbers has {len(numbers)}")
            return numbers
        raise ValueError(f"an array of class {kind} in {self.name or 'another'}")

    def _nested(self, depth: int) -> Value:
        kind, content = self.rest.element()
        if kind != _MATRIX:
            raise ValueError(f"an element of type {kind} in an array of arrays")
        if not content:
            return np.zeros(0)
        return _Array.begin(_Bytes(content, self.rest.order)).value(depth + 1)

    def _fitting(self, count: int) -> int:
        """Returns a number of elements, each of which takes at least eight bytes, if the rest has that many."""
        if count * 8 > len(self.rest.data) - self.rest.at:
            raise ValueError("it is cut short")
        return count
