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
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.arrays import Arrays
from resight.errors import DamagedFileError, UsageError
from resight.store.checked import Version
from resight.store.disk import FileSum, open_regular, write_new

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
class ArrayFile:
    """A file that is open. array: of its numbers, read-only; data: all of its bytes; version: of the file."""

    path: Path
    array: NDArray[Any]
    data: bytes | mmap.mmap
    version: Version

    def check_sum(self, expected: FileSum) -> None:
        """Reads every byte. Raises DamagedFileError where the content is another one."""
        if hashlib.sha256(self.data).hexdigest() != expected.sha256:
            raise DamagedFileError(self.path, "the checksum is wrong")


def write_array(path: Path, array: NDArray[Any]) -> FileSum:
    """Creates a file with an array. Raises UsageError for one of anything but numbers, and OSError."""
    if array.dtype.kind not in "biufc":
        raise UsageError(f"{path.stem}: an array of {array.dtype} cannot be stored: only numbers can")
    plain = np.asarray(array, order="C")
    return write_new(path, lambda file: np.lib.format.write_array(file, plain, (1, 0), allow_pickle=False))


def open_array(path: Path, size: int) -> ArrayFile:
    """Opens what `write_array` wrote, of `size` bytes; large files are mapped into memory.

    Raises DamagedFileError where the file is none, has another size, or holds something else; and OSError. The numbers
    are not looked at: see `ArrayFile.check_sum`.
    """
    with open_regular(path) as file:
        version = Version.of(os.fstat(file.fileno()))
        if version.size != size:
            raise DamagedFileError(path, f"has {version.size} bytes instead of {size}")
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size >= _SMALLEST_MAPPED else file.read()
    return ArrayFile(path, _parsed(path, data), data, version)


def _parsed(path: Path, data: bytes | mmap.mmap) -> NDArray[Any]:
    found = _HEADER.match(data)
    dtype = _dtype(found[2]) if found else None
    if not found or dtype is None or found.end() != 10 + int.from_bytes(found[1], "little"):
        raise DamagedFileError(path, "is not an array any more")
    shape = tuple(int(length) for length in found[3].split(b",") if length.strip())
    count = math.prod(shape)
    if count * dtype.itemsize != len(data) - found.end() or found.end() % 64:
        raise DamagedFileError(path, "is not an array any more")
    plain = np.frombuffer(data, dtype, count, found.end()).reshape(shape) if count else np.empty(shape, dtype)
    plain.flags.writeable = False
    return plain


def _dtype(text: bytes) -> np.dtype[Any] | None:
    with contextlib.suppress(TypeError):
        dtype = np.dtype(text.decode())
        return dtype if dtype.isnative and dtype.itemsize else None
    return None
