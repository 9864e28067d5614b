"""Segments: what one batch of images became. Written once, never changed, memory-mapped when read."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.errors import IndexCorruptError, UsageError
from resight.store.disk import (
    TEMPORARY,
    FileSum,
    sealed,
    storage_errors,
    sum_file,
    sync_folder,
    unsealed,
    write_new,
)
from resight.store.generations import FORMAT, check_format, files_content, files_from_content
from resight.store.rows import Root, Rows

Arrays = Mapping[str, Mapping[str, NDArray[Any]]]
"""Named arrays by channel."""

MANIFEST = "segment.json"
ROWS = "rows.json"
DAMAGED = "damaged-"

# A mapped file costs an open file descriptor for as long as it is mapped; small ones are read instead.
_SMALLEST_MAPPED = 1 << 16

_FOLDER = re.compile(r"\d{8,}")
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


class SegmentFileMissingError(IndexCorruptError):
    """A file of a segment is not there: it is lost, or the segment was merged into another one meanwhile."""


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
    """What `segment.json` states.

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
    arrays: Arrays,
    *,
    roots: Mapping[int, Root],
    next_image: int,
    replaces: Sequence[int] = (),
) -> None:
    """Puts a whole segment on the disk, or nothing. Raises UsageError for arrays of objects, and OSError."""
    temporary = segments / f"{TEMPORARY}{os.getpid()}-{number}"
    try:
        temporary.mkdir()
        text = json.dumps(rows.columns(), separators=(",", ":")).encode()
        files = {ROWS: write_new(temporary / ROWS, lambda file: file.write(text))}
        for channel, named in arrays.items():
            folder = temporary / check_key(channel)
            folder.mkdir()
            for name, array in named.items():
                path = folder / f"{check_key(name)}.npy"
                files[f"{channel}/{path.name}"] = _write_array(path, array)
            sync_folder(folder)
        manifest = {
            "format": FORMAT,
            "number": number,
            "rows": len(rows),
            "next_image": next_image,
            "replaces": sorted(replaces),
            "roots": [[root, *roots[root]] for root in sorted({image.root for image in rows.images})],
            "files": files_content(files),
        }
        write_new(temporary / MANIFEST, lambda file: file.write(sealed(manifest)))
        sync_folder(temporary)
        temporary.rename(segment_path(segments, number))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(segments)


def _write_array(path: Path, array: NDArray[Any]) -> FileSum:
    if array.dtype.hasobject:
        raise UsageError(f"{path.stem}: an array of Python objects cannot be stored")
    plain = np.asarray(array, order="C")
    return write_new(path, lambda file: np.lib.format.write_array(file, plain, allow_pickle=False))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a segment. Raises IndexCorruptError, IndexFormatError and OSError."""
    path = folder / MANIFEST
    content = unsealed(path)
    if not isinstance(content, dict):
        raise IndexCorruptError(f"{path}: not the manifest of a segment; run `resight verify --repair`")
    check_format(content.get("format"), path)
    files = files_from_content(content["files"])
    for name in files:
        parts = name.split("/")
        if name != ROWS and not (len(parts) == 2 and all(map(_KEY.fullmatch, (parts[0], parts[1][:-4])))):
            raise IndexCorruptError(f"{path}: names a file outside the segment: {name!r}")
    return Manifest(
        number=content["number"],
        rows=content["rows"],
        next_image=content["next_image"],
        replaces=content["replaces"],
        roots={number: Root(*root) for number, *root in content["roots"]},
        files=files,
    )


def read_rows(folder: Path) -> Rows:
    """The rows of a segment. Raises IndexCorruptError and OSError."""
    path = folder / ROWS
    try:
        return Rows.from_columns(json.loads(path.read_bytes()))
    except (ValueError, KeyError, TypeError):
        raise IndexCorruptError(f"{path}: not the rows of a segment; run `resight verify --repair`") from None


def segment_faults(folder: Path, rows: int) -> Iterator[tuple[Path, str]]:
    """Every file of a segment that is not what was written, with what is wrong with it; reads all of them."""
    try:
        manifest = read_manifest(folder)
    except (IndexCorruptError, OSError) as error:
        yield folder / MANIFEST, _fault(error)
        return
    if (manifest.number, manifest.rows) != (int(folder.name), rows):
        yield folder / MANIFEST, f"states segment {manifest.number} of {manifest.rows} images, not {rows}"
    for name, expected in manifest.files.items():
        try:
            found = sum_file(folder / name)
        except OSError as error:
            yield folder / name, _fault(error)
            continue
        if found.size != expected.size:
            yield folder / name, f"has {found.size} bytes instead of {expected.size}"
        elif found != expected:
            yield folder / name, "the checksum is wrong"


def _fault(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "is missing"
    return "the checksum is wrong" if isinstance(error, IndexCorruptError) else str(error)


@dataclass(frozen=True)
class Segment:
    """A segment that can be read. number: of the segment; rows: images in it; path: its folder."""

    number: int
    rows: int
    path: Path

    @cached_property
    def manifest(self) -> Manifest:
        """What the segment consists of. Raises IndexCorruptError and StorageError."""
        with self._errors(self.path / MANIFEST):
            return read_manifest(self.path)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that have arrays in this segment."""
        return tuple(dict.fromkeys(name.split("/")[0] for name in self.manifest.files if name != ROWS))

    def arrays(self, channel: str) -> Mapping[str, NDArray[Any]]:
        """The read-only arrays of one channel by name, mapped into memory; empty where it has none.

        Raises IndexCorruptError where a file is missing or has another size, and StorageError. The content is not
        checked: that is what `verify` does.
        """
        if channel not in self._opened:
            prefix = f"{channel}/"
            self._opened[channel] = {
                name[len(prefix) : -len(".npy")]: self._open(name, expected.size)
                for name, expected in self.manifest.files.items()
                if name.startswith(prefix)
            }
        return self._opened[channel]

    @cached_property
    def _opened(self) -> dict[str, Mapping[str, NDArray[Any]]]:
        return {}

    def _open(self, name: str, size: int) -> NDArray[Any]:
        path = self.path / name
        with self._errors(path):
            found = path.stat().st_size
            if found != size:
                raise IndexCorruptError(f"{path}: has {found} bytes instead of {size}; run `resight verify`")
            try:
                array = np.load(path, mmap_mode="r" if size >= _SMALLEST_MAPPED else None, allow_pickle=False)
            except (ValueError, EOFError):
                raise IndexCorruptError(f"{path}: not an array any more; run `resight verify`") from None
        plain: NDArray[Any] = np.asarray(array).view(np.ndarray)
        plain.flags.writeable = False
        return plain

    @contextlib.contextmanager
    def _errors(self, path: Path) -> Iterator[None]:
        with storage_errors(path):
            try:
                yield
            except FileNotFoundError:
                raise SegmentFileMissingError(
                    f"{path} is missing: if another process compacted the index just now, open it again; "
                    "if not, run `resight verify`"
                ) from None
