"""Search structures beside the segments: folders of arrays, written at once and never changed, that can be made again.

Those of one kind are `PREFIX-NUMBER` in the folder of a channel; a higher number is newer. Each has the sums of its
files. What is damaged counts for nothing, and is made again like what was never made. Write and delete with the index's
lock held; reading needs none.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from resight.arrays import Arrays
from resight.errors import DamagedFileError, UsageError
from resight.store.arrays import open_array, write_array
from resight.store.checked import Checked
from resight.store.disk import TEMPORARY, FileSum, sealed, storage_errors, sync_folder, unsealed, write_new
from resight.store.generations import files_content, files_from_content
from resight.store.leftovers import delete
from resight.store.segments import check_key, sum_fault

SUMS = "sums.json"

_log = logging.getLogger(__name__)


Fault = Callable[[Arrays], tuple[str, str] | None]
"""Given arrays by name, the first that cannot be used, with what is wrong with it; None where all can be."""


@dataclass(frozen=True)
class Structure:
    """Arrays by name, memory-mapped, of the structure with this number."""

    number: int
    arrays: Arrays


@dataclass(frozen=True)
class StructureFolder:
    """The structures of one kind in the folder of a channel; see `search.derived.Shelf`."""

    folder: Path
    prefix: str

    def read(self, fault: Fault) -> list[Structure]:
        """All that are whole, the newest first; see `read_structures`. Raises StorageError."""
        return read_structures(self.folder, self.prefix, fault)

    def put(self, arrays: Arrays) -> None:
        """Adds one, and deletes what killed writers have left. Raises StorageError."""
        clear_abandoned(self.folder)
        write_structure(self.folder, self.prefix, arrays)

    def replace(self, arrays: Arrays) -> None:
        """Puts one in the place of all, damaged ones too. Raises StorageError."""
        old = structure_numbers(self.folder, self.prefix)
        self.put(arrays)
        delete_structures(self.folder, self.prefix, old)

    def clear(self) -> None:
        """Deletes all. Raises StorageError."""
        delete_structures(self.folder, self.prefix, structure_numbers(self.folder, self.prefix))


def write_structure(folder: Path, prefix: str, arrays: Arrays) -> None:
    """Puts a new structure on the disk, whole or not at all. Raises StorageError."""
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{TEMPORARY}{os.getpid()}"
        try:
            temporary.mkdir()
            path = _path(folder, prefix, max(structure_numbers(folder, prefix), default=0) + 1)
            sums = {f"{name}.npy": write_array(temporary / f"{name}.npy", array) for name, array in arrays.items()}
            # By its own name too: the order of numbers says which is the newest.
            stated = {"name": f"{folder.name}/{path.name}", "files": files_content(sums)}
            write_new(temporary / SUMS, lambda file: file.write(sealed(stated)))
            sync_folder(temporary)
            temporary.rename(path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(folder)


def read_structures(folder: Path, prefix: str, fault: Fault) -> list[Structure]:
    """All structures of a kind that are whole, the newest first; fault: see `Fault`.

    One that is not what was written, or that has a fault, is left out with a warning. Raises StorageError.

    Notes: its bytes are read the first time for a version of its files.
    """
    with storage_errors(folder):
        try:
            return _read_all(folder, prefix, fault)
        except FileNotFoundError:
            # Another process has put one structure in the place of several meanwhile.
            return _read_all(folder, prefix, fault)


def structure_faults(search: Path) -> Iterator[tuple[Path, str]]:
    """Structures of all channels that are not what was written, each with what is wrong. Raises OSError."""
    for path in sorted(search.glob("*/*-*")):
        if path.name.rpartition("-")[2].isdecimal() and not path.name.startswith(TEMPORARY):
            what = _fault(path)
            if what:
                yield path, what


def structure_numbers(folder: Path, prefix: str) -> list[int]:
    """Numbers of all structures of a kind, whole or not, ascending."""
    numbers = (path.name.removeprefix(prefix) for path in folder.glob(f"{prefix}*"))
    return sorted(int(number) for number in numbers if number.isdecimal())


def delete_damaged(folder: Path, prefix: str, fault: Fault) -> None:
    """Deletes the structures of a kind that `read_structures` leaves out. Raises StorageError."""
    whole = {structure.number for structure in read_structures(folder, prefix, fault)}
    delete_structures(folder, prefix, [number for number in structure_numbers(folder, prefix) if number not in whole])


def delete_structure(path: Path) -> None:
    """Deletes a structure by its folder, or what is in the folder's place. Raises OSError."""
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    path.rename(temporary)
    delete(temporary)


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
            delete(abandoned)


def _read_all(folder: Path, prefix: str, fault: Fault) -> list[Structure]:
    checked = Checked(folder)
    whole = []
    for number in structure_numbers(folder, prefix)[::-1]:
        path = _path(folder, prefix, number)
        try:
            whole.append(Structure(number, _read(path, checked, fault)))
        except DamagedFileError as error:
            _log.warning(
                "%s is damaged (%s %s; see `resight verify`) and left out: `resight update` makes it anew",
                path,
                error.path.name,
                error.what,
            )
    checked.save()
    return whole


def _read(path: Path, checked: Checked, fault: Fault) -> Arrays:
    """The arrays of a structure. Raises DamagedFileError, and FileNotFoundError where its folder is gone."""
    stated = _stated(path)
    try:
        files = {name: open_array(path / name, expected.size) for name, expected in stated.items()}
    except FileNotFoundError as error:
        if path.is_dir():
            raise DamagedFileError(Path(error.filename), "is missing") from None
        raise
    arrays = {name.removesuffix(".npy"): file.array for name, file in files.items()}

    def check() -> None:
        for name, file in files.items():
            file.check_sum(stated[name])
        if found := fault(arrays):
            raise DamagedFileError(path / f"{found[0]}.npy", found[1])

    checked.once(path.name, files_content(stated), [file.version for file in files.values()], check)
    return arrays


def _stated(path: Path) -> dict[str, FileSum]:
    """Reads the sums of the files of a structure. Raises DamagedFileError, and FileNotFoundError."""
    sums = path / SUMS
    try:
        content = unsealed(sums)
        if content["name"] != f"{path.parent.name}/{path.name}":
            raise DamagedFileError(sums, "belongs to another structure")
        files = files_from_content(content["files"])
        for name in files:
            check_key(name.removesuffix(".npy"))
    except (KeyError, ValueError, TypeError, UsageError):
        raise DamagedFileError(sums, "does not say what a structure consists of") from None
    except FileNotFoundError:
        if path.is_dir():
            raise DamagedFileError(sums, "is missing") from None
        raise
    return files


def _fault(path: Path) -> str:
    try:
        for name, expected in _stated(path).items():
            if what := sum_fault(path / name, expected):
                return f"{name} {what}"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except DamagedFileError as error:
        return f"{error.path.name} {error.what}"
    return ""


def _path(folder: Path, prefix: str, number: int) -> Path:
    return folder / f"{prefix}{number:08}"
