"""What killed writers leave behind, and segments that were merged into others: all that no catalogue counts."""

from __future__ import annotations

import glob
import shutil
import time
from pathlib import Path

from resight.errors import IndexCorruptError, IndexMissingError
from resight.store.choices import choices_files
from resight.store.disk import TEMPORARY, storage_errors
from resight.store.generations import Generation, generation_files, generation_path, read_generation
from resight.store.lock import writer_lock
from resight.store.segments import segment_folders

UNLOCKED = "-unlocked"
"""What the name of a folder ends with for the instant between its making and its locking."""
_LOCKED_WITHIN_S = 60


def surplus(folder: Path, generation: Generation) -> list[Path]:
    """Everything in an index that does not belong to its generation.

    Statements of other generations come first: without them a segment that nothing counts cannot be taken for one
    that counts.
    """
    segments = folder / "segments"
    files = [path for number, path in generation_files(segments).items() if number != generation.number]
    choices = [path for number, path in choices_files(segments).items() if number != generation.chosen]
    folders = [path for number, path in segment_folders(segments).items() if number not in generation.segments]
    places = (folder, segments, folder / "fitted", *(folder / "search").glob("*/"))
    temporary = [path for place in places for path in place.glob(f"{TEMPORARY}*")]
    channels = {name.split("/")[1] for name in generation.files if name.startswith("fitted/")}
    fitted = [path for path in (folder / "fitted").glob("*") if path.name not in channels and path not in temporary]
    return [*sorted(files), *sorted(choices), *sorted(folders), *sorted(temporary), *sorted(fitted)]


def clear(folder: Path, generation: Generation) -> None:
    """Deletes what does not belong to the generation of the catalogue.

    Raises IndexCorruptError, without deleting anything, where the catalogue and the generation's own file differ:
    a damaged catalogue must not cost a segment. Raises StorageError.
    """
    path = generation_path(folder / "segments", generation.number)
    with storage_errors(folder):
        try:
            agreed = read_generation(path) == generation
        except FileNotFoundError:
            agreed = False
        if not agreed:
            raise IndexCorruptError(f"{path} and the catalogue disagree; run `resight verify --repair`")
        for leftover in surplus(folder, generation):
            delete(leftover)


def delete(path: Path) -> None:
    """Deletes a folder with all that is in it, or a file, or a link to one of them. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def clear_abandoned(folder: Path) -> None:
    """Deletes what is left of creations of the index `folder` that were killed.

    Raises IndexLockedError where one is not killed but going on, and StorageError.
    """
    for abandoned in folder.parent.glob(f"{glob.escape(abandoned_prefix(folder))}*"):
        try:
            if abandoned.name.endswith(UNLOCKED) and time.time() - abandoned.stat().st_mtime < _LOCKED_WITHIN_S:
                continue
            # The lock of one that is still being made is held: that one is not ours to delete.
            with writer_lock(abandoned, shown=folder):
                shutil.rmtree(abandoned)
        except (FileNotFoundError, IndexMissingError):
            # It has got its name meanwhile, or another process was faster.
            continue
        except OSError as error:
            with storage_errors(abandoned):
                raise error


def abandoned_prefix(folder: Path) -> str:
    """Returns the beginning of the name under which an index is made before it gets its own."""
    return f".{folder.name}{TEMPORARY}"
