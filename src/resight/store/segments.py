"""Segments: what one batch of images became. Written once, never changed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from resight.errors import DamagedFileError, IndexCorruptError, UsageError
from resight.store.arrays import Buffer, Check, open_array, write_array
from resight.store.columns import Rows, parse_rows, rows_fault
from resight.store.disk import (
    TEMPORARY,
    FileSum,
    read_regular,
    sealed,
    sum_bytes,
    sum_file,
    sync_folder,
    unsealed,
    write_new,
)
from resight.store.generations import FORMAT, check_format, files_content, files_from_content
from resight.store.rows import Root

ChannelArrays = Mapping[str, Mapping[str, NDArray[Any]]]
"""Named arrays by channel."""

MANIFEST = "segment.json"
ROWS = "rows.arrays"
DAMAGED = "damaged-"

_FOLDER = re.compile(r"\d{8,}")
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_FILE = re.compile(rf"{_KEY.pattern}/{_KEY.pattern}\.npy")


def segment_path(segments: Path, number: int) -> Path:
    """The folder of one segment in the folder of segments."""
    return segments / f"{number:08d}"


def segment_folders(segments: Path) -> dict[int, Path]:
    """The folders of all segments that lie in the folder of segments, by number."""
    return {int(path.name): path for path in segments.glob("[0-9]*") if _FOLDER.fullmatch(path.name)}


def check_key(key: str) -> str:
    """The name of a channel or an array, if it can be the name of a file. Raises UsageError."""
    if not _KEY.fullmatch(key):
        raise UsageError(f"{key!r} cannot name a channel or an array: use letters, digits, `-` and `_`")
    return key


@dataclass(frozen=True)
class Manifest:
    """The content of `segment.json`.

    number, rows: of the segment. next_image: the id that followed when it was written. replaces: the segments whose
    images it took over. roots: those its rows refer to. files: sums by path below the segment's folder.
    """

    number: int
    rows: int
    next_image: int
    replaces: Sequence[int]
    roots: Mapping[int, Root]
    files: Mapping[str, FileSum]


def write_segment(
    segments: Path,
    number: int,
    rows: Rows,
    arrays: ChannelArrays,
    *,
    roots: Mapping[int, Root],
    next_image: int,
    replaces: Sequence[int] = (),
) -> None:
    """Puts a whole segment on the disk, or nothing. Raises UsageError for arrays that hold no numbers, and OSError."""
    temporary = segments / f"{TEMPORARY}{os.getpid()}-{number}"
    try:
        temporary.mkdir()
        files = {ROWS: write_new(temporary / ROWS, lambda file: file.write(rows.content))}
        for channel, named in arrays.items():
            folder = temporary / check_key(channel)
            folder.mkdir()
            for name, array in named.items():
                path = folder / f"{check_key(name)}.npy"
                files[f"{channel}/{path.name}"] = write_array(path, array)
            sync_folder(folder)
        manifest = {
            "format": FORMAT,
            "number": number,
            "rows": len(rows),
            "next_image": next_image,
            "replaces": sorted(replaces),
            "roots": [[root, *roots[root]] for root in sorted({*rows.roots.tolist()})],
            "files": files_content(files),
        }
        write_new(temporary / MANIFEST, lambda file: file.write(sealed(manifest)))
        sync_folder(temporary)
        temporary.rename(segment_path(segments, number))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(segments)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a segment. Raises IndexCorruptError, IndexFormatError and OSError."""
    path = folder / MANIFEST
    content = unsealed(path)
    try:
        check_format(content.get("format"), path)
        manifest = Manifest(
            number=content["number"],
            rows=content["rows"],
            next_image=content["next_image"],
            replaces=content["replaces"],
            roots={number: Root(*root) for number, *root in content["roots"]},
            files=files_from_content(content["files"]),
        )
        for name in manifest.files:
            if name != ROWS and not _FILE.fullmatch(name):
                raise DamagedFileError(path, f"names a file outside the segment: {name!r}")
        if ROWS not in manifest.files:
            raise DamagedFileError(path, f"does not name {ROWS}")
    except (KeyError, ValueError, TypeError, AttributeError):
        raise DamagedFileError(path, "is not the manifest of a segment") from None
    return manifest


def read_rows(folder: Path) -> Rows:
    """The rows of a segment, as its manifest states them. Raises IndexCorruptError and OSError."""
    data = read_regular(folder / ROWS)
    manifest = read_manifest(folder)
    if sum_bytes(data) != manifest.files[ROWS]:
        raise DamagedFileError(folder / ROWS, "the checksum is wrong")
    rows = parsed_rows(folder, data)
    check_rows(folder, rows, manifest)
    return rows


def parsed_rows(folder: Path, data: Buffer) -> Rows:
    """The rows of a segment of which these are the bytes. Raises DamagedFileError."""
    try:
        return parse_rows(data)
    except ValueError:
        raise DamagedFileError(folder / ROWS, "is not the rows of a segment") from None


def check_rows(folder: Path, rows: Rows, manifest: Manifest) -> None:
    """Raises DamagedFileError where the rows of a segment are not as its manifest has them."""
    if len(rows) != manifest.rows:
        raise DamagedFileError(folder / ROWS, f"has {len(rows)} rows and not {manifest.rows}")
    if what := rows_fault(rows, manifest.roots.keys(), manifest.next_image):
        raise DamagedFileError(folder / ROWS, what)


def segment_faults(folder: Path, rows: int, layouts: Mapping[str, Check]) -> Iterator[tuple[Path, str]]:
    """Every file of a segment that is not what was written, with what is wrong with it; reads all of them.

    layouts: by channel, what its arrays must be; only what is written as it should be is compared with them.
    """
    try:
        manifest = read_manifest(folder)
    except (IndexCorruptError, OSError) as error:
        yield folder / MANIFEST, fault_of(error)
        return
    if (manifest.number, manifest.rows) != (int(folder.name), rows):
        yield folder / MANIFEST, f"states segment {manifest.number} of {manifest.rows} images, not {rows}"
    damaged = False
    for name, expected in manifest.files.items():
        if what := sum_fault(folder / name, expected):
            damaged = True
            yield folder / name, what
    try:
        if not damaged:
            read_rows(folder)
    except (IndexCorruptError, OSError) as error:
        yield folder / ROWS, fault_of(error)
    for channel, check in layouts.items() if not damaged else ():
        try:
            names = [name for name in manifest.files if name.startswith(f"{channel}/")]
            files = [open_array(folder / name, manifest.files[name].size) for name in names]
        except (IndexCorruptError, OSError) as error:
            yield folder / channel, fault_of(error)
            continue
        if fault := check({file.path.stem: file.array for file in files}, rows):
            yield folder / channel / f"{fault[0]}.npy", fault[1]


def sum_fault(path: Path, expected: FileSum) -> str:
    """Returns the fault of a file; empty where it is as it was written. Reads all of it."""
    try:
        found = sum_file(path)
    except (IndexCorruptError, OSError) as error:
        return fault_of(error)
    if found.size != expected.size:
        return f"has {found.size} bytes instead of {expected.size}"
    return "" if found == expected else "the checksum is wrong"


def fault_of(error: Exception) -> str:
    """Returns the fault of a file, from the error that reading it raised."""
    if isinstance(error, FileNotFoundError):
        return "is missing"
    return error.what if isinstance(error, DamagedFileError) else str(error)
