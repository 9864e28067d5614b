"""Changes to an index: new and changed photos go in batch by batch, removed ones go out, segments are merged."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Channel
from resight.channels.extraction import Extracted, decoders, extract
from resight.channels.rows import segment_rows, without_evidence
from resight.errors import UsageError
from resight.filesystems import is_in
from resight.folders.walking import Found
from resight.images import displayed
from resight.index.masking import MasksError
from resight.index.recall import Memory
from resight.index.roots import Listing, laid, look, places_of, root_path
from resight.index.vanished import Appeared, Held, judge
from resight.store import INDEXED, UNREACHED, UNREADABLE, Batch, Choices, Image, Root, Segment, Snapshot, Store

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
    """What an `add` or `update` did: numbers of images, and (name, reason) of those that could not be read.

    recalled: how many of those added and changed were not decoded, because the index knew their bytes. held: photos
    that are not found and were not removed. notes: lines for a person about folders and links. Of the photos that were
    read, without_evidence are the names of those by which nothing can be found, such as pictures of one colour, and
    remarks are (name, remark) of those that were read in part.

    left_out: how many files were left out because of their ending, by that in small letters; "" for those without one
    that are no images. excluded: images that went out because a pattern matches them now. stayed_away: files that were
    left out because they had been removed. without_mask: images that have no mask where each should have its own.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    recalled: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    without_evidence: list[str] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    left_out: Counter[str] = field(default_factory=Counter)
    excluded: int = 0
    stayed_away: int = 0
    without_mask: int = 0

    def __add__(self, other: AddReport) -> AddReport:
        """Both together."""
        mine, theirs = ([getattr(report, one.name) for one in fields(report)] for report in (self, other))
        return AddReport(*(a + b for a, b in zip(mine, theirs, strict=True)))


@dataclass(frozen=True)
class Plan:
    """What is to be done for one root, by its number.

    work: files to be read, with their names; unchanged: how many are as they were and could be read; replaced: ids by
    name of images that are read again; retried: those of them, by name, whose files are as they were when they could
    not be read; unreadable: (name or path, reason) of what cannot be read, as was known before; listing: what is in
    the folder.
    """

    number: int
    root: Root
    work: Sequence[Found]
    unchanged: int
    replaced: Mapping[str, int]
    retried: Mapping[str, Image]
    unreadable: Sequence[tuple[str, str]]
    listing: Listing


@dataclass(frozen=True)
class Update:
    """What is to be done for all roots. removed: ids of images whose files are gone; held: what is not taken for it."""

    plans: Sequence[Plan]
    removed: Sequence[int]
    held: Sequence[Held]


def plan(snapshot: Snapshot, number: int, root: Root, listing: Listing, gone: Collection[int] = frozenset()) -> Plan:
    """Compares the files of a root with what the index knows of it. Raises UsageError where a name has another owner,
    MasksError where all masks are gone.

    gone: ids of images that give their names up. A file is unchanged when its size, time and mask are. One that
    could not be read is tried again where its bytes are not at fault, or other versions decode now.
    """
    _check_masks(snapshot, number, listing)
    images = snapshot.images
    work, replaced, retried, unreadable = [], {}, {}, list(listing.trouble)
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
        elif (images.sizes[place], images.mtimes[place], images.masks[place]) != _state_of(one):
            work.append(one)
            replaced[one.name] = int(images.ids[place])
        elif images.states[place] == UNREACHED or (
            images.states[place] == UNREADABLE and images.tried_by[place] != decoders()
        ):
            work.append(one)
            replaced[one.name] = int(images.ids[place])
            retried[one.name] = images.image(place)
        elif not images.indexed[place]:
            unreadable.append((one.name, images.reasons[place]))
    unchanged = len(listing.found) - len(work) - (len(unreadable) - len(listing.trouble))
    return Plan(number, root, work, unchanged, replaced, retried, unreadable, listing)


def _state_of(found: Found) -> tuple[int, int, str]:
    """What tells whether a file has to be read again."""
    return found.size, found.mtime_ns, found.mask.key if found.mask is not None else ""


def plan_update(
    snapshot: Snapshot,
    removed: Collection[str | Path] = (),
    choices: Choices | None = None,
    excluded: Collection[int] = frozenset(),
) -> Update:
    """What makes the index equal to its folders, as far as the rule of `vanished` goes.

    removed: folders whose vanished photos were removed on purpose. choices: as they are to be, those of the index by
    default; excluded: ids of the images that go out with them.
    Nothing is done for a root whose masks cannot be had: its photos stay with the masks that they had.
    Raises UsageError where one of `removed` is in no folder of the index, or a name has two owners.
    """
    meant = _meant(snapshot, removed)
    choices = snapshot.choices if choices is None else choices
    excluded = frozenset(excluded)
    listings: dict[int, Listing] = {}
    held: list[Held] = []
    kept: list[Plan] = []
    for number, root in snapshot.roots.items():
        try:
            listing = laid(_listed(root, choices), root, choices.masks.get(number))
            _check_masks(snapshot, number, listing)
            listings[number] = listing
        except MasksError as error:
            ids = frozenset(snapshot.images.ids[places_of(snapshot, number)].tolist()) - excluded
            held.append(Held(error.folder, len(ids), len(ids), error.why, False, removable=False, of_masks=True))
            kept.append(Plan(number, root, [], len(ids), {}, {}, [], Listing([], [], [])))
    elsewhere = Appeared(snapshot, listings)
    verdicts = [judge(snapshot, number, listing, elsewhere, meant, excluded) for number, listing in listings.items()]
    gone = {image for verdict in verdicts for image in verdict.removed}
    leaving = gone | excluded
    plans = [plan(snapshot, number, snapshot.roots[number], listing, leaving) for number, listing in listings.items()]
    held = [one for verdict in verdicts for one in verdict.held] + held
    return Update([*plans, *kept], sorted(gone), held)


