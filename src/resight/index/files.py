"""The file that an image was indexed from: where it is, and whether it is as it was."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from resight.store import Root, Snapshot, file_path, picture_path


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
        """Returns where the image is to be read, or None where the file is gone or has changed since.

        That is the file or, in it, the frame: clip.mp4#t=12.5.
        """
        try:
            status = self.path.stat()
        except OSError:
            return None
        same = (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns)
        return picture_path(self.root, self.name) if same else None


def indexed_file(snapshot: Snapshot, place: int) -> IndexedFile:
    """Returns the file of the image at a position of the table of images."""
    images = snapshot.images
    root = snapshot.roots[int(images.roots[place])]
    return IndexedFile(root, images.names[place], int(images.sizes[place]), int(images.mtimes[place]))
