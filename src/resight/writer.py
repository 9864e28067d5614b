"""Changes to an index: new and changed photos go in batch by batch, removed ones go out, segments are merged."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from resight.channels.channel import Channel
from resight.errors import UsageError
from resight.extraction import Extracted, extract
from resight.folders import Found, escape_name, find_images, unescape_name
from resight.reader import Reader
from resight.store import INDEXED, UNREADABLE, Batch, Image, Root, Snapshot, Store

Progress = Callable[[int, int], None]

BATCH_IMAGES = 256
"""Most images of a batch, which is what a crash can lose."""
BATCH_SECONDS = 20.0
"""A batch is committed after this time even if it is smaller: slow photos must not make a crash expensive."""
TIER_WIDTH = 8
"""So many segments of about one size are merged into one: a search visits at most this many for each size."""


@dataclass
class AddReport:
    """What an `add` or `update` did: numbers of images, and (name, reason) of those that could not be read."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What is to be done for one root. work: files to be read, with their names; unchanged: how many are as they were;
    vanished: ids of images whose files are gone; replaced: ids by name of images that are read again."""

    root: int
    work: Sequence[Found]
    unchanged: int
    vanished: Sequence[int]
    replaced: Mapping[str, int]
    unreadable: Sequence[tuple[str, str]]


def register_root(store: Store, folder: Path, prefix: str) -> int:
    """Number of the root with this folder and prefix, new or known. Call with the lock held."""
    path = escape_name(os.path.realpath(folder))
    roots = store.snapshot().roots
    for number, root in roots.items():
        if root == Root(path, prefix):
            return number
    number = max(roots, default=0) + 1
    store.commit(roots={number: Root(path, prefix)})
    return number


def root_path(root: Root) -> Path:
    """Where the photos of a root are."""
    return Path(unescape_name(root.path))


def plan(snapshot: Snapshot, number: int, only: Collection[str] | None) -> Plan:
    """Compares the files of a root with what the index knows of it. Raises UsageError where a name has another owner.

    only: names below the root that count; all when None. A file is unchanged when its size and time are.
    """
    root = snapshot.roots[number]
    images = snapshot.images
    work, replaced, seen, unchanged = [], {}, set(), 0
    trouble: list[tuple[str, str]] = []
    found = find_images(root_path(root), on_error=lambda error: trouble.append((error.path, error.reason)))
    for one in found:
        if only is not None and one.name not in only:
            continue
        name = root.prefix + one.name
        seen.add(name)
        place = images.by_name.get(name)
        if place is None:
            work.append(Found(one.path, name, one.size, one.mtime_ns))
            continue
        if images.roots[place] != number:
            owner = snapshot.roots[int(images.roots[place])]
            raise UsageError(
                f"{name}: the folder {owner.path} has given this name already; put a prefix before the names of "
                f"{root.path} (--as PREFIX)"
            )
        if (images.sizes[place], images.mtimes[place]) == (one.size, one.mtime_ns):
            unchanged += 1
        else:
            work.append(Found(one.path, name, one.size, one.mtime_ns))
            replaced[name] = int(images.ids[place])
    mine = np.flatnonzero(images.roots == number)
    vanished = [int(images.ids[i]) for i in mine.tolist() if images.names[i] not in seen]
    return Plan(number, work, unchanged, vanished, replaced, trouble)


def carry_out(store: Store, planned: Plan, channels: Mapping[str, Channel], progress: Progress | None) -> AddReport:
    """Reads the planned files and commits them batch by batch. Call with the lock held."""
    report = AddReport(unchanged=planned.unchanged, unreadable=list(planned.unreadable))
    start = time.monotonic()
    total, done = len(planned.work), 0
    if progress is not None:
        progress(0, total)

    def told(extracted: Iterable[Extracted]) -> Iterator[Extracted]:
        nonlocal done
        for one in extracted:
            done += 1
            if progress is not None:
                progress(done, total)
            yield one

    for batch in _batches(told(extract(planned.work, channels))):
        images = [_row(one, planned.root) for one in batch]
        arrays = {
            name: channel.pack([one.evidence[name] if not one.reason else channel.nothing() for one in batch])
            for name, channel in channels.items()
        }
        gone = [planned.replaced[one.found.name] for one in batch if one.found.name in planned.replaced]
        store.commit(Batch(images, arrays), removed=gone)
        report.changed += len(gone)
        report.added += len(batch) - len(gone)
        report.unreadable += [(one.found.name, one.reason) for one in batch if one.reason]
    report.seconds = time.monotonic() - start
    return report


def _batches(extracted: Iterable[Extracted]) -> Iterator[list[Extracted]]:
    batch: list[Extracted] = []
    begun = time.monotonic()
    for one in extracted:
        batch.append(one)
        if len(batch) >= BATCH_IMAGES or time.monotonic() - begun > BATCH_SECONDS:
            yield batch
            batch, begun = [], time.monotonic()
    if batch:
        yield batch


def _row(one: Extracted, root: int) -> Image:
    found = one.found
    state = UNREADABLE if one.reason else INDEXED
    return Image(root, found.name, found.size, found.mtime_ns, one.hash, *one.size, state, one.reason)


def merge(store: Store, channels: Mapping[str, Channel], reader: Reader, numbers: Sequence[int]) -> None:
    """Puts one segment in the place of several; removed images are left behind. Call with the lock held."""
    images = reader.snapshot.images
    chosen = [at for at, segment in enumerate(reader.snapshot.segments) if segment.number in set(numbers)]
    ids: list[int] = []
    for at in chosen:
        segment = reader.snapshot.segments[at]
        here = np.flatnonzero(images.segments == segment.number)
        ids += images.ids[here[np.argsort(images.rows[here])]].tolist()
    arrays = {}
    for name, channel in channels.items():
        rows = reader.rows(name)
        arrays[name] = channel.merge([rows[at] for at in chosen]) if ids else {}
    store.replace_segments(numbers, ids, arrays)


def crowded(snapshot: Snapshot) -> list[int]:
    """Segments that should be merged now: the smallest `TIER_WIDTH` or more that are within one size of each other."""
    sizes = sorted((segment.rows, segment.number) for segment in snapshot.segments)
    for tier in range(64):
        bound = BATCH_IMAGES // TIER_WIDTH * TIER_WIDTH**tier
        within = [number for rows, number in sizes if rows <= bound]
        if len(within) >= TIER_WIDTH:
            return within
        if len(within) == len(sizes):
            break
    return []
