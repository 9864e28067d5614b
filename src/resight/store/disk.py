"""Bytes that are on the disk when the call returns, with the checksum they must still have later."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, Protocol

from resight.errors import DamagedFileError, StorageError

TEMPORARY = ".writing-"

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_TOO_MANY = {errno.EMFILE, errno.ENFILE}


class Writable(Protocol):
    """Anything that bytes can be written to."""

    def write(self, data: bytes, /) -> int:
        """Writes bytes; returns how many were written."""
        ...


@dataclass(frozen=True)
class FileSum:
    """The size of a file in bytes and the hexadecimal SHA-256 of its content."""

    size: int
    sha256: str


class _Summing:
    """Passes bytes on to a file and sums them on the way, so that they are read only once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes, /) -> int:
        self._hash.update(data)
        self._size += len(data)
        return self._file.write(data)

    def sum(self) -> FileSum:
        return FileSum(self._size, self._hash.hexdigest())


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns an OSError of the block into a StorageError that says what happened at `path` and what to do."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: {_explanation(error)}") from error


def _explanation(error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return f"{reason}: free some space and run again; everything committed before is intact"
    if error.errno in _REFUSED:
        return f"{reason}: the index can be searched here, but writing needs a folder that can be written"
    if error.errno in _TOO_MANY:
        return f"{reason}: merge the segments with `resight compact`, or raise `ulimit -n`"
    return f"{reason}: check the disk and run again; everything committed before is intact"


def write_new(path: Path, write: Callable[[Writable], object]) -> FileSum:
    """Creates a file with what `write` writes, forces it to the disk and returns its sum.

    The name is not forced to the disk: sync the folder afterwards. Raises OSError.
    """
    with path.open("xb") as file:
        summing = _Summing(file)
        write(summing)
        file.flush()
        os.fsync(file.fileno())
    return summing.sum()


def write_over(path: Path, data: bytes) -> FileSum:
    """Creates or replaces a file at once: a reader sees the old bytes or the new ones. Raises OSError."""
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    temporary.unlink(missing_ok=True)
    try:
        written = write_new(temporary, lambda file: file.write(data))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)
    return written


def sync_folder(folder: Path) -> None:
    """Forces the names in a folder to the disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_regular(path: Path) -> BufferedReader:
    """Opens a file for reading. Raises DamagedFileError where something else is in its place, and OSError.

    Notes: it is looked at before it is opened, because opening a device can do something, and opened without waiting,
    because a pipe that nobody writes to would be waited for without end.
    """
    _check_kind(path, _status(path))
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(handle, "rb")
    try:
        _check_kind(path, os.fstat(handle))
    except BaseException:
        file.close()
        raise
    return file


def check_regular(path: Path) -> None:
    """Raises DamagedFileError where something is at `path` and is not a file, and OSError."""
    with contextlib.suppress(FileNotFoundError):
        _check_kind(path, _status(path))


def read_regular(path: Path) -> bytes:
    """The bytes of a file. Raises DamagedFileError where something else is in its place, and OSError."""
    with open_regular(path) as file:
        return file.read()


def sum_bytes(data: bytes) -> FileSum:
    """Size and SHA-256 of bytes."""
    return FileSum(len(data), hashlib.sha256(data).hexdigest())


def sum_file(path: Path) -> FileSum:
    """Size and SHA-256 of a file as it is now. Raises DamagedFileError where it is no file, and OSError."""
    with open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileSum(file.tell(), digest)


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise DamagedFileError(path, "is a link that leads to itself") from None
        if error.errno == errno.ENOTDIR:
            raise DamagedFileError(path, "is missing: a file is where its folder was") from None
        raise


def _check_kind(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise DamagedFileError(path, f"is {kind} and not a file")


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def sealed(content: object) -> bytes:
    """JSON text that carries the SHA-256 of its own content."""
    body = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f'{{"content":{body},"sha256":"{hashlib.sha256(body.encode()).hexdigest()}"}}\n'.encode()


def unsealed(path: Path) -> Any:
    """The content of a sealed file. Raises DamagedFileError where any byte of it changed, and OSError."""
    data = read_regular(path)
    try:
        content = json.loads(data)["content"]
        intact = sealed(content) == data
    except (ValueError, KeyError, TypeError, RecursionError):
        intact = False
    if not intact:
        raise DamagedFileError(path, "the checksum is wrong")
    return content
