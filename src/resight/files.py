"""Writing one file so that nobody ever sees half of it."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Creates or replaces a file at once: a reader sees the old bytes or the new ones, also after a crash.

    A link is followed. Raises OSError, and leaves what was there, where the disk refuses or `path` is a folder, a
    device or the like.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    temporary = target.with_name(f".writing-{os.getpid()}-{threading.get_ident()}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
