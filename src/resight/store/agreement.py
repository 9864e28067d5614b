"""Do the catalogue, the generation's own file and the rows of the segments say the same?

SQLite has no checksums: a byte that changed in a path or a number is a valid catalogue of something else. The other two
have checksums, and say everything that the catalogue says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container
from pathlib import Path

from resight.errors import DamagedFileError, IndexCorruptError, IndexFormatError, StorageError
from resight.store import catalogue
from resight.store.choices import choices_path, read_choices
from resight.store.disk import sum_bytes
from resight.store.generations import Generation, generation_path, read_generation
from resight.store.segments import ROWS, fault_of, read_manifest, segment_path


def check_agreement(connection: sqlite3.Connection, folder: Path) -> None:
    """Raises IndexCorruptError unless the catalogue states what the other files of an index state, and OSError.

    connection: one that sees one state of the catalogue; while it does, nobody deletes what that state counts. Copies
    of rows, which no answer depends on, are left to `disagreements`.
    """
    path = folder / catalogue.CATALOGUE
    if faults := catalogue.integrity_faults(connection, catalogue.STATED):
        raise DamagedFileError(path, faults[0])
    catalogued = catalogue.get_generation(connection)
    try:
        stated = read_generation(generation_path(folder / "segments", catalogued.number))
    except FileNotFoundError:
        raise DamagedFileError(path, f"states generation {catalogued.number}, of which there is no file") from None
    chosen = choices_path(folder / "segments", stated.chosen)
    try:
        choices = read_choices(chosen)
    except FileNotFoundError:
        raise DamagedFileError(chosen, "is missing") from None
    if choices.choices != catalogue.get_choices(connection):
        raise DamagedFileError(path, f"does not agree with {chosen.name}")
    if fault := _statement_fault(connection, folder, catalogued, stated):
        raise DamagedFileError(path, fault)


def disagreements(
    connection: sqlite3.Connection, folder: Path, catalogued: Generation, stated: Generation, damaged: Container[int]
) -> list[str]:
    """Returns the false statements of the catalogue, apart from segments known to be `damaged`.

    Raises IndexCorruptError where a segment that is asked cannot be read.
    """
    if fault := _statement_fault(connection, folder, catalogued, stated):
        return [fault]
    faults = []
    for number in sorted(number for number in stated.segments if number not in damaged):
        path = segment_path(folder / "segments", number)
        try:
            expected = read_manifest(path).files[ROWS]
        except OSError as error:
            raise DamagedFileError(path, f"cannot be read ({fault_of(error)})") from error
        content = catalogue.get_rows(connection, number)
        if content is None or sum_bytes(content) != expected:
            faults.append(f"does not agree with the rows of segment {number}")
    return faults


def _statement_fault(connection: sqlite3.Connection, folder: Path, catalogued: Generation, stated: Generation) -> str:
    """Returns the difference of what a catalogue states from what the file of its generation states, if any."""
    if catalogued != stated:
        return f"does not agree with {generation_path(folder / 'segments', stated.number).name}"
    if catalogue.segments_with_rows(connection) != sorted(stated.segments):
        return "has lost images or has too many"
    return ""


def catalogue_faults(folder: Path) -> tuple[Generation | None, list[str]]:
    """Returns the generation that a catalogue states, None where it cannot be read, and its own faults."""
    if not (folder / catalogue.CATALOGUE).exists():
        return None, ["is missing"]
    try:
        with catalogue.reading(folder) as connection:
            if faults := catalogue.integrity_faults(connection):
                return None, faults
            return catalogue.get_generation(connection), catalogue.writing_faults(folder)
    except (IndexCorruptError, IndexFormatError, StorageError) as error:
        return None, [fault_of(error)]
