"""Reads files to bytes, and makes paths printable."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from resight.errors import ImageError
from resight.images.limits import MAX_BYTES


def read_bytes(path: Path | str) -> bytes:
    """Reads a whole file at once, so that the bytes that are hashed are those that are decoded.

    A path such as clip.mp4#t=12.5, of which there is no file, is that of a frame, whose bytes are those of a BMP file.
    Raises ImageError where it cannot be read.
    """
    name = displayed(path)
    if "#t=" in name and not os.path.lexists(path):
        from resight.images.videos import bytes_of_frame

        if (frame := bytes_of_frame(path)) is not None:
            return frame
    try:
        # Before opening, because opening a pipe blocks until something writes to it.
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ImageError(name, "is a folder")
        if not stat.S_ISREG(mode):
            raise ImageError(name, "is not a regular file")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ImageError(name, "no such file", may_pass=True) from None
    except PermissionError:
        raise ImageError(name, "permission denied", may_pass=True) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ImageError(name, f"cannot be read: {' '.join(reason.split())}", may_pass=True) from None
    if len(data) > MAX_BYTES:
        raise ImageError(name, f"the file is over the limit of {MAX_BYTES >> 20} MiB; make it smaller")
    return data


def content_hash(data: bytes) -> str:
    """Returns the hash that identifies the content of a file."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def displayed(path: Path | str) -> str:
    """Returns a path as printable text: bytes that are not UTF-8, and halves of characters, become escapes."""
    try:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # no path of any file
        return str(path).encode("utf-8", "backslashreplace").decode()
