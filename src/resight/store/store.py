"""The directory of an index: created at once, read as of one generation, changed by one transaction at a time."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from resight.cores import cores
from resight.errors import (
    DamagedFileError,
    IndexCorruptError,
    IndexLockedError,
    IndexMissingError,
    ResightError,
    StorageError,
    UsageError,
)
from resight.store import catalogue
from resight.store.agreement import check_agreement
from resight.store.arrays import Check
from resight.store.checked import Checked, Version
from resight.store.choices import Choices
from resight.store.creation import RECIPE, create_folder, write_fitted
from resight.store.disk import TEMPORARY, FileSum, read_regular, storage_errors, sum_bytes, sync_folder
from resight.store.generations import Generation, files_content, remove_generations, write_generation
from resight.store.leftovers import clear
from resight.store.lock import writer_lock
from resight.store.opening import Segment, SegmentFileMissingError
from resight.store.places import kept_root, located_root
from resight.store.rows import Image, ImageTable, Kept, Root, Rows, checked, checked_choices, checked_root
from resight.store.segments import ChannelArrays, check_key, fault_of, segment_path, sum_fault, write_segment

Layouts = Callable[[], Mapping[str, Check]]
"""Gives, by channel, what compiled code must know of its arrays before it reads by them."""


@dataclass(frozen=True)
class Batch:
    """New images and their arrays by channel. The store relates no length of an array to the number of images."""

    images: Sequence[Image]
    arrays: ChannelArrays


@dataclass(frozen=True)
class Snapshot:
    """One generation of the index: it stays as it is while others write.

    generation: its number. images: the live ones. segments: those that hold them, in ascending order. roots: by
    number, where they are now. next_image: every id below it has been given. choices: what a person wants left out.
    """

    generation: int
    images: ImageTable
    segments: Sequence[Segment]
    roots: Mapping[int, Root]
    next_image: int
    choices: Choices


class Store:
    """The bytes of one index on the disk. Safe to share between threads that read."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._locked = False
        self._segments: Mapping[int, Segment] = {}
        self._checked = Checked(path)

    @classmethod
    def create(cls, path: Path, recipe: str, fitted: Mapping[str, bytes], *, created_by: str) -> Store:
        """Makes an empty index with its recipe and fitted files, whole or not at all.

        fitted: bytes by `CHANNEL/NAME.npz`. created_by: the versions that write, for people.
        Raises UsageError where something is at `path` already, IndexLockedError where another process is making the
        same index, and StorageError.
        """
        create_folder(path, recipe, fitted, created_by)
        return cls(path, read_only=False)

    @classmethod
    def open(cls, path: Path, *, read_only: bool) -> Store:
        """The index at `path`.

        Raises IndexMissingError, IndexFormatError, IndexCorruptError and StorageError.
        """
        store = cls(existing(path), read_only=read_only)
        if not (store.path / catalogue.CATALOGUE).exists():
            raise DamagedFileError(store.path / catalogue.CATALOGUE, "the catalogue is missing")
        with store._reading():
            return store

    def recipe(self) -> str:
        """The text of the recipe. Raises IndexCorruptError where it is not what was written, and StorageError."""
        path = self.path / RECIPE
        expected = self._generation().files[RECIPE]
        with storage_errors(path):
            try:
                text = read_regular(path)
            except (FileNotFoundError, DamagedFileError) as error:
                what = fault_of(error)
            else:
                what = "" if sum_bytes(text) == expected else "was changed after the index was made"
        if what:
            raise IndexCorruptError(
                f"{path} {what}: `resight verify --repair` puts a recipe that ships with resight back; of one of your "
                "own, put the former text back, or make a new index"
            )
        return text.decode()

    def created_by(self) -> str:
        """The versions that made the index. Raises IndexCorruptError and StorageError."""
        return self._generation().created_by

    def fitted(self) -> dict[str, Path]:
        """Paths of the fitted files by `CHANNEL/NAME.npz`, each as it was written.

        Raises IndexCorruptError and StorageError.
        """
        found = {}
        for name, expected in self._generation().files.items():
            if name.startswith("fitted/"):
                self._check_fitted(name, expected)
                found[name.removeprefix("fitted/")] = self.path / name
        self._checked.save()
        return found

    def _check_fitted(self, name: str, expected: FileSum) -> None:
        path = self.path / name

        def check() -> None:
            if what := sum_fault(path, expected):
                raise IndexCorruptError(
                    f"{path}: {what}: `resight verify --repair` puts back what ships with resight; of what was fitted "
                    "for this index, put a copy of the former file back, or make a new index"
                )

        with storage_errors(path):
            versions = [Version.of(path.stat())] if path.exists() else []
            self._checked.once(name, [expected.size, expected.sha256], versions, check)

    def search_folder(self, channel: str) -> Path:
        """Where rebuildable search structures of a channel belong; neither checked nor needed by the store."""
        return self.path / "search" / check_key(channel)

    def snapshot(self, layouts: Layouts = dict) -> Snapshot:
        """The newest generation, with the arrays of some channels checked and mapped already.

        layouts: gives the check of each of these channels, and is asked only where there is a segment. What is mapped
        here stays readable whatever is compacted later. Raises IndexCorruptError, IndexLockedError and StorageError.
        """
        try:
            return self._mapped_snapshot(layouts)
        except SegmentFileMissingError:
            # Between reading the catalogue and mapping its segments another process may have merged them.
            return self._mapped_snapshot(layouts)

    def _mapped_snapshot(self, layouts: Layouts) -> Snapshot:
        with self._reading() as connection:
            generation = catalogue.get_generation(connection)
            images = catalogue.live_images(connection)
        known, terms = self._segments, _terms(generation)
        segments = {
            number: known.get(number) or self._segment(number, rows, terms)
            for number, rows in sorted(generation.segments.items())
        }
        checks = layouts() if segments else {}
        # What is checked for the first time is summed, which needs no interpreter.
        with ThreadPoolExecutor(cores()) as pool:
            pairs = itertools.product(segments.values(), checks.items())
            for _ in pool.map(lambda pair: pair[0].arrays(*pair[1]), pairs):
                pass
        self._checked.save()
        self._segments = segments
        roots = MappingProxyType(
            {number: located_root(root, number, self.path, images) for number, root in generation.roots.items()}
        )
        found = tuple(segments.values())
        return Snapshot(generation.number, images, found, roots, generation.next_image, generation.choices)

    def _segment(self, number: int, rows: int, terms: str) -> Segment:
        path = segment_path(self._segments_folder, number)
        return Segment(number, rows, path, self._checked, terms)

    def removed_images(self) -> list[Kept]:
        """Images that are not in the index any more while a segment still has them; the last removed come last.

        Raises IndexCorruptError, IndexLockedError and StorageError.
        """
        with self._reading() as connection:
            return catalogue.removed_images(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Makes this process the only writer for a block, and clears what a killed writer has left.

        Raises IndexLockedError, IndexCorruptError and StorageError.
        """
        if self.read_only:
            raise StorageError(f"{self.path} was opened for reading only: open it for writing")
        with writer_lock(self.path):
            with catalogue.writing(self.path):
                pass
            clear(self.path, self._generation())
            self._locked = True
            try:
                yield
            finally:
                self._locked = False
                self._checked.settle()

    def commit(
        self,
        added: Batch | None = None,
        removed: Iterable[int] = (),
        roots: Mapping[int, Root] | None = None,
        choices: Choices | None = None,
    ) -> int:
        """Adds a batch, removes images by id, sets roots and choices, in one transaction; returns the generation.

        A changed image is removed and added again under its name. Ids of the batch follow its sorted names. A batch
        without images is none, and where nothing changes the generation stays.
        Raises UsageError for a name that is taken or an id that is not there, StorageError, and IndexCorruptError;
        the index then is as it was.
        """
        images = [checked(image) for image in added.images] if added is not None else []
        arrays = added.arrays if added is not None else {}
        gone = sorted({int(image) for image in removed})
        before = self._writable_generation()
        kept = {number: kept_root(checked_root(root), self.path) for number, root in (roots or {}).items()}
        all_roots = {**before.roots, **kept}
        chosen = before.choices if choices is None else checked_choices(choices)
        if not images and not gone and all_roots == before.roots and chosen == before.choices:
            return before.number
        unknown = {image.root for image in images} - all_roots.keys()
        if unknown:
            raise UsageError(f"root {min(unknown)} of an added image is not in the index: give it with the batch")
        number = before.number + 1
        order = sorted(range(len(images)), key=lambda row: images[row].name)
        ids = [0] * len(images)
        for rank, row in enumerate(order):
            ids[row] = before.next_image + rank
        rows = Rows(ids, [number] * len(images), images)
        after = replace(
            before,
            number=number,
            next_image=before.next_image + len(images),
            segments={**before.segments, number: len(images)} if images else before.segments,
            removed={**before.removed, **dict.fromkeys(gone, number)},
            roots=all_roots,
            choices=chosen,
        )
        with self._reading() as connection:
            catalogue.check_names(connection, images, gone)

        def change(connection: sqlite3.Connection) -> None:
            catalogue.remove_images(connection, gone, number)
            catalogue.insert_rows(connection, number, rows, {})

        with self._restoring():
            if images:
                self._write_segment(number, rows, arrays, after)
            self._publish(after, change)
        return number

    def replace_segments(self, replaced: Sequence[int], ids: Sequence[int], arrays: ChannelArrays) -> int:
        """Puts one segment in the place of several, in one transaction; returns the generation.

        ids: all live images of the replaced segments, in the order of the new segment's rows; each keeps its id.
        Where none is live no segment is written. The files of the replaced segments are deleted: who has them mapped
        keeps them. Raises UsageError where `ids` are not exactly those, StorageError, and IndexCorruptError; the index
        then is as it was.
        """
        before = self._writable_generation()
        old = sorted({int(number) for number in replaced})
        with self._reading() as connection:
            live = catalogue.live_rows(connection, old)
            dead = {image for number in old for image in catalogue.segment_rows(connection, number).ids} - live.keys()
        order = [int(image) for image in ids]
        if not set(old) <= before.segments.keys() or sorted(order) != sorted(live):
            raise UsageError(f"{self.path}: the merged images are not the live images of segments {old}")
        number = before.number + 1
        rows = Rows(order, [live[image][0] for image in order], [live[image][1] for image in order])
        kept = {segment: size for segment, size in before.segments.items() if segment not in old}
        after = replace(
            before,
            number=number,
            segments={**kept, number: len(rows)} if order else kept,
            removed={image: when for image, when in before.removed.items() if image not in dead},
        )

        def change(connection: sqlite3.Connection) -> None:
            catalogue.delete_segments(connection, old)
            catalogue.insert_rows(connection, number, rows, {})

        with self._restoring():
            if order:
                self._write_segment(number, rows, arrays, after, old)
            self._publish(after, change)
        # The merge counts; replaced files that stay now are cleared by the next writer.
        with contextlib.suppress(StorageError):
            clear(self.path, after)
        return number

    def add_fitted(self, fitted: Mapping[str, bytes]) -> int:
        """Adds fitted files, by `CHANNEL/NAME.npz`, to channels that have none yet; returns the generation.

        Raises UsageError where a channel has been fitted already, StorageError, and IndexCorruptError; the index then
        is as it was.
        """
        before = self._writable_generation()
        channels = {name.split("/")[0] for name in fitted}
        frozen = {name.split("/")[1] for name in before.files if name.startswith("fitted/")}
        if channels & frozen:
            raise UsageError(f"{self.path}: {min(channels & frozen)} was fitted when the index was made, and is frozen")
        with self._restoring(), storage_errors(self.path):
            folder = self.path / "fitted"
            temporary = folder / f"{TEMPORARY}{os.getpid()}"
            files = write_fitted(temporary, fitted)
            for channel in sorted(channels):
                (temporary / channel).rename(folder / channel)
            temporary.rmdir()
            sync_folder(folder)
            after = replace(before, number=before.number + 1, files={**before.files, **files})
            self._publish(after, lambda _: None)
        return after.number

    @property
    def _segments_folder(self) -> Path:
        return self.path / "segments"

    def _generation(self) -> Generation:
        with self._reading() as connection:
            return catalogue.get_generation(connection)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The catalogue, once it is known to be what was written."""
        with catalogue.reading(self.path) as connection:
            # Nobody changes the file while this connection reads. It is not opened here: to close it again would take
            # away the locks that SQLite has on it.
            version = Version.of((self.path / catalogue.CATALOGUE).stat())
            self._checked.once(catalogue.CATALOGUE, None, [version], lambda: check_agreement(connection, self.path))
            yield connection

    def _writable_generation(self) -> Generation:
        if not self._locked:
            raise IndexLockedError(f"{self.path}: changes need the lock: make them inside `with store.writing():`")
        return self._generation()

    def _write_segment(
        self, number: int, rows: Rows, arrays: ChannelArrays, after: Generation, replaces: Sequence[int] = ()
    ) -> None:
        with storage_errors(segment_path(self._segments_folder, number)):
            write_segment(
                self._segments_folder,
                number,
                rows,
                arrays,
                roots=after.roots,
                next_image=after.next_image,
                replaces=replaces,
            )
            self._segment(number, len(rows), _terms(after)).trust()

    def _publish(self, after: Generation, change: Callable[[sqlite3.Connection], None]) -> None:
        with storage_errors(self._segments_folder):
            write_generation(self._segments_folder, after)
        with catalogue.writing(self.path) as connection:
            change(connection)
            catalogue.put_generation(connection, after)
        with contextlib.suppress(OSError):
            version = Version.of((self.path / catalogue.CATALOGUE).stat())
            self._checked.trust(catalogue.CATALOGUE, None, [version])
        self._checked.save()
        # The batch counts from here on; a former generation's file that stays is cleared by the next writer.
        with contextlib.suppress(OSError):
            remove_generations(self._segments_folder, after.number)

    @contextlib.contextmanager
    def _restoring(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            # The catalogue alone says whether the change counts: a COMMIT that reports an error may have happened.
            with contextlib.suppress(ResightError):
                clear(self.path, self._generation())
            raise


def _terms(generation: Generation) -> str:
    """What tells apart the recipes and fits that the arrays of an index must suit."""
    return hashlib.sha256(json.dumps(files_content(generation.files)).encode()).hexdigest()


def existing(path: Path) -> Path:
    """The path, if it is that of an index, whole or damaged. Raises IndexMissingError."""
    path = Path(path)
    if not path.is_dir():
        raise IndexMissingError(f"{path}: there is no index here; make one with `resight index PHOTOS -o {path}`")
    if not (path / catalogue.CATALOGUE).exists() and not (path / "segments").is_dir():
        raise IndexMissingError(f"{path}: this folder is not an index; make one with `resight index PHOTOS -o {path}`")
    return path
