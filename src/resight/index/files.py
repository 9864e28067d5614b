"""The file that an image was indexed from: where it is, and whether it is as it was."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from resight.store import Root, Snapshot, file_path


class IndexedFile(NamedTuple):
    """The file of one image, whose path is put together when it is asked for.

    size: in bytes, mtime_ns: time of its last change in nanoseconds, both as they were when it was indexed.
    """

    root: Root
    name: str
    size: int
    mtime_ns: int

    @property
    def path(self) -> Path:
        """Where the file was, and is unless it is gone."""
        return file_path(self.root, self.name)

    def unchanged(self) -> Path | None:
        """Returns the path, or None where the file is gone or has changed since."""
        path = self.path
        try:
            status = path.stat()
        except OSError:
            return None
        return path if (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns) else None


def indexed_file(snapshot: Snapshot, place: int) -> IndexedFile:
    """Returns the file of the image at a position of the table of images."""
    images = snapshot.images
    root = snapshot.roots[int(images.roots[place])]
    return IndexedFile(root, images.names[place], int(images.sizes[place]), int(images.mtimes[place]))
