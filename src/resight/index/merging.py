"""Segments that are merged into one: a search visits few, and the space of removed images is freed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from resight.channels.channel import Channel
from resight.channels.rows import segment_rows
from resight.store import Segment, Snapshot, Store

TIER_WIDTH = 8
"""So many segments of about one size are merged into one: a search visits fewer than this many of each size."""
MERGED_BYTES = 1 << 28
"""Most bytes of the segments that are merged on the way: merging takes about three times as much memory."""
COMPACTED_BYTES = 1 << 30
"""The same where a person asks for as few segments as possible."""


def merge_crowded(store: Store, channels: Mapping[str, Channel]) -> None:
    """Merges small segments as long as there are too many of a size. Call with the lock held."""
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
    """Returns the segments to merge now, by number: one that is mostly removed, or the smallest of a full tier.

    A segment is mostly removed where less than half of its rows are live; a tier is full with `TIER_WIDTH` segments.

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
    """Returns groups of neighbouring segments; each group becomes one segment within `COMPACTED_BYTES`."""
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
    """Returns the number of live images by segment."""
    numbers, counts = np.unique(snapshot.images.segments, return_counts=True)
    found = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    return {segment.number: found.get(segment.number, 0) for segment in snapshot.segments}


def _tier(rows: int) -> int:
    """Returns the least t with rows <= TIER_WIDTH^t."""
    tier = 0
    while TIER_WIDTH**tier < rows:
        tier += 1
    return tier


def _bytes_of(segment: Segment) -> int:
    return sum(file.size for file in segment.manifest.files.values())
