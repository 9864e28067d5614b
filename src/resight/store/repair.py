"""Makes an index usable again: the catalogue from the segments, damaged segments aside, leftovers gone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from resight.errors import DamagedFileError, IndexCorruptError, ResightError
from resight.store import catalogue
from resight.store.arrays import Check
from resight.store.choices import Choices, ChoicesFile, choices_path, write_choices
from resight.store.columns import Rows, rows_fault
from resight.store.disk import TEMPORARY, storage_errors, sync_folder, write_over
from resight.store.folder import existing
from resight.store.generations import Generation, generation_files, write_generation
from resight.store.leftovers import clear, delete, surplus
from resight.store.lock import writer_lock
from resight.store.segments import DAMAGED, ROWS, parsed_rows, read_rows, segment_folders, segment_path
from resight.store.structures import delete_structure
from resight.store.verification import LOST, Copies, Findings, Problem, examine, no_copies, rows_copy


@dataclass(frozen=True)
class Repaired:
    """The outcome of a repair.

    mended: one line for each thing that was done. to_index_again: sorted names of images whose segment was damaged,
    which the next `add` or `update` extracts again. remaining: problems that only a person can mend.
    """

    mended: Sequence[str]
    to_index_again: Sequence[str]
    remaining: Sequence[Problem]


def repair(path: Path, layouts: Mapping[str, Check] = MappingProxyType({}), copies: Copies = no_copies) -> Repaired:
    """Mends what `verify` finds, where it can be mended.

    It deletes no damaged file but search structures, which the next `add` or `update` makes again, and writes over rows
    of which the catalogue has a sound copy. layouts and copies:
    as for `verify`.

    Raises IndexMissingError, IndexFormatError, IndexLockedError and StorageError.
    """
    folder = existing(path)
    with writer_lock(folder), storage_errors(folder):
        (folder / "segments").mkdir(exist_ok=True)
        findings = examine(folder, layouts, copies)
        names: list[str] = []
        mended = [_put_back(folder, name, data) for name, data in sorted(findings.copies.items())]
        mended += [_rows_anew(folder, number) for number in sorted(findings.copied)]
        for number in sorted(findings.damaged):
            lost, line = _set_aside(folder, number, findings.generation)
            names += lost
            mended.append(line)
        generation, choices = findings.generation, findings.choices
        is_new = bool(findings.damaged) or not findings.stated or choices is None
        if is_new:
            generation = _without_damaged(folder, findings)
        if not findings.choices_stated:
            mended.append(_choices_anew(folder, findings, generation))
        if is_new:
            write_generation(folder / "segments", generation)
            mended.append(f"segments: generation {generation.number} stated anew")
        if is_new or not findings.catalogued:
            mended.append(_rebuild(folder, generation, choices or Choices()))
        with catalogue.writing(folder) as connection:
            counted = catalogue.get_generation(connection)
        mended += [f"{left}: deleted, nothing counts it" for left in surplus(folder, counted)]
        clear(folder, counted)
        for path in findings.spare:
            delete_structure(path)
            mended.append(f"{path}: deleted, `resight update` makes it again")
        return Repaired(mended, sorted(names), [problem for problem in findings.problems if not problem.repairable])


def _put_back(folder: Path, name: str, data: bytes) -> str:
    """Writes contents in the place of a damaged file; whatever is there stays in the folder under another name."""
    path = folder / name
    line = f"{path}: put back as it ships with resight"
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(path):
        aside = folder / f"{DAMAGED}{name.replace('/', '-')}"
        if os.path.lexists(aside):
            delete(aside)
        path.rename(aside)
        line += f"; what was there is {aside.name} now"
    write_over(path, data)
    return line


def _rows_anew(folder: Path, number: int) -> str:
    """Writes the rows of a segment again from the copy that the catalogue has of them."""
    path, content = segment_path(folder / "segments", number) / ROWS, rows_copy(folder, number)
    if content is None:
        raise DamagedFileError(folder / catalogue.CATALOGUE, f"has changed while the rows of {number} were mended")
    if path.is_dir() and not path.is_symlink():
        delete(path)
    write_over(path, content)
    return f"{path}: written anew from the catalogue"


def _set_aside(folder: Path, number: int, generation: Generation) -> tuple[list[str], str]:
    segment = segment_path(folder / "segments", number)
    names = _names(folder, number, generation)
    what = f"{len(names)} images are to be indexed again" if names is not None else "the names in it are lost"
    aside = segment.with_name(f"{DAMAGED}{segment.name}")
    if not segment.exists():
        return names or [], f"{segment}: is missing; {what}"
    if os.path.lexists(aside):
        # Of a repair before, after which a copy of the segment was put back.
        delete(aside)
    segment.rename(aside)
    sync_folder(segment.parent)
    return names or [], f"{segment}: set aside as {aside.name}; {what}"


def _names(folder: Path, number: int, generation: Generation) -> list[str] | None:
    """Names of the live images of a damaged segment, from whatever still knows them."""
    segment = segment_path(folder / "segments", number)
    with contextlib.suppress(ResightError, OSError):
        return _live_names(read_rows(segment), generation)
    # Of a lost segment there is no sum to compare the copy with, nor need of one: what it names is only told.
    with contextlib.suppress(ResightError), catalogue.reading(folder) as connection:
        if (content := catalogue.get_rows(connection, number)) is not None:
            rows = parsed_rows(segment, content)
            if not rows_fault(rows, generation.roots, generation.next_image):
                return _live_names(rows, generation)
    return None


def _live_names(rows: Rows, generation: Generation) -> list[str]:
    return rows.names.take(np.flatnonzero(rows.live(generation.removed.keys()))).tolist()


def _without_damaged(folder: Path, findings: Findings) -> Generation:
    before = findings.generation
    segments = folder / "segments"
    kept = {number: rows for number, rows in before.segments.items() if number not in findings.damaged}
    present = {image for number in kept for image in read_rows(segment_path(segments, number)).ids.tolist()}
    numbers = [before.number, before.chosen, *generation_files(segments), *segment_folders(segments), *findings.damaged]
    number = max(numbers) + 1
    return replace(
        before,
        number=number,
        chosen=before.chosen if findings.choices is not None else number,
        segments=kept,
        removed={image: when for image, when in before.removed.items() if image in present},
    )


def _choices_anew(folder: Path, findings: Findings, generation: Generation) -> str:
    """Writes the file of choices, from the catalogue or, where that has none either, with nothing chosen."""
    path = choices_path(folder / "segments", generation.chosen)
    stated = ChoicesFile(generation.chosen, generation.roots, findings.choices or Choices())
    write_choices(folder / "segments", stated)
    if findings.choices is not None:
        return f"{path}: written anew from the catalogue"
    return (
        f"{path}: lost, and the catalogue has no copy of it: nothing is left out any more ({LOST}): give it again with "
        "`resight update --exclude`, `resight add --mask` and `resight remove`, before you search"
    )


def _rebuild(folder: Path, generation: Generation, choices: Choices) -> str:
    path = folder / catalogue.CATALOGUE
    new = folder / f"{TEMPORARY}{os.getpid()}-{path.name}"
    new.unlink(missing_ok=True)
    segments = folder / "segments"
    rows = ((number, read_rows(segment_path(segments, number)).content) for number in sorted(generation.segments))
    try:
        catalogue.build(new, generation, choices, rows)
    except IndexCorruptError:
        new.unlink(missing_ok=True)
        raise
    if path.exists():
        os.replace(path, path.with_name(f"{DAMAGED}{path.name}"))
    # A journal of the former file would be applied to the new one.
    for beside in ("-journal", "-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    os.replace(new, path)
    sync_folder(folder)
    return f"{path}: rebuilt from {len(generation.segments)} segments"
