"""Is every byte what was written, and do the catalogue, the segments and the generation's own file agree?"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from resight.errors import IndexCorruptError, ResightError, StorageError
from resight.store import catalogue
from resight.store.agreement import catalogue_faults, disagreements
from resight.store.arrays import Check
from resight.store.choices import Choices, choices_files, choices_path, read_choices
from resight.store.columns import Rows
from resight.store.creation import RECIPE
from resight.store.disk import FileSum, storage_errors, sum_bytes, sum_file
from resight.store.folder import existing
from resight.store.generations import Generation, generation_files, generation_path, read_generation
from resight.store.leftovers import surplus
from resight.store.lock import writer_lock
from resight.store.rows import Root
from resight.store.segments import (
    ROWS,
    Manifest,
    fault_of,
    read_manifest,
    read_rows,
    segment_faults,
    segment_folders,
    segment_path,
    sum_fault,
)
from resight.store.structures import structure_faults

Files = Mapping[str, FileSum]
Copies = Callable[[Files], Mapping[str, bytes]]
"""Returns contents for damaged files of an index, by path below it; checksums decide whether they are used."""
LOST = "patterns, masks, and which photos were removed"
"""What is left out of an index, in words."""


def no_copies(files: Files) -> Mapping[str, bytes]:
    """Nothing is there elsewhere."""
    return {}


@dataclass(frozen=True)
class Problem:
    """Something that is not what was written: the file, what is wrong, and whether `repair` can mend it."""

    path: Path
    what: str
    repairable: bool


@dataclass(frozen=True)
class Remark:
    """Something in an index that does no harm, and that the next writer deletes."""

    path: Path
    what: str


@dataclass(frozen=True)
class Verified:
    """The problems of an index, none where all is well, and harmless remarks."""

    problems: list[Problem]
    remarks: list[Remark]


@dataclass(frozen=True)
class Findings:
    """All problems and remarks, and what follows for a repair.

    generation: what the index must be. stated: False where no file stated it. catalogued: the catalogue is intact.
    choices: what is left out, None where that is lost. choices_stated: its file is intact. damaged: segments with lost
    bytes. copied: segments that lost their rows alone, of which the catalogue has a copy. spare: damaged search
    structures, which can be made again. copies: what the damaged ones of the recipe and the fitted files must contain,
    by path below the index, where that is known.
    """

    problems: tuple[Problem, ...]
    remarks: tuple[Remark, ...]
    generation: Generation
    stated: bool
    catalogued: bool
    choices: Choices | None
    choices_stated: bool
    damaged: frozenset[int]
    copied: frozenset[int]
    spare: tuple[Path, ...]
    copies: Mapping[str, bytes]


def verify(path: Path, layouts: Mapping[str, Check] = MappingProxyType({}), copies: Copies = no_copies) -> Verified:
    """Reads every byte of an index and returns what is wrong.

    layouts: by channel, what its arrays must be beyond what was written; see `Check`. copies: see `Copies`. Raises
    IndexMissingError, IndexFormatError, StorageError, and IndexLockedError while another process writes.

    Notes: where the index can be written its lock is held meanwhile; on read-only media there is no writer.
    """
    folder = existing(path)
    writable = os.access(folder, os.W_OK)
    with writer_lock(folder) if writable else contextlib.nullcontext():
        findings = examine(folder, layouts, copies)
        return Verified(list(findings.problems), list(findings.remarks))


def examine(folder: Path, layouts: Mapping[str, Check], copies: Copies) -> Findings:
    """Examines an index for `verify`, for a caller that holds the lock."""
    segments = folder / "segments"
    with storage_errors(segments):
        statements = _statements(segments)
    catalogued, faults = catalogue_faults(folder)
    stated = statements.get(catalogued.number) if catalogued else None
    if stated is None and statements:
        stated = statements[max(statements)]
    generation = stated or catalogued or generation_from_segments(folder)
    problems = []
    if stated is None:
        problems.append(Problem(generation_path(segments, generation.number), "is missing or damaged", True))
    damaged, copied = set(), set()
    for number, rows in generation.segments.items():
        found = dict(segment_faults(segment_path(segments, number), rows, layouts))
        if [path.name for path in found] == [ROWS] and rows_copy(folder, number) is not None:
            copied.add(number)
            told = "the catalogue has a copy"
        elif found:
            damaged.add(number)
            told = "the images of this segment must be indexed again"
        problems += [Problem(path, f"{what}: {told}", True) for path, what in found.items()]
    if catalogued is not None and not faults:
        faults = _disagreements(folder, catalogued, generation, damaged)
    choices, choices_what = _stated_choices(choices_path(segments, generation.chosen))
    if not faults:
        known = _catalogued_choices(folder)
        if choices is not None and known != choices:
            faults = [f"does not agree with {choices_path(segments, generation.chosen).name}"]
        choices = known if choices is None else choices
    if choices_what:
        lost = "" if choices is not None else f": what is left out of the index is lost ({LOST})"
        problems.append(Problem(choices_path(segments, generation.chosen), f"{choices_what}{lost}", True))
    problems += [Problem(folder / catalogue.CATALOGUE, what, True) for what in faults]
    if RECIPE not in generation.files:
        problems.append(
            Problem(folder / RECIPE, "is missing, and nothing says what was in it: make a new index", False)
        )
    bad = {name: what for name, expected in generation.files.items() if (what := sum_fault(folder / name, expected))}
    there = _copies(bad, generation.files, copies)
    problems += [
        Problem(folder / name, f"{what}: {_SHIPS if name in there else _LOST}", name in there)
        for name, what in bad.items()
    ]
    spare = list(_structure_faults(folder))
    problems += [Problem(path, f"{what}: it can be made again", True) for path, what in spare]
    left = "was left by an interrupted write and counts for nothing"
    return Findings(
        tuple(problems),
        tuple(Remark(path, left) for path in surplus(folder, generation)),
        generation,
        stated is not None,
        not faults,
        choices,
        not choices_what,
        frozenset(damaged),
        frozenset(copied),
        tuple(path for path, _ in spare),
        there,
    )


def rows_copy(folder: Path, number: int) -> bytes | None:
    """Returns the rows of a segment as the catalogue has a copy of them; None where it has no sound one."""
    with contextlib.suppress(ResightError, OSError):
        expected = read_manifest(segment_path(folder / "segments", number)).files[ROWS]
        with catalogue.reading(folder) as connection:
            content = catalogue.get_rows(connection, number)
        return content if content is not None and sum_bytes(content) == expected else None
    return None


def _stated_choices(path: Path) -> tuple[Choices | None, str]:
    """Reads a file of choices; returns its content, None where it is damaged, and its fault."""
    try:
        return read_choices(path).choices, ""
    except (IndexCorruptError, OSError) as error:
        return None, fault_of(error)


def _catalogued_choices(folder: Path) -> Choices | None:
    with contextlib.suppress(IndexCorruptError, StorageError), catalogue.reading(folder) as connection:
        return catalogue.get_choices(connection)
    return None


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


def _disagreements(folder: Path, catalogued: Generation, generation: Generation, damaged: set[int]) -> list[str]:
    try:
        with catalogue.reading(folder) as connection:
            return disagreements(connection, folder, catalogued, generation, damaged)
    except (IndexCorruptError, StorageError) as error:
        return [fault_of(error)]


_SHIPS = "the same ships with resight"
_LOST = "it does not ship with this version of resight; put a copy of the former file back, or make a new index"


def _copies(lost: Collection[str], files: Files, copies: Copies) -> Mapping[str, bytes]:
    """Returns the contents of those lost files that exist elsewhere with the same sum."""
    if not lost:
        return {}
    return {name: data for name, data in copies(files).items() if name in lost and sum_bytes(data) == files[name]}


def generation_from_segments(folder: Path) -> Generation:
    """The best guess where neither the catalogue nor a generation's file is left.

    Of two images of one name the newer counts. What a person has left out is as the newest file of choices says; other
    images that were gone and not compacted away are back. The recipe and the fitted files are taken as they are.
    """
    segments = folder / "segments"
    manifests = {number: _manifest(path) for number, path in sorted(segment_folders(segments).items())}
    replaced = {number for manifest in manifests.values() if manifest for number in manifest.replaces}
    live = {number: manifest for number, manifest in manifests.items() if number not in replaced}
    newest: dict[str, tuple[int, int]] = {}
    root_of: dict[int, int] = {}
    removed: dict[int, int] = {}
    next_image = 1
    roots: dict[int, Root] = {}
    for number, manifest in live.items():
        if manifest is None:
            continue
        roots |= manifest.roots
        next_image = max(next_image, manifest.next_image)
        rows = _rows(folder, number)
        columns = (rows.ids.tolist(), rows.added.tolist(), rows.roots.tolist(), rows.names)
        for image, added, root, name in sorted(zip(*columns, strict=True)):
            root_of[image] = root
            older = newest.get(name)
            newest[name] = max(older, (image, added)) if older else (image, added)
            if older:
                removed[min(older[0], image)] = newest[name][1]
    chosen = max((number for number, path in choices_files(segments).items() if _stated_choices(path)[0]), default=0)
    choices = Choices()
    with contextlib.suppress(IndexCorruptError, OSError):
        stated = read_choices(choices_path(segments, chosen))
        roots, choices = {**roots, **stated.roots}, stated.choices
    for name, (image, added) in newest.items():
        if image not in removed and (root_of[image], name) in choices.removed:
            removed[image] = max(added, chosen)
    return Generation(
        number=max(chosen, *manifests, 0),
        next_image=next_image,
        segments={number: manifest.rows if manifest else 0 for number, manifest in live.items()},
        removed=removed,
        roots=roots,
        files=_files_as_they_are(folder),
        created_by="unknown: rebuilt from its segments",
        chosen=chosen,
    )


def _manifest(folder: Path) -> Manifest | None:
    with contextlib.suppress(IndexCorruptError, OSError):
        return read_manifest(folder)
    return None


def _rows(folder: Path, number: int) -> Rows:
    with contextlib.suppress(ResightError, OSError):
        return read_rows(segment_path(folder / "segments", number))
    return Rows.of([], [], [])


def _files_as_they_are(folder: Path) -> dict[str, FileSum]:
    paths = [folder / RECIPE, *sorted((folder / "fitted").glob("*/*.npz"))]
    with storage_errors(folder):
        return {path.relative_to(folder).as_posix(): sum_file(path) for path in paths if path.is_file()}
