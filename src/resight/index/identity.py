"""Identity of an index on the disk: it tells another one that takes its place."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from resight.errors import DamagedFileError, IndexMissingError, StorageError
from resight.store import RECIPE


class Identity(NamedTuple):
    """Identity of an index: inode and times of its recipe, which is written once.

    inode: of the file; changed_ns: when it got there, in nanoseconds, because an inode that is free is used again.
    """

    inode: int
    changed_ns: int


def identity_of(path: Path) -> Identity:
    """Returns the identity of the index at a path. Raises IndexMissingError, IndexCorruptError and StorageError."""
    recipe = path / RECIPE
    try:
        status = recipe.stat()
    except (FileNotFoundError, NotADirectoryError):
        if not (path / "segments").is_dir():
            raise IndexMissingError(f"{path}: there is no index any more; look where it went") from None
        raise DamagedFileError(recipe, "the recipe is missing") from None
    except OSError as error:
        raise StorageError(f"{recipe}: {error.strerror}: check the disk") from error
    return Identity(status.st_ino, status.st_ctime_ns)
