"""The file that states one generation of the index: which segments count, what was removed, what must not change.

It is written before the catalogue's transaction, so that the catalogue can be rebuilt from it and the segments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resight.errors import DamagedFileError, IndexFormatError
from resight.store.disk import FileSum, sealed, sync_folder, unsealed, write_over
from resight.store.rows import Root

FORMAT = 4
"""Version of everything on the disk; an index of another version is refused."""

_NAME = re.compile(r"generation-(\d{8,})\.json")


@dataclass(frozen=True)
class Generation:
    """One state of the index, without its images.

    number: counts commits from 0. next_image: the id that the next image gets; ids are never used again.
    segments: number of rows by segment. removed: by image id the generation that removed it, as long as its row is in
    a segment. roots: by number. files: sums of the recipe and of what was fitted, by path below the index.
    created_by: the versions that created the index. chosen: the generation that set the roots and what is left out,
    which is in a file of its own.
    """

    number: int
    next_image: int
    segments: Mapping[int, int]
    removed: Mapping[int, int]
    roots: Mapping[int, Root]
    files: Mapping[str, FileSum]
    created_by: str
    chosen: int


def check_format(found: object, where: Path) -> None:
    """Raises IndexFormatError unless `found` is the version that this code reads."""
    if found != FORMAT:
        raise IndexFormatError(
            f"{where}: the index has format {found}, this version of resight reads {FORMAT}: use the version that "
            "wrote it, or make a new one with `resight index`; where this version wrote it, bytes have changed: run "
            "`resight verify --repair`"
        )


def generation_path(segments: Path, number: int) -> Path:
    """The file of one generation in the folder of segments."""
    return segments / f"generation-{number:08d}.json"


def generation_files(segments: Path) -> dict[int, Path]:
    """The files of all generations that lie in the folder of segments, by number."""
    matches = ((_NAME.fullmatch(path.name), path) for path in segments.glob("generation-*.json"))
    return {int(match[1]): path for match, path in matches if match}


def write_generation(segments: Path, generation: Generation) -> None:
    """Puts the file of a generation on the disk. Raises OSError."""
    content = {
        "format": FORMAT,
        "number": generation.number,
        "next_image": generation.next_image,
        "segments": sorted(generation.segments.items()),
        "removed": sorted(generation.removed.items()),
        "roots": [[number, *root] for number, root in sorted(generation.roots.items())],
        "files": files_content(generation.files),
        "created_by": generation.created_by,
        "chosen": generation.chosen,
    }
    write_over(generation_path(segments, generation.number), sealed(content))


def read_generation(path: Path) -> Generation:
    """The generation that a file states. Raises IndexCorruptError, IndexFormatError and OSError."""
    content = unsealed(path)
    try:
        check_format(content.get("format"), path)
        return Generation(
            number=content["number"],
            next_image=content["next_image"],
            segments=dict(content["segments"]),
            removed=dict(content["removed"]),
            roots={number: Root(*root) for number, *root in content["roots"]},
            files=files_from_content(content["files"]),
            created_by=content["created_by"],
            chosen=content["chosen"],
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        raise DamagedFileError(path, "is not the file of a generation") from None


def remove_generations(segments: Path, keep: int) -> None:
    """Deletes the files of all generations but one. Raises OSError."""
    for number, path in generation_files(segments).items():
        if number != keep:
            path.unlink(missing_ok=True)
    sync_folder(segments)


def files_content(files: Mapping[str, FileSum]) -> list[list[Any]]:
    """Sums of files as JSON has them."""
    return [[name, file.size, file.sha256] for name, file in sorted(files.items())]


def files_from_content(content: list[list[Any]]) -> dict[str, FileSum]:
    """Sums of files from what `files_content` gave."""
    return {name: FileSum(size, sha256) for name, size, sha256 in content}
