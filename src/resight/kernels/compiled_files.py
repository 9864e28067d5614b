"""Keeps compiled code between processes, only in folders where no other person could replace it."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from resight.cache import cache_folder, temporary_folder
from resight.files import write_whole

_log = logging.getLogger(__name__)

_DIGEST = 32
"""Bytes of SHA-256 before the content: code with a wrong bit must not run."""


class CompiledFiles:
    """A store of the compiled forms of one function, each under a key that states everything it depends on.

    Folders: the one that NUMBA_CACHE_DIR names, the one beside the source, the person's cache folder, and the one for
    temporary files. Every safe one is read; the first that can be written is written. So a read-only installation uses
    code that was compiled before it became read-only.
    """

    def __init__(self, source: str, name: str) -> None:
        self._source = Path(os.path.abspath(source))
        self._name = name

    def read(self, key: str) -> bytes | None:
        """Returns the data kept under this key, whole and unchanged, or None."""
        for folder in self._safe_folders():
            with suppress(OSError):
                data = (folder / self._file(key)).read_bytes()
                if data[:_DIGEST] == hashlib.sha256(data[_DIGEST:]).digest():
                    return data[_DIGEST:]
        return None

    def write(self, key: str, data: bytes) -> bool:
        """Keeps the data in the first folder that accepts it; returns False where none does, which is not an error."""
        whole = hashlib.sha256(data).digest() + data
        for folder in self._safe_folders():
            try:
                _make(folder)
                # Check again: another process may have just made the folder.
                if folder in self._safe_folders():
                    write_whole(folder / self._file(key), whole)
                    return True
            except OSError as error:
                _log.debug("%s: compiled code is not kept here: %s", folder, error)
        return False

    def _safe_folders(self) -> Iterator[Path]:
        beside = self._source.parent / "__pycache__"
        # Installations in different places must not share a person's folder.
        place = hashlib.sha256(os.fsencode(self._source.parent)).hexdigest()[:16]
        if named := os.environ.get("NUMBA_CACHE_DIR"):
            yield from filter(is_private, [Path(named) / place])
        if is_as_safe_as(beside, self._source.parent):
            yield beside
        yield from filter(is_private, (cache_folder("kernels") / place, temporary_folder("kernels") / place))

    def _file(self, key: str) -> str:
        number = hashlib.sha256(key.encode()).hexdigest()[:24]
        return f"{self._source.stem}.{self._name}-{number}.kernel"


def is_private(folder: Path) -> bool:
    """Tells whether only this person and root can change the content of a folder.

    The permissions of the folder and of all folders above it decide. A folder that does not exist yet is judged by
    those above it.

    Windows separates the folders of different persons by other means, which are relied upon.
    """
    if not hasattr(os, "getuid"):
        return True
    path = Path(os.path.realpath(folder))
    for one in (path, *path.parents):
        try:
            found = one.lstat()
        except FileNotFoundError:
            continue
        except OSError:
            return False
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (0, os.getuid()):
            return False
        # A sticky bit keeps others from renaming files in a folder, not from adding some.
        if _others_write(found) and (one == path or not found.st_mode & stat.S_ISVTX):
            return False
    return True


def is_as_safe_as(folder: Path, other: Path) -> bool:
    """Tells whether everyone who can change the content of a folder can change that of another one too.

    Then compiled code may lie beside its source. A folder that does not exist yet is taken to be as safe.
    """
    if not hasattr(os, "getuid"):
        return True
    try:
        reference = other.stat()
        found = folder.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (0, os.getuid(), reference.st_uid):
        return False
    if found.st_mode & stat.S_IWOTH and not reference.st_mode & stat.S_IWOTH:
        return False
    same_group = reference.st_mode & stat.S_IWGRP and reference.st_gid == found.st_gid
    return bool(same_group) or not _group_writes(found)


def _others_write(found: os.stat_result) -> bool:
    return bool(found.st_mode & stat.S_IWOTH) or _group_writes(found)


def _group_writes(found: os.stat_result) -> bool:
    # A group with the number of its person has no other members.
    return bool(found.st_mode & stat.S_IWGRP) and found.st_gid != found.st_uid


def _make(folder: Path) -> None:
    """Makes a folder and those above it, for this person alone.

    A folder beside a source gets the permissions of the source's folder.
    """
    if folder.name == "__pycache__":
        folder.mkdir(exist_ok=True)
        return
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
