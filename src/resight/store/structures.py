"""Search structures beside the segments: folders of arrays, written at once and never changed, that can be made again.

Those of one kind are `PREFIX-NUMBER` in the folder of a channel; a higher number is newer. Write and delete with the
index's lock held; reading needs none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.errors import IndexCorruptError
from resight.store.disk import TEMPORARY, storage_errors, sync_folder, write_new

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Structure:
    """Arrays by name, memory-mapped, of the structure with this number."""

    number: int
    arrays: Arrays


def write_structure(folder: Path, prefix: str, arrays: Arrays) -> None:
    """Puts a new structure on the disk, whole or not at all. Raises StorageError."""
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{TEMPORARY}{os.getpid()}"
        try:
            temporary.mkdir()
            for name, array in arrays.items():
                _write_array(temporary / f"{name}.npy", array)
            sync_folder(temporary)
            temporary.rename(_path(folder, prefix, max(_numbers(folder, prefix), default=0) + 1))
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(folder)


def read_structures(folder: Path, prefix: str, names: Sequence[str]) -> list[Structure]:
    """All structures of a kind, the newest first; each has at least the arrays of these names.

    Raises IndexCorruptError and StorageError.
    """
    with storage_errors(folder):
        try:
            return _read_all(folder, prefix, names)
        except FileNotFoundError:
            # Another process has put one structure in the place of several meanwhile.
            return _read_all(folder, prefix, names)


def delete_structures(folder: Path, prefix: str, numbers: Sequence[int]) -> None:
    """Deletes structures. Raises StorageError."""
    # Renamed first: who lists them meanwhile sees a whole one or none.
    with storage_errors(folder):
        for number in numbers:
            temporary = folder / f"{TEMPORARY}{os.getpid()}-{number}"
            _path(folder, prefix, number).rename(temporary)
            shutil.rmtree(temporary)


def clear_abandoned(folder: Path) -> None:
    """Deletes what killed writers have left. Raises StorageError."""
    with storage_errors(folder):
        for abandoned in folder.glob(f"{TEMPORARY}*"):
            shutil.rmtree(abandoned)


def _write_array(path: Path, array: NDArray[Any]) -> None:
    write_new(path, lambda file: np.lib.format.write_array(file, array, allow_pickle=False))


def _read_all(folder: Path, prefix: str, names: Sequence[str]) -> list[Structure]:
    return [_read(folder, prefix, number, names) for number in sorted(_numbers(folder, prefix), reverse=True)]


def _read(folder: Path, prefix: str, number: int, names: Sequence[str]) -> Structure:
    path = _path(folder, prefix, number)
    mend = "not what was written; delete it and run `resight update`"
    try:
        arrays = {file.stem: np.load(file, mmap_mode="r", allow_pickle=False) for file in sorted(path.iterdir())}
    except (ValueError, EOFError):
        raise IndexCorruptError(f"{path}: {mend}") from None
    if not set(names) <= arrays.keys():
        raise IndexCorruptError(f"{path}: {mend}")
    return Structure(number, arrays)


def _numbers(folder: Path, prefix: str) -> Iterator[int]:
    for path in folder.glob(f"{prefix}*"):
        if path.name.removeprefix(prefix).isdecimal():
            yield int(path.name.removeprefix(prefix))


def _path(folder: Path, prefix: str, number: int) -> Path:
    return folder / f"{prefix}{number:08}"
