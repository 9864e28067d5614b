"""Search structures beside the segments: folders of arrays, written at once and never changed, that can be made again.

Those of one kind are `PREFIX-NUMBER` in the folder of a channel; a higher number is newer. Each has the sums of its
files. What is damaged counts for nothing, and is made again like what was never made. Write and delete with the index's
lock held; reading needs none.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.errors import IndexCorruptError
from resight.store.disk import TEMPORARY, FileSum, sealed, storage_errors, sum_file, sync_folder, unsealed, write_new

Arrays = Mapping[str, NDArray[Any]]

SUMS = "sums.json"

_log = logging.getLogger(__name__)


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
            sums = {f"{name}.npy": _write_array(temporary / f"{name}.npy", array) for name, array in arrays.items()}
            stated = {name: [found.size, found.sha256] for name, found in sums.items()}
            write_new(temporary / SUMS, lambda file: file.write(sealed(stated)))
            sync_folder(temporary)
            temporary.rename(_path(folder, prefix, max(structure_numbers(folder, prefix), default=0) + 1))
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(folder)


def read_structures(folder: Path, prefix: str, names: Sequence[str]) -> list[Structure]:
    """All structures of a kind that are whole, the newest first; each has at least the arrays of these names.

    One whose arrays cannot be read, or are not there, is left out with a warning. Raises StorageError.
    """
    with storage_errors(folder):
        try:
            return _read_all(folder, prefix, names)
        except FileNotFoundError:
            # Another process has put one structure in the place of several meanwhile.
            return _read_all(folder, prefix, names)


def structure_faults(search: Path) -> Iterator[tuple[Path, str]]:
    """Structures of all channels that are not what was written, each with what is wrong. Raises OSError."""
    for path in sorted(search.glob("*/*-*")):
        if path.is_dir() and path.name.rpartition("-")[2].isdecimal() and not path.name.startswith(TEMPORARY):
            what = _fault(path)
            if what:
                yield path, what


def structure_numbers(folder: Path, prefix: str) -> list[int]:
    """Numbers of all structures of a kind, whole or not, ascending."""
    numbers = (path.name.removeprefix(prefix) for path in folder.glob(f"{prefix}*"))
    return sorted(int(number) for number in numbers if number.isdecimal())


def delete_damaged(folder: Path, prefix: str) -> None:
    """Deletes the structures of a kind that cannot be read. Raises StorageError."""
    whole = {structure.number for structure in read_structures(folder, prefix, ())}
    delete_structures(folder, prefix, [number for number in structure_numbers(folder, prefix) if number not in whole])


def delete_structure(path: Path) -> None:
    """Deletes a structure by its folder. Raises OSError."""
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    path.rename(temporary)
    shutil.rmtree(temporary)


def delete_structures(folder: Path, prefix: str, numbers: Sequence[int]) -> None:
    """Deletes structures. Raises StorageError."""
    # Renamed first: who lists them meanwhile sees a whole one or none.
    with storage_errors(folder):
        for number in numbers:
            delete_structure(_path(folder, prefix, number))


def clear_abandoned(folder: Path) -> None:
    """Deletes what killed writers have left. Raises StorageError."""
    with storage_errors(folder):
        for abandoned in folder.glob(f"{TEMPORARY}*"):
            shutil.rmtree(abandoned)


def _write_array(path: Path, array: NDArray[Any]) -> FileSum:
    return write_new(path, lambda file: np.lib.format.write_array(file, array, allow_pickle=False))


def _read_all(folder: Path, prefix: str, names: Sequence[str]) -> list[Structure]:
    numbers = structure_numbers(folder, prefix)[::-1]
    found = [(number, _read(_path(folder, prefix, number))) for number in numbers]
    whole = [
        Structure(number, arrays) for number, arrays in found if arrays is not None and set(names) <= arrays.keys()
    ]
    for number in sorted(set(numbers) - {structure.number for structure in whole}):
        _log.warning("%s is damaged and left out: `resight update` makes it anew", _path(folder, prefix, number))
    return whole


def _read(path: Path) -> Arrays | None:
    """The arrays of a structure by name, or None where one cannot be read."""
    if not path.is_dir():
        raise FileNotFoundError(path)
    try:
        stated = _stated(path)
        arrays = {name.removesuffix(".npy"): np.load(path / name, mmap_mode="r", allow_pickle=False) for name in stated}
    except (IndexCorruptError, ValueError, EOFError):
        return None
    except FileNotFoundError:
        if path.is_dir():
            return None
        raise
    return arrays


def _stated(path: Path) -> dict[str, FileSum]:
    """What the files of a structure must be. Raises IndexCorruptError and OSError."""
    return {name: FileSum(size, sha256) for name, (size, sha256) in unsealed(path / SUMS).items()}


def _fault(path: Path) -> str:
    try:
        for name, expected in _stated(path).items():
            if sum_file(path / name) != expected:
                return f"the checksum of {name} is wrong"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except IndexCorruptError:
        return f"{SUMS} is damaged"
    return ""


def _path(folder: Path, prefix: str, number: int) -> Path:
    return folder / f"{prefix}{number:08}"
