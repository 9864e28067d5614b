"""Walking the folders of photos: which files are images, and what each is called."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from resight.errors import ImageError, UsageError
from resight.images import displayed

SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".tif",
        ".tiff",
        ".bmp",
        ".gif",
        ".heic",
        ".heif",
        ".hif",
        ".avif",
        ".jxl",
        # Camera raw, by maker.
        ".dng",
        ".cr2",
        ".cr3",
        ".crw",
        ".nef",
        ".nrw",
        ".arw",
        ".srf",
        ".sr2",
        ".orf",
        ".rw2",
        ".rwl",
        ".raf",
        ".pef",
        ".srw",
        ".x3f",
        ".3fr",
        ".fff",
        ".iiq",
        ".mrw",
        ".erf",
        ".dcr",
        ".kdc",
        ".mef",
        ".mos",
    }
)
"""Ends of the names of files that are taken for images, in lower case; capitals count as the same."""

INDEX_SUFFIX = ".resight"
"""End of the names of folders that are indexes; they are never searched for photos."""

# os.fsdecode stands a byte that is not UTF-8 for as one of these lone surrogates.
_RAW_BYTE = "[\udc80-\udcff]"
_ESCAPE = "(?:25|[89A-F][0-9A-F])"
_TO_ESCAPE = re.compile(f"{_RAW_BYTE}|%(?={_ESCAPE})")
_ESCAPED = re.compile(f"%{_ESCAPE}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """An image file. name: path below the root, "/" between parts, escaped; size in bytes; mtime_ns since the epoch."""

    path: Path
    name: str
    size: int
    mtime_ns: int


def find_images(root: Path, on_error: Callable[[ImageError], None] | None = None) -> Iterator[Found]:
    """Image files below `root` in the order of their names; UsageError where `root` is no folder that can be read.

    Links are followed. A folder is listed once: a link to a folder that is below the root anyway adds nothing, and of
    several links to the same folder elsewhere the first counts. Hidden files and folders and indexes are left out.
    What cannot be read below the root goes to `on_error` (without it, to the log as a warning) and the walk goes on.
    """
    try:
        entries = _entries(root, "")
    except FileNotFoundError:
        raise UsageError(f"{displayed(root)}: no such folder") from None
    except NotADirectoryError:
        raise UsageError(f"{displayed(root)}: is a file; give the folder that it is in") from None
    except OSError as error:
        raise UsageError(f"{displayed(root)}: the folder cannot be read: {error.strerror}") from None
    return _walk(root, entries, on_error or _warn)


def escape_name(name: str) -> str:
    """A file name as text that is valid Unicode, different for different files.

    A byte that is not UTF-8 becomes %80 to %FF. A "%" becomes %25 only before what would otherwise read as such an
    escape ("25", or two capital hexadecimal digits from 80 on), so "100%.jpg" and "a%20b.jpg" stay as they are.
    """
    return _TO_ESCAPE.sub(lambda match: f"%{ord(match[0]) & 0xFF:02X}", name)


def unescape_name(name: str) -> str:
    """The file name that `escape_name` wrote as `name`, as os.fsdecode gives it."""
    return _ESCAPED.sub(lambda match: "%" if match[0] == "%25" else chr(0xDC00 + int(match[0][1:], 16)), name)


def is_below(name: str) -> bool:
    """Whether a name is the path of a file below a folder, with "/" between its parts and no way out of the folder."""
    parts = PurePosixPath(name).parts
    if "\0" in name or not parts or name != "/".join(parts) or {"..", "."} & {*parts}:
        return False
    try:
        os.fsencode(name)
    except UnicodeEncodeError:  # half a character, which JSON can spell and no file name has
        return False
    return True


@dataclass(frozen=True)
class _Entry:
    name: str
    path: Path
    entry: os.DirEntry[str]
    is_folder: bool


def _entries(folder: Path, prefix: str) -> list[_Entry]:
    """What may count in one folder, in the order of the full names that come out of it; hidden things are left out."""
    listed = []
    with os.scandir(folder) as scan:
        for entry in scan:
            is_folder = _is_folder(entry)
            suffix = os.path.splitext(entry.name)[1].lower()
            if entry.name.startswith(".") or (suffix == INDEX_SUFFIX if is_folder else suffix not in SUFFIXES):
                continue
            listed.append(_Entry(prefix + escape_name(entry.name), folder / entry.name, entry, is_folder))
    # "/" takes part in the comparison: "a.jpg" comes before what is in "a".
    return sorted(listed, key=lambda one: one.name + "/" if one.is_folder else one.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # such as a link to itself; as a file it is reported by name


def _walk(root: Path, entries: list[_Entry], on_error: Callable[[ImageError], None]) -> Iterator[Found]:
    real_root = os.path.realpath(root)
    status = os.stat(root)
    listed = {(status.st_dev, status.st_ino)}
    waiting = entries[::-1]  # a stack instead of recursion: folders nest deeper than Python calls
    while waiting:
        one = waiting.pop()
        try:
            if one.is_folder:
                if one.entry.is_symlink() and _is_walked(os.path.realpath(one.path), real_root):
                    continue
                status = os.stat(one.path)
                identity = (status.st_dev, status.st_ino)
                if identity not in listed:
                    listed.add(identity)
                    waiting += _entries(one.path, one.name + "/")[::-1]
            elif one.entry.is_file():
                status = one.entry.stat()
                yield Found(one.path, one.name, status.st_size, status.st_mtime_ns)
            elif one.entry.is_symlink():
                on_error(ImageError(displayed(one.path), "a link to nothing"))
        except OSError as error:
            on_error(ImageError(displayed(one.path), f"cannot be read: {error.strerror}"))


def _is_walked(target: str, real_root: str) -> bool:
    """Whether the walk comes to the folder `target` by its own name."""
    if target != real_root and not target.startswith(real_root.rstrip(os.sep) + os.sep):
        return False
    below = os.path.relpath(target, real_root)
    return below == "." or not any(
        part.startswith(".") or part.lower().endswith(INDEX_SUFFIX) for part in below.split(os.sep)
    )


def _warn(error: ImageError) -> None:
    _log.warning("%s", error)
