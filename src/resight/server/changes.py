"""Changes that clients make: photos that are sent, removed, or read anew from their folders."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resight.errors import ImageError, StorageError
from resight.files import write_whole
from resight.images import content_hash, decode_bytes
from resight.index import AddReport, Index
from resight.progress import Progress
from resight.server.shelf import ServedIndex

PREFIX = "uploads/"
"""Before the names of photos that were sent."""
LONGEST = 120
"""Letters of the name of a file that was sent, without its ending."""

_UNFIT = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|%\[\]]+')
_ENDING = re.compile(r"^\.[a-z0-9]{1,5}$")


def uploads_folder(served: ServedIndex) -> Path:
    """Returns the folder of the photos that are sent, which is beside the index."""
    path = served.path.resolve()
    return path.with_name(f"{path.stem}.uploads")


def add_photos(served: ServedIndex, photos: Sequence[tuple[str, bytes]], progress: Progress) -> dict[str, Any]:
    """Writes photos into the folder of uploads and indexes them. photos: names that clients gave, and bytes.

    What cannot be decoded is not written, and told. Raises StorageError and what `Index.add` raises.
    """
    folder = uploads_folder(served)
    kept: list[str] = []
    refused: list[dict[str, str]] = []
    try:
        folder.mkdir(exist_ok=True)
        for given, data in photos:
            try:
                decode_bytes(data, given, 64)
            except ImageError as error:
                refused.append({"name": given, "reason": error.reason})
                continue
            kept.append(_written(folder, given, data))
    except OSError as error:
        raise StorageError(f"{folder}: photos cannot be written there ({error.strerror})") from error
    report = AddReport()
    if kept:
        report = Index.open(served.path).add(folder, prefix=PREFIX, only=kept, again=True, progress=progress)
    served.refresh()
    return {**_told(report), "names": [PREFIX + name for name in kept], "refused": refused}


def remove_photos(served: ServedIndex, names: Sequence[str]) -> dict[str, Any]:
    """Removes photos from the index by exactly their names; files stay where they are. Raises Refusal."""
    for name in names:
        served.now.listing.place(name)
    removed = Index.open(served.path).remove(sorted(set(names)))
    served.refresh()
    return {"removed": removed}


def update(served: ServedIndex, progress: Progress) -> dict[str, Any]:
    """Makes the index equal to its folders again."""
    report = Index.open(served.path).update(progress=progress)
    served.refresh()
    return _told(report)


def file_name(given: str) -> str:
    """Returns a name of a file that is one part, has no letters that systems or patterns read, and is not hidden."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", given))[-1]
    stem, ending = os.path.splitext(last)
    stem = "".join(letter for letter in _UNFIT.sub("_", stem) if letter.isprintable()).strip(" .")
    ending = ending.lower() if _ENDING.match(ending.lower()) else ""
    return (stem[:LONGEST].rstrip(" .") or "photo") + ending


def _written(folder: Path, given: str, data: bytes) -> str:
    """Writes a photo under a free name, unless the very same is there; returns the name."""
    stem, ending = os.path.splitext(file_name(given))
    # The longest of these names has 120 letters of up to 4 bytes, which is more than a file system takes.
    while len(os.fsencode(stem)) > 2 * LONGEST:
        stem = stem[:-1]
    key, number = content_hash(data), 1
    while True:
        name = f"{stem}{ending}" if number == 1 else f"{stem}-{number}{ending}"
        path = folder / name
        if not os.path.lexists(path):
            write_whole(path, data)
            return name
        if path.is_file() and not path.is_symlink() and content_hash(path.read_bytes()) == key:
            return name
        number += 1


def _told(report: AddReport) -> dict[str, Any]:
    return {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unreadable": len(report.unreadable),
    }
