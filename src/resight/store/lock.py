"""One writer at a time: a lock that the operating system releases when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from resight.errors import DamagedFileError, IndexCorruptError, IndexLockedError, IndexMissingError
from resight.store.disk import check_regular, storage_errors


@contextlib.contextmanager
def writer_lock(folder: Path, shown: Path | None = None) -> Iterator[None]:
    """Holds the file `lock` in `folder`, whose text names the holder, until the block ends.

    shown: the folder that messages name, where it is another one. Raises IndexLockedError with the holder's process and
    host, IndexMissingError where the folder has gone, IndexCorruptError where something else is in the lock's place,
    and StorageError where the folder refuses.

    Notes: the lock is `flock` on the open file, not the existence of the file, so a killed holder leaves nothing
    that would have to be cleared by hand. The text is for people: nothing decides by it.
    """
    path = folder / "lock"
    with storage_errors(path):
        try:
            check_regular(path)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        except DamagedFileError as error:
            raise IndexCorruptError(f"{path} {error.what}: delete it, and run again") from None
        except FileNotFoundError:
            raise IndexMissingError(f"{folder}: there is no such folder any more; look where it went") from None
    try:
        with storage_errors(path):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise IndexLockedError(_held(shown or folder, os.pread(handle, 4096, 0))) from None
            os.ftruncate(handle, 0)
            os.pwrite(handle, _holder().encode(), 0)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _holder() -> str:
    return f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _held(folder: Path, text: bytes) -> str:
    # Between taking the lock and writing its text the holder is unknown for an instant.
    holder = text.decode("utf-8", "replace").strip() or "another process"
    return f"{folder} is being written by {holder}: wait until it ends, or stop it; searching works meanwhile"
