"""Segments as they are read: memory-mapped, once what is mapped has been checked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from resight.arrays import Arrays
from resight.errors import DamagedFileError, IndexCorruptError
from resight.store.arrays import Check, OpenFile, open_array, open_file
from resight.store.checked import Checked, Version
from resight.store.columns import Rows
from resight.store.disk import FileSum, storage_errors
from resight.store.generations import files_content
from resight.store.segments import MANIFEST, ROWS, Manifest, check_rows, parsed_rows, read_manifest


class SegmentFileMissingError(IndexCorruptError):
    """A file of a segment is not there: it is lost, or the segment was merged into another one meanwhile."""


@dataclass(frozen=True)
class Segment:
    """A segment that can be read.

    number: of the segment; rows: images in it; path: its folder. checked: what has been checked in the index; terms:
    of the recipe and the fits that its arrays must suit.
    """

    number: int
    rows: int
    path: Path
    checked: Checked
    terms: str

    @cached_property
    def manifest(self) -> Manifest:
        """The files and rows of the segment. Raises IndexCorruptError and StorageError."""
        path = self.path / MANIFEST
        with self._errors(path):
            manifest = read_manifest(self.path)
        if (manifest.number, manifest.rows) != (self.number, self.rows):
            raise DamagedFileError(
                path, f"states segment {manifest.number} of {manifest.rows} images, not {self.number} of {self.rows}"
            )
        return manifest

    @cached_property
    def images(self) -> Rows:
        """The rows of its images, removed ones too, mapped into memory.

        Checked like arrays, the first time for a version of their file. Raises IndexCorruptError and StorageError.
        """
        path, expected = self.path / ROWS, self.manifest.files[ROWS]
        with self._errors(path):
            file = open_file(path, expected.size)
        rows = parsed_rows(self.path, file.data)

        def check() -> None:
            file.check_sum(expected)
            check_rows(self.path, rows, self.manifest)

        self.checked.once(self._key(ROWS), self._stated_rows, [file.version], check)
        return rows

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that have arrays in this segment."""
        return tuple(dict.fromkeys(name.split("/")[0] for name in self.manifest.files if name != ROWS))

    def arrays(self, channel: str, check: Check) -> Arrays:
        """The read-only arrays of one channel by name, mapped into memory; empty where it has none.

        The first time for a version of the files, every byte of them is read: their sums are compared, and `check` must
        find no fault with their shapes and numbers. Raises IndexCorruptError and StorageError.
        """
        if channel not in self._opened:
            self._opened[channel] = self._checked_arrays(channel, check)
        return self._opened[channel]

    def trust(self) -> None:
        """Remembers the segment, written just now by this process, as checked."""
        for channel in self.channels:
            stated = self._stated(channel)
            versions = [Version.of((self.path / name).stat()) for name in stated]
            self.checked.trust(self._key(channel), self._terms(stated), versions)
        self.checked.trust(self._key(ROWS), self._stated_rows, [Version.of((self.path / ROWS).stat())])

    def _checked_arrays(self, channel: str, layout: Check) -> Arrays:
        files = {}
        stated = self._stated(channel)
        for name, expected in stated.items():
            path = self.path / name
            with self._errors(path):
                files[path.stem] = open_array(path, expected.size)
        arrays = {name: file.array for name, file in files.items()}

        def check() -> None:
            for file, expected in zip(files.values(), stated.values(), strict=True):
                file.check_sum(expected)
            if arrays and (fault := layout(arrays, self.rows)):
                raise DamagedFileError(self.path / channel / f"{fault[0]}.npy", fault[1])

        self.checked.once(self._key(channel), self._terms(stated), _versions(files.values()), check)
        return arrays

    def _stated(self, channel: str) -> dict[str, FileSum]:
        return {name: file for name, file in sorted(self.manifest.files.items()) if name.startswith(f"{channel}/")}

    @property
    def _stated_rows(self) -> Sequence[object]:
        manifest, expected = self.manifest, self.manifest.files[ROWS]
        return [expected.size, expected.sha256, manifest.rows, sorted(manifest.roots), manifest.next_image]

    def _key(self, name: str) -> str:
        return f"segments/{self.path.name}/{name}"

    def _terms(self, stated: Mapping[str, FileSum]) -> Sequence[object]:
        return [self.terms, self.rows, files_content(stated)]

    @cached_property
    def _opened(self) -> dict[str, Arrays]:
        return {}

    @contextlib.contextmanager
    def _errors(self, path: Path) -> Iterator[None]:
        with storage_errors(path):
            try:
                yield
            except FileNotFoundError:
                raise SegmentFileMissingError(
                    f"{path} is missing: if another process compacted the index just now, open it again; "
                    "if not, run `resight verify --repair`"
                ) from None


def _versions(files: Iterable[OpenFile]) -> list[Version]:
    return [file.version for file in files]
