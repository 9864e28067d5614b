"""Changes to an index: new and changed photos go in batch by batch, removed ones go out, segments are merged."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from resight.channels.channel import Channel
from resight.channels.rows import segment_rows
from resight.errors import UsageError
from resight.extraction import Extracted, extract
from resight.folders import Found, escape_name, find_images, unescape_name
from resight.images import displayed
from resight.store import INDEXED, UNREADABLE, Batch, Image, Root, Segment, Snapshot, Store, file_path

Progress = Callable[[int, int], None]

BATCH_IMAGES = 256
"""Most images of a batch, which is what a crash can lose."""
BATCH_SECONDS = 20.0
"""A batch is committed after this time even if it is smaller: slow photos must not make a crash expensive."""
TIER_WIDTH = 8
"""So many segments of about one size are merged into one: a search visits fewer than this many of each size."""
MERGED_BYTES = 1 << 28
"""Most bytes of the segments that are merged on the way: merging takes about three times as much memory."""
COMPACTED_BYTES = 1 << 30
"""The same where a person asks for as few segments as possible."""


@dataclass
class AddReport:
    """What an `add` or `update` did: numbers of images, and (name, reason) of those that could not be read."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def __add__(self, other: AddReport) -> AddReport:
        """Both together."""
        mine, theirs = ([getattr(report, one.name) for one in fields(report)] for report in (self, other))
        return AddReport(*(a + b for a, b in zip(mine, theirs, strict=True)))


@dataclass(frozen=True)
class Listing:
    """What is in the folder of a root. found: files with the names that they get; trouble: (path, reason)."""

    found: Sequence[Found]
    trouble: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Plan:
    """What is to be done for one root, by its number.

    work: files to be read, with their names; unchanged: how many are as they were and could be read; replaced: ids by
    name of images that are read again; unreadable: (name or path, reason) of what cannot be read, as was known before.
    """

    number: int
    root: Root
    work: Sequence[Found]
    unchanged: int
    replaced: Mapping[str, int]
    unreadable: Sequence[tuple[str, str]]


def root_of(snapshot: Snapshot, folder: Path, prefix: str) -> tuple[int, Root]:
    """The root with this folder and prefix and its number, the next free one where it is new."""
    root = Root(escape_name(os.path.realpath(folder)), prefix)
    known = (number for number, one in snapshot.roots.items() if one == root)
    return next(known, max(snapshot.roots, default=0) + 1), root


def root_path(root: Root) -> Path:
    """Where the photos of a root are."""
    return Path(unescape_name(root.path))


def look(root: Root, only: Collection[str] | None = None) -> Listing:
    """Lists the files of a root; `only`: names below it that count. Raises UsageError where it cannot be listed."""
    trouble: list[tuple[str, str]] = []
    found = find_images(root_path(root), on_error=lambda error: trouble.append((error.path, error.reason)))
    return Listing(
        [replace(one, name=root.prefix + one.name) for one in found if only is None or one.name in only], trouble
    )


def plan(snapshot: Snapshot, number: int, root: Root, listing: Listing, gone: Collection[int] = frozenset()) -> Plan:
    """Compares the files of a root with what the index knows of it. Raises UsageError where a name has another owner.

    gone: ids of images that give their names up. A file is unchanged when its size and time are.
    """
    images = snapshot.images
    work, replaced, unreadable = [], {}, list(listing.trouble)
    for one in listing.found:
        place = images.by_name.get(one.name)
        if place is None or int(images.ids[place]) in gone:
            work.append(one)
        elif images.roots[place] != number:
            owner = snapshot.roots[int(images.roots[place])]
            raise UsageError(
                f"{one.name}: this name was given to a photo of {owner.path}; put a prefix before the names of "
                f"{root.path} (--as PREFIX)"
            )
        elif (images.sizes[place], images.mtimes[place]) != (one.size, one.mtime_ns):
            work.append(one)
            replaced[one.name] = int(images.ids[place])
        elif not images.indexed[place]:
            unreadable.append((one.name, images.reasons[place]))
    unchanged = len(listing.found) - len(work) - (len(unreadable) - len(listing.trouble))
    return Plan(number, root, work, unchanged, replaced, unreadable)


def plan_update(snapshot: Snapshot) -> tuple[list[Plan], list[int]]:
    """What makes the index equal to its folders, and the ids of the images whose files are gone.

    Raises UsageError where a folder is gone or a name has two owners.
    """
    for root in snapshot.roots.values():
        if not root_path(root).is_dir():
            raise UsageError(
                f"{displayed(root_path(root))}: this folder of the index is gone; bring it back, or remove its photos "
                "by name; nothing was changed"
            )
    listings = {number: look(root) for number, root in snapshot.roots.items()}
    gone = {image for number, listing in listings.items() for image in _vanished(snapshot, number, listing)}
    plans = [plan(snapshot, number, snapshot.roots[number], listing, gone) for number, listing in listings.items()]
    return plans, sorted(gone)


