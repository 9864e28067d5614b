"""Where compiled code is kept between processes: in no folder where another person could put code in its place."""

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
"""Bytes of SHA-256 before the content: code of which a bit is wrong must not run."""


class CompiledFiles:
    """The compiled forms of one function of a source file, each by a key that says all that it depends on.

    Kept in the folder that NUMBA_CACHE_DIR names, beside the source, in the cache folder of the person, or in that for
    temporary files: read from every one of them that is safe, written to the first that can be written. A read-only
    installation is served by what was compiled before it became so.
    """

    def __init__(self, source: str, name: str) -> None:
        self._source = Path(os.path.abspath(source))
        self._name = name

    def read(self, key: str) -> bytes | None:
        """What was kept by this key, whole and unchanged, or None."""
        for folder in self._safe_folders():
            with suppress(OSError):
                data = (folder / self._file(key)).read_bytes()
                if data[:_DIGEST] == hashlib.sha256(data[_DIGEST:]).digest():
                    return data[_DIGEST:]
        return None

    def write(self, key: str, data: bytes) -> bool:
        """Keeps it in the first folder that takes it; False where none does, which is no error."""
        whole = hashlib.sha256(data).digest() + data
        for folder in self._safe_folders():
            try:
                _make(folder)
                # Asked again: the folder may have been made by another just now.
                if folder in self._safe_folders():
                    write_whole(folder / self._file(key), whole)
                    return True
            except OSError as error:
                _log.debug("%s: compiled code is not kept here: %s", folder, error)
        return False

    def _safe_folders(self) -> Iterator[Path]:
        beside = self._source.parent / "__pycache__"
        # Installations in several places must not share a folder of one person.
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
    """Tells whether nobody but this person and root can change what is in a folder, by its own permissions and those of
    all folders above it. A folder that is not there yet is judged by those above it.

    Windows keeps the folders of a person apart by other means, which are relied upon.
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
        # A sticky bit keeps others from renaming what is in a folder, not from adding to it.
        if _others_write(found) and (one == path or not found.st_mode & stat.S_ISVTX):
            return False
    return True


def is_as_safe_as(folder: Path, other: Path) -> bool:
    """Tells whether whoever can change what is in a folder can change what is in another one too: compiled code may lie
    beside its source where that is so. A folder that is not there yet will be."""
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
    # A group with a person's own number has nobody else in it.
    return bool(found.st_mode & stat.S_IWGRP) and found.st_gid != found.st_uid


def _make(folder: Path) -> None:
    """Makes a folder and those above it, for this person alone; one beside a source like the source's own."""
    if folder.name == "__pycache__":
        folder.mkdir(exist_ok=True)
        return
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
