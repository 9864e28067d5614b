"""Is every byte what was written, and do the catalogue, the segments and the generation's own file agree?"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from resight.errors import IndexCorruptError, IndexFormatError, ResightError, StorageError
from resight.store import catalogue
from resight.store.disk import FileSum, storage_errors, sum_file
from resight.store.generations import Generation, generation_files, generation_path, read_generation
from resight.store.leftovers import surplus
from resight.store.lock import writer_lock
from resight.store.rows import Root, Rows
from resight.store.segments import (
    Manifest,
    read_manifest,
    read_rows,
    segment_faults,
    segment_folders,
    segment_path,
)
from resight.store.store import RECIPE, existing
from resight.store.structures import structure_faults


@dataclass(frozen=True)
class Problem:
    """Something that is not what was written: the file, what is wrong, and whether `repair` can mend it."""

    path: Path
    what: str
    repairable: bool


@dataclass(frozen=True)
class Findings:
    """All problems, and what follows for a repair.

    generation: what the index must be. stated: False where no file stated it. catalogued: the catalogue is intact.
    damaged: segments with lost bytes. spare: damaged search structures, which can be made again.
    """

    problems: tuple[Problem, ...]
    generation: Generation
    stated: bool
    catalogued: bool
    damaged: frozenset[int]
    spare: tuple[Path, ...]


def verify(path: Path) -> list[Problem]:
    """Reads every byte of an index and returns what is wrong, nothing where all is well.

    Raises IndexMissingError, IndexFormatError, StorageError, and IndexLockedError while another process writes.

    Notes: where the index can be written its lock is held meanwhile; on read-only media there is no writer.
    """
    folder = existing(path)
    writable = os.access(folder, os.W_OK)
    with writer_lock(folder) if writable else contextlib.nullcontext():
        return list(examine(folder).problems)


def examine(folder: Path) -> Findings:
    """What `verify` finds, for a caller that holds the lock."""
    segments = folder / "segments"
    with storage_errors(segments):
        statements = _statements(segments)
    catalogued, catalogue_faults = _catalogued(folder)
    stated = statements.get(catalogued.number) if catalogued else None
    if stated is None and statements:
        stated = statements[max(statements)]
    generation = stated or catalogued or generation_from_segments(folder)
    problems = []
    if stated is None:
        problems.append(Problem(generation_path(segments, generation.number), "is missing or damaged", True))
    damaged = set()
    for number, rows in generation.segments.items():
        for path, what in segment_faults(segment_path(segments, number), rows):
            damaged.add(number)
            problems.append(Problem(path, f"{what}: the images of this segment must be indexed again", True))
    if catalogued is not None and not catalogue_faults:
        catalogue_faults = _disagreements(folder, catalogued, generation, damaged)
    problems += [Problem(folder / catalogue.CATALOGUE, what, True) for what in catalogue_faults]
    problems += _frozen_problems(folder, generation)
    faults = list(_structure_faults(folder))
    problems += [Problem(path, f"{what}: it can be made again", True) for path, what in faults]
    left = "was left by an interrupted write and counts for nothing"
    problems += [Problem(path, left, True) for path in surplus(folder, generation)]
    return Findings(
        tuple(problems),
        generation,
        stated is not None,
        not catalogue_faults,
        frozenset(damaged),
        tuple(path for path, _ in faults),
    )


def _structure_faults(folder: Path) -> Iterator[tuple[Path, str]]:
    with storage_errors(folder / "search"):
        yield from structure_faults(folder / "search")


def _statements(segments: Path) -> dict[int, Generation]:
    statements = {}
    for number, path in generation_files(segments).items():
        with contextlib.suppress(IndexCorruptError):
            generation = read_generation(path)
            if generation.number == number:
                statements[number] = generation
    return statements


def _catalogued(folder: Path) -> tuple[Generation | None, list[str]]:
    if not (folder / catalogue.CATALOGUE).exists():
        return None, ["is missing"]
    faults = catalogue.integrity_faults(folder)
    if faults:
        return None, faults
    try:
        with catalogue.reading(folder) as connection:
            return catalogue.get_generation(connection), []
    except (IndexCorruptError, IndexFormatError, StorageError) as error:
        return None, [str(error)]


def _disagreements(folder: Path, catalogued: Generation, generation: Generation, damaged: set[int]) -> list[str]:
    if catalogued != generation:
        return [f"does not agree with {generation_path(folder / 'segments', generation.number).name}"]
    try:
        with catalogue.reading(folder) as connection:
            if catalogue.row_counts(connection) != generation.segments:
                return ["has lost images or has too many"]
            return [
                f"does not agree with the rows of segment {number}"
                for number in generation.segments.keys() - damaged
                if catalogue.segment_rows(connection, number) != read_rows(segment_path(folder / "segments", number))
            ]
    except (IndexCorruptError, StorageError) as error:
        return [str(error)]


def _frozen_problems(folder: Path, generation: Generation) -> Iterator[Problem]:
    for name, expected in generation.files.items():
        path = folder / name
        try:
            what = "" if sum_file(path) == expected else "the checksum is wrong"
        except FileNotFoundError:
            what = "is missing"
        except OSError as error:
            what = str(error)
        if what:
            yield Problem(path, f"{what}: put a copy of the former file back, or make a new index", False)


def generation_from_segments(folder: Path) -> Generation:
    """The best guess where neither the catalogue nor a generation's file is left.

    Of two images of one name the newer counts. Images that were removed and not compacted away are back. The recipe
    and the fitted files are taken as they are.
    """
    segments = folder / "segments"
    manifests = {number: _manifest(path) for number, path in sorted(segment_folders(segments).items())}
    replaced = {number for manifest in manifests.values() if manifest for number in manifest.replaces}
    live = {number: manifest for number, manifest in manifests.items() if number not in replaced}
    newest: dict[str, tuple[int, int]] = {}
    removed: dict[int, int] = {}
    next_image = 1
    roots: dict[int, Root] = {}
    for number, manifest in live.items():
        if manifest is None:
            continue
        roots |= manifest.roots
        next_image = max(next_image, manifest.next_image)
        rows = _rows(segment_path(segments, number))
        for image, added, row in sorted(zip(rows.ids, rows.added, rows.images, strict=True)):
            older = newest.get(row.name)
            newest[row.name] = max(older, (image, added)) if older else (image, added)
            if older:
                removed[min(older[0], image)] = newest[row.name][1]
    return Generation(
        number=max(manifests, default=0),
        next_image=next_image,
        segments={number: manifest.rows if manifest else 0 for number, manifest in live.items()},
        removed=removed,
        roots=roots,
        files=_files_as_they_are(folder),
        created_by="unknown: rebuilt from its segments",
    )


def _manifest(folder: Path) -> Manifest | None:
    with contextlib.suppress(IndexCorruptError, OSError):
        return read_manifest(folder)
    return None


def _rows(folder: Path) -> Rows:
    with contextlib.suppress(ResightError, OSError):
        return read_rows(folder)
    return Rows([], [], [])


def _files_as_they_are(folder: Path) -> dict[str, FileSum]:
    paths = [folder / RECIPE, *sorted((folder / "fitted").glob("*/*.npz"))]
    with storage_errors(folder):
        return {path.relative_to(folder).as_posix(): sum_file(path) for path in paths if path.exists()}
