"""Arrays as files in numpy's format; no more of the format is read than is written here."""

from __future__ import annotations

import contextlib
import hashlib
import math
import mmap
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from resight.arrays import Array, Arrays
from resight.errors import DamagedFileError, UsageError
from resight.store.checked import Version
from resight.store.disk import FileSum, open_regular, write_new

Buffer = bytes | mmap.mmap
"""The bytes of a file, read or mapped."""

Check = Callable[[Arrays, int], tuple[str, str] | None]
"""Given arrays by name and the number of images, the first array that is not as its layout has it, with what is wrong
with it: "is ...". None where all can be read by compiled code without harm."""

# A mapped file costs an open file descriptor for as long as it is mapped; small ones are read instead.
_SMALLEST_MAPPED = 1 << 16
# What numpy writes before the numbers. numpy reads it as an expression of Python, which threads cannot do at once, and
# which a forged one could refuse in every way that Python has.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<>|][biufc]\d{1,2})', 'fortran_order': False, "
    rb"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), \} *\n",
    re.DOTALL,
)


@dataclass(frozen=True)
class OpenFile:
    """A file that is open. data: all of its bytes, mapped where they are many; version: of the file."""

    path: Path
    data: Buffer
    version: Version

    def check_sum(self, expected: FileSum) -> None:
        """Reads every byte. Raises DamagedFileError where the content is another one."""
        if hashlib.sha256(self.data).hexdigest() != expected.sha256:
            raise DamagedFileError(self.path, "the checksum is wrong")


@dataclass(frozen=True)
class ArrayFile(OpenFile):
    """A file that holds an array and is open. array: of its numbers, read-only."""

    array: Array


def write_array(path: Path, array: Array) -> FileSum:
    """Creates a file with an array. Raises UsageError for one of anything but numbers, and OSError."""
    if array.dtype.kind not in "biufc":
        raise UsageError(f"{path.stem}: an array of {array.dtype} cannot be stored: only numbers can")
    plain = np.asarray(array, order="C")
    return write_new(path, lambda file: np.lib.format.write_array(file, plain, (1, 0), allow_pickle=False))


def open_file(path: Path, size: int) -> OpenFile:
    """Opens a file of `size` bytes; a large one is mapped into memory.

    Raises DamagedFileError where the file is none, or has another size; and OSError.
    """
    with open_regular(path) as file:
        version = Version.of(os.fstat(file.fileno()))
        if version.size != size:
            raise DamagedFileError(path, f"has {version.size} bytes instead of {size}")
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size >= _SMALLEST_MAPPED else file.read()
    return OpenFile(path, data, version)


def open_array(path: Path, size: int) -> ArrayFile:
    """Opens what `write_array` wrote, of `size` bytes; large files are mapped into memory.

    Raises DamagedFileError where the file is none, has another size, or holds something else; and OSError. The numbers
    are not looked at: see `ArrayFile.check_sum`.
    """
    file = open_file(path, size)
    try:
        array, end = parse_array(file.data, 0)
    except ValueError:
        end = -1
    if end != len(file.data):
        raise DamagedFileError(path, "is not an array any more")
    return ArrayFile(path, file.data, file.version, array)


def parse_array(data: Buffer, at: int) -> tuple[Array, int]:
    """The read-only array whose bytes begin at a place of a file, and the place where they end.

    Raises ValueError where there is none.
    """
    found = _HEADER.match(data, at)
    dtype = _dtype(found[2]) if found else None
    if not found or dtype is None or found.end() - at != 10 + int.from_bytes(found[1], "little"):
        raise ValueError("no array begins here")
    shape = tuple(int(length) for length in found[3].split(b",") if length.strip())
    count, start = math.prod(shape), found.end()
    end = start + count * dtype.itemsize
    if end > len(data) or (start - at) % 64:
        raise ValueError("no array is here")
    plain = np.frombuffer(data, dtype, count, start).reshape(shape) if count else np.empty(shape, dtype)
    plain.flags.writeable = False
    return plain, end


@lru_cache
def _dtype(text: bytes) -> np.dtype[Any] | None:
    with contextlib.suppress(TypeError):
        dtype = np.dtype(text.decode())
        return dtype if dtype.isnative and dtype.itemsize else None
    return None
