"""The directory of an index: created at once, read as of one generation, changed by one transaction at a time."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from resight.cores import cores
from resight.errors import DamagedFileError, IndexLockedError, ResightError, StorageError, UsageError
from resight.store import catalogue
from resight.store.agreement import check_agreement
from resight.store.arrays import Check
from resight.store.changes import Batch, Change, with_batch, with_merged
from resight.store.checked import Checked, Version
from resight.store.choices import Choices, ChoicesFile, remove_choices, write_choices
from resight.store.columns import Rows
from resight.store.creation import create_folder, write_fitted
from resight.store.disk import TEMPORARY, storage_errors, sync_folder
from resight.store.folder import existing, fitted_files, recipe_text, terms
from resight.store.generations import Generation, remove_generations, write_generation
from resight.store.leftovers import clear
from resight.store.live import check_live, check_names
from resight.store.lock import writer_lock
from resight.store.opening import Segment, SegmentFileMissingError
from resight.store.places import located_root
from resight.store.rows import INDEXED, RemovedImage, Root, checked
from resight.store.segments import ChannelArrays, check_key, segment_path, write_segment
from resight.store.table import ImageTable

Layouts = Callable[[], Mapping[str, Check]]
"""Gives, by channel, what compiled code must know of its arrays before it reads by them."""


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
        self._choices: tuple[int, Choices] | None = None

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
        return recipe_text(self.path, self._generation())

    def created_by(self) -> str:
        """The versions that made the index. Raises IndexCorruptError and StorageError."""
        return self._generation().created_by

    def newest_generation(self) -> int:
        """The number of the newest generation. Raises IndexCorruptError, IndexLockedError and StorageError."""
        return self._generation().number

    def fitted(self) -> dict[str, Path]:
        """Paths of the fitted files by `CHANNEL/NAME.npz`, each as it was written.

        Raises IndexCorruptError and StorageError.
        """
        return fitted_files(self.path, self._generation(), self._checked)

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
            choices = self._known_choices(connection, generation)
        segments = self._counted(generation)
        checks = layouts() if segments else {}
        # What is checked for the first time is summed, which needs no interpreter.
        with ThreadPoolExecutor(cores()) as pool:
            rows = pool.map(lambda segment: segment.images, segments.values())
            images = ImageTable(dict(zip(segments, rows, strict=True)), generation.removed.keys())
            pairs = itertools.product(segments.values(), checks.items())
            for _ in pool.map(lambda pair: pair[0].arrays(*pair[1]), pairs):
                pass
        self._checked.save()
        roots = MappingProxyType(
            {number: located_root(root, number, self.path, images) for number, root in generation.roots.items()}
        )
        found = tuple(segments.values())
        return Snapshot(generation.number, images, found, roots, generation.next_image, choices)

    def _counted(self, generation: Generation) -> dict[int, Segment]:
        """The segments of a generation, by number in ascending order. Raises IndexCorruptError and StorageError."""
        known, own = self._segments, terms(generation)
        segments = {
            number: known.get(number) or self._segment(number, rows, own)
            for number, rows in sorted(generation.segments.items())
        }
        for number, segment in segments.items():
            manifest = segment.manifest
            if not manifest.roots.keys() <= generation.roots.keys() or manifest.next_image > generation.next_image:
                raise DamagedFileError(
                    self.path / catalogue.CATALOGUE, f"does not have the folders or the ids of segment {number}"
                )
        self._segments = segments
        return segments

    def _segment(self, number: int, rows: int, own: str) -> Segment:
        path = segment_path(self._segments_folder, number)
        return Segment(number, rows, path, self._checked, own)

    def _known_choices(self, connection: sqlite3.Connection, generation: Generation) -> Choices:
        """The choices of a generation, read once for each that set some."""
        if self._choices is None or self._choices[0] != generation.chosen:
            self._choices = generation.chosen, catalogue.get_choices(connection)
        return self._choices[1]

    def removed_images(self) -> list[RemovedImage]:
        """Images that are not in the index any more while a segment still has them; the last removed come last.

        Raises IndexCorruptError, IndexLockedError and StorageError.
        """
        generation = self._generation()
        found: list[tuple[int, RemovedImage]] = []
        for number, segment in self._counted(generation).items():
            rows = segment.images
            for row in np.flatnonzero(~rows.live(generation.removed.keys())).tolist():
                one, when = rows.image(row), generation.removed[int(rows.ids[row])]
                if one.state == INDEXED and not one.mask:
                    kept = RemovedImage(one.hash, number, row, one.width, one.height, one.reason, one.tried_by)
                    found.append((when, kept))
        return [kept for _, kept in sorted(found, key=lambda pair: pair[0])]

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
        gone = sorted({int(image) for image in removed})
        before = self._writable_generation()
        with self._reading() as connection:
            known = self._known_choices(connection, before)
            change = with_batch(before, known, self.path, images, gone, roots or {}, choices)
        if change is None:
            return before.number
        parts = [segment.images for segment in self._counted(before).values()]
        check_live(parts, before.removed.keys(), gone)
        check_names(parts, before.removed.keys(), [image.name for image in images], {*gone})
        with self._restoring():
            if added is not None and images:
                self._write_segment(change.rows, added.arrays, change.after)
            self._publish(change)
        return change.after.number

    def replace_segments(self, replaced: Sequence[int], ids: Sequence[int], arrays: ChannelArrays) -> int:
        """Puts one segment in the place of several, in one transaction; returns the generation.

        ids: all live images of the replaced segments, in the order of the new segment's rows; each keeps its id.
        Where none is live no segment is written. The files of the replaced segments are deleted: who has them mapped
        keeps them. Raises UsageError where `ids` are not exactly those, StorageError, and IndexCorruptError; the index
        then is as it was.
        """
        before = self._writable_generation()
        old = sorted({int(number) for number in replaced})
        order = [int(image) for image in ids]
        with self._reading() as connection:
            known = self._known_choices(connection, before)
        rows = {number: segment.images for number, segment in self._counted(before).items() if number in old}
        change = with_merged(before, known, old, order, rows)
        if change is None:
            raise UsageError(f"{self.path}: the merged images are not the live images of segments {old}")
        with self._restoring():
            if order:
                self._write_segment(change.rows, arrays, change.after, old)
            self._publish(change, old)
        # The merge counts; replaced files that stay now are cleared by the next writer.
        with contextlib.suppress(StorageError):
            clear(self.path, change.after)
        return change.after.number

    def add_fitted(self, fitted: Mapping[str, bytes]) -> int:
        """Adds fitted files, by `CHANNEL/NAME.npz`, to channels that have none yet; returns the generation.

        Raises UsageError where a channel has been fitted already, StorageError, and IndexCorruptError; the index then
        is as it was.
        """
        before = self._writable_generation()
        with self._reading() as connection:
            known = self._known_choices(connection, before)
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
            self._publish(Change(after, known, Rows.of([], [], [])))
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
        self, rows: Rows, arrays: ChannelArrays, after: Generation, replaces: Sequence[int] = ()
    ) -> None:
        with storage_errors(segment_path(self._segments_folder, after.number)):
            write_segment(
                self._segments_folder,
                after.number,
                rows,
                arrays,
                roots=after.roots,
                next_image=after.next_image,
                replaces=replaces,
            )
            self._segment(after.number, len(rows), terms(after)).trust()

    def _publish(self, change: Change, replaced: Sequence[int] = ()) -> None:
        after, chosen_now = change.after, change.after.chosen == change.after.number
        with storage_errors(self._segments_folder):
            if chosen_now:
                write_choices(self._segments_folder, ChoicesFile(after.number, after.roots, change.choices))
            write_generation(self._segments_folder, after)
        with catalogue.writing(self.path) as connection:
            catalogue.delete_rows(connection, replaced)
            if len(change.rows):
                catalogue.put_rows(connection, after.number, change.rows.content)
            catalogue.put_generation(connection, after)
            if chosen_now:
                catalogue.put_choices(connection, change.choices)
        self._choices = after.chosen, change.choices
        with contextlib.suppress(OSError):
            version = Version.of((self.path / catalogue.CATALOGUE).stat())
            self._checked.trust(catalogue.CATALOGUE, None, [version])
        self._checked.save()
        # The batch counts from here on; a former generation's file that stays is cleared by the next writer.
        with contextlib.suppress(OSError):
            remove_generations(self._segments_folder, after.number)
            if chosen_now:
                remove_choices(self._segments_folder, after.chosen)

    @contextlib.contextmanager
    def _restoring(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            # The catalogue alone says whether the change counts: a COMMIT that reports an error may have happened.
            with contextlib.suppress(ResightError):
                clear(self.path, self._generation())
            raise
