"""New and changed photos go into an index batch by batch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Channel
from resight.channels.extraction import Extracted, extract
from resight.channels.rows import without_evidence
from resight.images import decoders
from resight.index import merging
from resight.index.planning import Plan, state_of
from resight.index.recall import KnownPhotos
from resight.index.report import AddReport
from resight.progress import Progress
from resight.store import INDEXED, UNREACHED, UNREADABLE, Batch, Image, Store

BATCH_IMAGES = 256
"""Most images of a batch, which is what a crash can lose."""
BATCH_SECONDS = 20.0
"""A batch is committed after this time even if it is smaller: slow photos must not make a crash expensive."""


def carry_out(store: Store, planned: Plan, channels: Mapping[str, Channel], progress: Progress | None) -> AddReport:
    """Reads the planned files and commits them batch by batch, merging small segments. Call with the lock held."""
    report, seen = AddReport(unchanged=planned.unchanged, unreadable=list(planned.unreadable)), planned.listing
    report.held = list(planned.held)
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
    recall = KnownPhotos(store.snapshot(), store.removed_images(), channels) if planned.work else None
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
            changed = sum(_was_read(one.found.name, planned) for one in readable)
            report.changed += changed
            report.added += len(readable) - changed
            report.recalled += sum(one.was_known for one in readable)
            report.unreadable += [(one.found.name, one.reason) for one in batch if one.reason]
            report.remarks += [(one.found.name, one.remark) for one in batch if one.remark]
            if count % merging.TIER_WIDTH == 0 or done == total:
                merging.merge_crowded(store, channels)
    report.seconds = time.monotonic() - start
    return report


def _was_read(name: str, planned: Plan) -> bool:
    """Returns whether a photo that is read again was in the index with its evidence."""
    before = planned.retried.get(name)
    return name in planned.replaced and (before is None or before.state == INDEXED)


def _without_evidence(batch: Sequence[Extracted], bare: NDArray[np.bool_]) -> list[str]:
    """Returns names of the photos that were read and by which nothing can be found; `bare`: (n,) without evidence."""
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
    said = one.reason or one.remark
    tried_by = decoders() if said else ""
    size, mtime_ns, mask = state_of(found)
    return Image(root, found.name, size, mtime_ns, one.hash, *one.size, state, said, tried_by, mask)
