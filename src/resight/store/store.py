"""The directory of an index: created at once, read as of one generation, changed by one transaction at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from resight.errors import (
    IndexCorruptError,
    IndexLockedError,
    IndexMissingError,
    ResightError,
    StorageError,
    UsageError,
)
from resight.store import catalogue
from resight.store.disk import TEMPORARY, FileSum, storage_errors, sum_file, sync_folder, write_new
from resight.store.generations import Generation, remove_generations, write_generation
from resight.store.leftovers import abandoned_prefix, clear, clear_abandoned
from resight.store.lock import writer_lock
from resight.store.places import kept_root, located_root
from resight.store.rows import Image, ImageTable, Kept, Root, Rows, checked, checked_root
from resight.store.segments import (
    Arrays,
    Segment,
    SegmentFileMissingError,
    check_key,
    segment_path,
    write_segment,
)

RECIPE = "recipe.toml"


@dataclass(frozen=True)
class Batch:
    """New images and their arrays by channel. The store relates no length of an array to the number of images."""

    images: Sequence[Image]
    arrays: Arrays


@dataclass(frozen=True)
class Snapshot:
    """One generation of the index: it stays as it is while others write.

    generation: its number. images: the live ones. segments: those that hold them, in ascending order. roots: by
    number, where they are now. next_image: every id below it has been given.
    """

    generation: int
    images: ImageTable
    segments: Sequence[Segment]
    roots: Mapping[int, Root]
    next_image: int


class Store:
    """The bytes of one index on the disk. Safe to share between threads that read."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._locked = False
        self._segments: Mapping[int, Segment] = {}

    @classmethod
    def create(cls, path: Path, recipe: str, fitted: Mapping[str, bytes], *, created_by: str) -> Store:
        """Makes an empty index with its recipe and fitted files, whole or not at all.

        fitted: bytes by `CHANNEL/NAME.npz`. created_by: the versions that write, for people.
        Raises UsageError where something is at `path` already, and StorageError.
        """
        path = Path(path)
        with storage_errors(path):
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise UsageError(
                    f"{path} exists and is not empty: choose another path, or add to it with `resight add`"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
        clear_abandoned(path)
        temporary = path.with_name(f"{abandoned_prefix(path)}{os.getpid()}")
        with storage_errors(path):
            try:
                temporary.mkdir()
                with writer_lock(temporary):
                    _fill(temporary, recipe, fitted, created_by)
                    temporary.rename(path)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
            sync_folder(path.parent)
        return cls(path, read_only=False)

    @classmethod
    def open(cls, path: Path, *, read_only: bool) -> Store:
        """The index at `path`.

        Raises IndexMissingError, IndexFormatError, IndexCorruptError and StorageError.
        """
        store = cls(existing(path), read_only=read_only)
        if not (store.path / catalogue.CATALOGUE).exists():
            raise IndexCorruptError(f"{path}: its catalogue is missing; run `resight verify --repair {path}`")
        with catalogue.reading(store.path):
            return store

    def recipe(self) -> str:
        """The text of the recipe. Raises IndexCorruptError where it is not what was written, and StorageError."""
        path = self.path / RECIPE
        with storage_errors(path):
            try:
                intact = sum_file(path) == self._generation().files[RECIPE]
            except FileNotFoundError:
                intact = False
            if not intact:
                raise IndexCorruptError(
                    f"{path} was changed after the index was made: put the former text back, or make a new index"
                )
            return path.read_bytes().decode()

    def created_by(self) -> str:
        """The versions that made the index. Raises IndexCorruptError and StorageError."""
        return self._generation().created_by

    def fitted(self) -> dict[str, Path]:
        """Paths of the fitted files by `CHANNEL/NAME.npz`, each present with its size; `verify` checks the content.

        Raises IndexCorruptError and StorageError.
        """
        found = {}
        for name, expected in self._generation().files.items():
            path = self.path / name
            if not name.startswith("fitted/"):
                continue
            with storage_errors(path):
                if not path.is_file() or path.stat().st_size != expected.size:
                    raise IndexCorruptError(f"{path} is missing or has another size; run `resight verify`")
            found[name.removeprefix("fitted/")] = path
        return found

    def search_folder(self, channel: str) -> Path:
        """Where rebuildable search structures of a channel belong; neither checked nor needed by the store."""
        return self.path / "search" / check_key(channel)

    def snapshot(self, channels: Iterable[str] = ()) -> Snapshot:
        """The newest generation, with the arrays of the given channels mapped already.

        What is mapped here stays readable whatever is compacted later. Raises IndexCorruptError, IndexLockedError and
        StorageError.
        """
        channels = tuple(channels)
        try:
            return self._mapped_snapshot(channels)
        except SegmentFileMissingError:
            # Between reading the catalogue and mapping its segments another process may have merged them.
            return self._mapped_snapshot(channels)

    def _mapped_snapshot(self, channels: Sequence[str]) -> Snapshot:
        with catalogue.reading(self.path) as connection:
            generation = catalogue.get_generation(connection)
            images = catalogue.live_images(connection)
        known = self._segments
        segments = {
            number: known.get(number) or Segment(number, rows, segment_path(self._segments_folder, number))
            for number, rows in sorted(generation.segments.items())
        }
        for segment in segments.values():
            for channel in channels:
                segment.arrays(channel)
        self._segments = segments
        roots = MappingProxyType(
            {number: located_root(root, number, self.path, images) for number, root in generation.roots.items()}
        )
        return Snapshot(generation.number, images, tuple(segments.values()), roots, generation.next_image)

    def removed_images(self) -> list[Kept]:
        """Images that are not in the index any more while a segment still has them; the last removed come last.

        Raises IndexCorruptError, IndexLockedError and StorageError.
        """
        with catalogue.reading(self.path) as connection:
            return catalogue.removed_images(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Makes this process the only writer for a block, and clears what a killed writer has left.

        Raises IndexLockedError, IndexCorruptError and StorageError.
        """
        if self.read_only:
            raise StorageError(f"{self.path} was opened for reading only: open it for writing")
        with writer_lock(self.path):
            with catalogue.writing(self.path) as connection:
                generation = catalogue.get_generation(connection)
            clear(self.path, generation)
            self._locked = True
            try:
                yield
            finally:
                self._locked = False

    def commit(
        self, added: Batch | None = None, removed: Iterable[int] = (), roots: Mapping[int, Root] | None = None
    ) -> int:
        """Adds a batch, removes images by id and sets roots, all in one transaction; returns the generation.

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
        if not images and not gone and all_roots == before.roots:
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
        )
        with catalogue.reading(self.path) as connection:
            catalogue.check_names(connection, images, gone)

        def change(connection: sqlite3.Connection) -> None:
            catalogue.remove_images(connection, gone, number)
            catalogue.insert_rows(connection, number, rows, {})

        with self._restoring():
            if images:
                self._write_segment(number, rows, arrays, after)
            self._publish(after, change)
        return number

    def replace_segments(self, replaced: Sequence[int], ids: Sequence[int], arrays: Arrays) -> int:
        """Puts one segment in the place of several, in one transaction; returns the generation.

        ids: all live images of the replaced segments, in the order of the new segment's rows; each keeps its id.
        Where none is live no segment is written. The files of the replaced segments are deleted: who has them mapped
        keeps them. Raises UsageError where `ids` are not exactly those, StorageError, and IndexCorruptError; the index
        then is as it was.
        """
        before = self._writable_generation()
        old = sorted({int(number) for number in replaced})
        with catalogue.reading(self.path) as connection:
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
            files = _write_fitted(temporary, fitted)
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
        with catalogue.reading(self.path) as connection:
            return catalogue.get_generation(connection)

    def _writable_generation(self) -> Generation:
        if not self._locked:
            raise IndexLockedError(f"{self.path}: changes need the lock: make them inside `with store.writing():`")
        return self._generation()

    def _write_segment(
        self, number: int, rows: Rows, arrays: Arrays, after: Generation, replaces: Sequence[int] = ()
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

    def _publish(self, after: Generation, change: Callable[[sqlite3.Connection], None]) -> None:
        with storage_errors(self._segments_folder):
            write_generation(self._segments_folder, after)
        with catalogue.writing(self.path) as connection:
            change(connection)
            catalogue.put_generation(connection, after)
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


def existing(path: Path) -> Path:
    """The path, if it is that of an index, whole or damaged. Raises IndexMissingError."""
    path = Path(path)
    if not path.is_dir():
        raise IndexMissingError(f"{path}: there is no index here; make one with `resight index PHOTOS -o {path}`")
    if not (path / catalogue.CATALOGUE).exists() and not (path / "segments").is_dir():
        raise IndexMissingError(f"{path}: this folder is not an index; make one with `resight index PHOTOS -o {path}`")
    return path


def _fill(folder: Path, recipe: str, fitted: Mapping[str, bytes], created_by: str) -> None:
    text = recipe.encode()
    files = {RECIPE: write_new(folder / RECIPE, lambda file: file.write(text))}
    files |= _write_fitted(folder / "fitted", fitted)
    (folder / "search").mkdir()
    (folder / "segments").mkdir()
    first = Generation(0, 1, {}, {}, {}, files, created_by)
    write_generation(folder / "segments", first)
    catalogue.build(folder / catalogue.CATALOGUE, first, [])
    sync_folder(folder)


def _write_fitted(folder: Path, fitted: Mapping[str, bytes]) -> dict[str, FileSum]:
    folder.mkdir()
    files = {}
    for name, data in fitted.items():
        channel, _, file_name = name.partition("/")
        check_key(channel)
        check_key(file_name.removesuffix(".npz"))
        (folder / channel).mkdir(exist_ok=True)
        files[f"fitted/{name}"] = write_new(folder / name, lambda file, data=data: file.write(data))  # type: ignore[misc]
        sync_folder(folder / channel)
    sync_folder(folder)
    return files