def _check_masks(snapshot: Snapshot, number: int, listing: Listing) -> None:
    """MasksError where no mask is left and photos of the root have been indexed with theirs."""
    if listing.bare is not None and any(snapshot.images.masks[place] for place in places_of(snapshot, number)):
        raise listing.bare


def _listed(root: Root, choices: Choices) -> Listing:
    """The files of a root; none where it is gone or cannot be read, which is its trouble."""
    try:
        return look(root, choices)
    except UsageError:
        path = root_path(root)
        return Listing([], [(displayed(path), "cannot be read")] if path.is_dir() else [], [])


def _meant(snapshot: Snapshot, removed: Collection[str | Path]) -> frozenset[str]:
    """The folders as absolute paths."""
    folders = [root_path(root) for root in snapshot.roots.values()]
    paths = [*map(str, folders), *map(displayed, folders)]
    for folder in removed:
        absolute = os.path.abspath(folder)
        if not any(is_in(absolute, path) or is_in(path, absolute) for path in paths):
            raise UsageError(f"{displayed(folder)}: in no folder of the index; nothing was changed")
    return frozenset(map(os.path.abspath, removed))


def carry_out(store: Store, planned: Plan, channels: Mapping[str, Channel], progress: Progress | None) -> AddReport:
    """Reads the planned files and commits them batch by batch, merging small segments. Call with the lock held."""
    report, seen = AddReport(unchanged=planned.unchanged, unreadable=list(planned.unreadable)), planned.listing
    report.left_out, report.stayed_away, report.without_mask = seen.left_out, seen.stayed_away, seen.without_mask
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
    recall = Memory(store.snapshot(), store.removed_images(), channels) if planned.work else None
    # Closed at once where a commit fails or a person interrupts, so that no worker goes on reading.
    with contextlib.closing(extract(planned.work, channels, recall=recall)) as extracted:
        for count, batch in enumerate(_batches(told(extracted)), start=1):
            # What could not be read then and now, for the same reason, is in the index as it is.
            news = [one for one in batch if _row(one, planned.number) != planned.retried.get(one.found.name)]
            gone = [planned.replaced[one.found.name] for one in news if one.found.name in planned.replaced]
            if news:
                packed = _packed(news, planned.number, channels)
                store.commit(packed, removed=gone)
                report.without_evidence += _without_evidence(news, without_evidence(channels, packed.arrays))
            readable = [one for one in batch if not one.reason]
            changed = sum(
                one.found.name in planned.replaced and one.found.name not in planned.retried for one in readable
            )
            report.changed += changed
            report.added += len(readable) - changed
            report.recalled += sum(one.was_known for one in readable)
            report.unreadable += [(one.found.name, one.reason) for one in batch if one.reason]
            report.remarks += [(one.found.name, one.remark) for one in batch if one.remark]
            if count % TIER_WIDTH == 0 or done == total:
                _tidy(store, channels)
    report.seconds = time.monotonic() - start
    return report


def _without_evidence(batch: Sequence[Extracted], bare: NDArray[np.bool_]) -> list[str]:
    """Names of the photos that were read and by which nothing can be found; `bare`: (n,) without evidence."""
    return [one.found.name for one, nothing in zip(batch, bare.tolist(), strict=True) if nothing and not one.reason]


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
    state = INDEXED if not one.reason else UNREACHED if one.may_pass else UNREADABLE
    tried_by = decoders() if one.reason else ""
    said = one.reason or one.remark
    size, mtime_ns, mask = _state_of(found)
    return Image(root, found.name, size, mtime_ns, one.hash, *one.size, state, said, tried_by, mask)


def _tidy(store: Store, channels: Mapping[str, Channel]) -> None:
    while numbers := crowded(store.snapshot()):
        merge(store, channels, numbers)


def merge(store: Store, channels: Mapping[str, Channel], numbers: Sequence[int]) -> None:
    """Puts one segment in the place of several; removed images are left behind. Call with the lock held."""
    snapshot = store.snapshot()
    live = np.ones(len(snapshot.images), np.bool_)
    chosen = [segment for segment in snapshot.segments if segment.number in set(numbers)]
    rows = {
        name: [segment_rows(snapshot.images, segment, name, channel, live) for segment in chosen]
        for name, channel in channels.items()
    }
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