def _vanished(snapshot: Snapshot, number: int, listing: Listing) -> list[int]:
    """Ids of the images of a root whose files are gone.

    Where a part of the root cannot be listed, what is not in the list may be in that part: then only a file of which
    the system says that there is none is gone.
    """
    images, root = snapshot.images, snapshot.roots[number]
    seen = {one.name for one in listing.found}
    unseen = [place for place in np.flatnonzero(images.roots == number).tolist() if images.names[place] not in seen]
    if listing.trouble:
        unseen = [place for place in unseen if _is_gone(file_path(root, images.names[place]))]
    return [int(images.ids[place]) for place in unseen]


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def carry_out(store: Store, planned: Plan, channels: Mapping[str, Channel], progress: Progress | None) -> AddReport:
    """Reads the planned files and commits them batch by batch, merging small segments. Call with the lock held."""
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

    store.commit(roots={planned.number: planned.root})
    # Closed at once where a commit fails or a person interrupts, so that no worker goes on reading.
    with contextlib.closing(extract(planned.work, channels)) as extracted:
        for count, batch in enumerate(_batches(told(extracted)), start=1):
            gone = [planned.replaced[one.found.name] for one in batch if one.found.name in planned.replaced]
            store.commit(_packed(batch, planned.number, channels), removed=gone)
            readable = [one for one in batch if not one.reason]
            changed = sum(one.found.name in planned.replaced for one in readable)
            report.changed += changed
            report.added += len(readable) - changed
            report.unreadable += [(one.found.name, one.reason) for one in batch if one.reason]
            if count % TIER_WIDTH == 0 or done == total:
                _tidy(store, channels)
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


def _packed(batch: Sequence[Extracted], root: int, channels: Mapping[str, Channel]) -> Batch:
    arrays = {
        name: channel.pack([channel.nothing() if one.reason else one.evidence[name] for one in batch])
        for name, channel in channels.items()
    }
    return Batch([_row(one, root) for one in batch], arrays)


def _row(one: Extracted, root: int) -> Image:
    found = one.found
    state = UNREADABLE if one.reason else INDEXED
    return Image(root, found.name, found.size, found.mtime_ns, one.hash, *one.size, state, one.reason)


def _tidy(store: Store, channels: Mapping[str, Channel]) -> None:
    while numbers := crowded(store.snapshot()):
        merge(store, channels, numbers)


def merge(store: Store, channels: Mapping[str, Channel], numbers: Sequence[int]) -> None:
    """Puts one segment in the place of several; removed images are left behind. Call with the lock held."""
    snapshot = store.snapshot()
    live = np.ones(len(snapshot.images), np.bool_)
    chosen = [segment for segment in snapshot.segments if segment.number in set(numbers)]
    rows = {name: [segment_rows(snapshot.images, segment, name, live) for segment in chosen] for name in channels}
    ids = [image for one in next(iter(rows.values())) for image in one.ids[one.alive].tolist()]
    arrays = {name: channel.merge(rows[name]) for name, channel in channels.items()} if ids else {}
    store.replace_segments(numbers, ids, arrays)


def crowded(snapshot: Snapshot) -> list[int]:
    """Segments to be merged now: one of which less than half is live, or `TIER_WIDTH` of one tier, the smallest first.

    Tier t has the segments of more than W^(t-1) and at most W^t live images, W being `TIER_WIDTH`. W of one tier make
    one of the next, so that n images are rewritten log_W(n) times each and lie in fewer than W log_W(n) segments, as
    long as `MERGED_BYTES` allows.
    """
    tiers: dict[int, list[Segment]] = {}
    live = _live(snapshot)
    for segment in snapshot.segments:
        if 2 * live[segment.number] < segment.rows:
            return [segment.number]
        tiers.setdefault(_tier(live[segment.number]), []).append(segment)
    for _, segments in sorted(tiers.items()):
        smallest = sorted(segments, key=_bytes_of)[:TIER_WIDTH]
        if len(smallest) == TIER_WIDTH and sum(map(_bytes_of, smallest)) <= MERGED_BYTES:
            return [segment.number for segment in smallest]
    return []


def compacted(snapshot: Snapshot) -> list[list[int]]:
    """Groups of segments each of which can be one: neighbours, as many as `COMPACTED_BYTES` allows."""
    groups: list[list[Segment]] = []
    for segment in snapshot.segments:
        if groups and sum(map(_bytes_of, [*groups[-1], segment])) <= COMPACTED_BYTES:
            groups[-1].append(segment)
        else:
            groups.append([segment])
    live = _live(snapshot)
    return [
        [segment.number for segment in group]
        for group in groups
        if len(group) > 1 or live[group[0].number] < group[0].rows
    ]


def _live(snapshot: Snapshot) -> Mapping[int, int]:
    """Number of live images by segment."""
    numbers, counts = np.unique(snapshot.images.segments, return_counts=True)
    found = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    return {segment.number: found.get(segment.number, 0) for segment in snapshot.segments}


def _tier(rows: int) -> int:
    """The least t with rows <= TIER_WIDTH^t."""
    tier = 0
    while TIER_WIDTH**tier < rows:
        tier += 1
    return tier


def _bytes_of(segment: Segment) -> int:
    return sum(file.size for file in segment.manifest.files.values())
