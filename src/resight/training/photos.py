"""The photos of tuples, decoded once to training size and kept in memory or, where they are many, in a file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resight.arrays import Pixels, UInt8
from resight.channels.extraction import in_order
from resight.cores import cores
from resight.errors import ImageError, StorageError, UsageError
from resight.folders.walking import unescape_name
from resight.images import content_hash, decode_bytes, displayed, read_bytes
from resight.progress import Progress
from resight.training.tuples import Tuples

MOST_LEFT_OUT = 0.1
"""Share of the photos that may be missing or changed before training refuses to go on without them."""


@dataclass(frozen=True)
class TrainingPhotos:
    """Photos that are there and are those that were mined, in the order of their names.

    files: by name. left_out: (name, reason) of the others.
    """

    names: Sequence[str]
    files: Mapping[str, Path]
    left_out: Sequence[tuple[str, str]]
    _bytes: UInt8
    _starts: Sequence[int]
    _shapes: Sequence[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> Pixels:
        """Returns the pixels (H, W, 3) of a photo. They are not to be written to."""
        height, width = self._shapes[row]
        start = self._starts[row]
        return self._bytes[start : start + height * width * 3].reshape(height, width, 3)

    def size(self, row: int) -> tuple[int, int]:
        """Returns (width, height) of what is kept of a photo."""
        height, width = self._shapes[row]
        return width, height


def open_photos(
    tuples: Tuples,
    folder: Path,
    side: int,
    memory: int,
    moved_to: Path | None = None,
    progress: Progress | None = None,
) -> TrainingPhotos:
    """Decodes the photos of tuples to a long side of at most `side`.

    folder: that of the tuples, which their paths are relative to. moved_to: the folder that the photos are in now, by
    their names. memory: bytes above which they are kept in a file without a name. Photos that are missing, unreadable
    or not those that were mined are left out. Raises UsageError where that is more than a tenth of them.
    """
    wanted = sorted(tuples.photos)

    def decoded(name: str) -> tuple[str, Path, Pixels | str]:
        photo = tuples.photos[name]
        file = tuples.path_of(name, folder) if moved_to is None else moved_to / unescape_name(name)
        try:
            data = read_bytes(file)
            if photo.hash and content_hash(data) != photo.hash:
                return name, file, "is not the photo that was mined: its content has changed"
            return name, file, decode_bytes(data, displayed(file), side).pixels
        except ImageError as error:
            return name, file, error.reason

    names, files, left_out, parts, shapes = [], {}, [], [], []
    first_out: Path | None = None
    store = _Store(memory)
    for done, (name, file, found) in enumerate(in_order(wanted, decoded, cores()), start=1):
        if isinstance(found, str):
            left_out.append((name, found))
            first_out = first_out or file
        else:
            names.append(name)
            files[name] = file
            parts.append(found.size)
            shapes.append((found.shape[0], found.shape[1]))
            store.add(found)
        if progress is not None:
            progress(done, len(wanted))
    if first_out is not None and len(left_out) > MOST_LEFT_OUT * len(wanted):
        mend = "say by --photos FOLDER where they are now, or mine them again"
        raise UsageError(
            f"{len(left_out)} of {len(wanted)} photos of the tuples cannot be used, first {displayed(first_out)}: "
            f"{left_out[0][1]}; {mend}"
        )
    starts = np.concatenate([[0], np.cumsum(parts, dtype=np.int64)]).tolist()
    return TrainingPhotos(names, files, left_out, store.bytes(), starts, shapes)


class _Store:
    """Bytes one after the other: in memory, and from a limit on in a file that nobody else sees."""

    def __init__(self, memory: int) -> None:
        self._memory, self._held, self._total = memory, 0, 0
        self._parts: list[UInt8] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as what is mapped from it

    def add(self, pixels: Pixels) -> None:
        self._parts.append(pixels.reshape(-1))
        self._held += pixels.size
        self._total += pixels.size
        if self._held > self._memory:
            self._spill()

    def bytes(self) -> UInt8:
        if self._total > self._held or self._held > self._memory:
            self._spill()
            return np.memmap(self._file, np.uint8, "r", shape=(self._total,))
        return np.concatenate([np.zeros(0, np.uint8), *self._parts])

    def _spill(self) -> None:
        try:
            for part in self._parts:
                self._file.write(part.tobytes())
            self._file.flush()
        except OSError as error:
            raise StorageError(
                f"{tempfile.gettempdir()}: no room for the decoded photos: {error.strerror}; set TMPDIR to a folder "
                "that has some, or lower photos.decoded"
            ) from error
        self._parts, self._held = [], 0
