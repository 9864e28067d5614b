"""New and changed photos go into an index batch by batch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Channel
from resight.channels.extraction import Extracted, Extraction, Job, extract
from resight.channels.rows import without_evidence
from resight.channels.video_frames import frames_to_extract
from resight.images import decoders, file_of_name
from resight.images.videos import expected_seconds
from resight.index import merging
from resight.index.footage import PlannedVideo
from resight.index.planning import Plan, state_of
from resight.index.recall import KnownPhotos
from resight.index.report import AddReport
from resight.progress import Progress
from resight.store import INDEXED, UNREACHED, UNREADABLE, VIDEO, Batch, Image, Store

BATCH_IMAGES = 256
"""Most images of a batch, which is what a crash can lose."""
BATCH_SECONDS = 20.0
"""A batch is committed after this time even if it is smaller: slow photos must not make a crash expensive."""


def carry_out(
    store: Store,
    planned: Plan,
    channels: Mapping[str, Channel],
    progress: Progress | None,
    extraction: Extraction | None = None,
) -> AddReport:
    """Reads the planned files and commits them batch by batch, merging small segments. Call with the lock held.

    extraction: what reads and extracts them; all cores of this machine where None.
    """
    report, seen = AddReport(unchanged=planned.unchanged, unreadable=list(planned.unreadable)), planned.listing
    report.held = list(planned.held)
    report.left_out, report.stayed_away, report.without_mask = seen.left_out, seen.stayed_away, seen.without_mask
    start = time.monotonic()
    total, done = len(planned.work) + sum(map(_expected, planned.videos)), 0
    leaving = {one.found.name: dict(one.known) for one in planned.videos}
    if progress is not None:
        progress(0, total)

    def told(extracted: Iterable[Extracted]) -> Iterator[Extracted]:
        nonlocal done
        for one in extracted:
            done += 1
            if progress is not None:
                progress(min(done, total), total)
            yield one
        if progress is not None and done < total:
            progress(total, total)

    store.commit(roots={planned.number: planned.root})
    some = planned.work or planned.videos
    recall = KnownPhotos(store.snapshot(), store.removed_images(), channels) if some else None
    # Closed at once where a commit fails or a person interrupts, so that no worker goes on reading.
    with contextlib.closing((extraction or extract)(_jobs(planned), channels, recall=recall)) as extracted:
        for count, batch in enumerate(_batches(told(extracted)), start=1):
            # What could not be read then and now, for the same reason, is in the index as it is.
            news = [one for one in batch if _row(one, planned.number) != planned.retried.get(one.found.name)]
            gone = [planned.replaced[one.found.name] for one in news if one.found.name in planned.replaced]
            gone += [image for one in news for image in _left_by(one, leaving)]
            if news:
                packed = _packed(news, planned.number, channels)
                store.commit(packed, removed=gone)
                report.without_evidence += _without_evidence(news, without_evidence(channels, packed.arrays))
            readable = [one for one in batch if not one.reason and not one.seen]
            changed = sum(_was_read(one.found.name, planned) for one in readable)
            report.videos += sum(bool(one.seen) for one in batch)
            report.changed += changed
            report.added += len(readable) - changed
            report.recalled += sum(one.was_known for one in readable)
            report.unreadable += [(one.found.name, one.reason) for one in batch if one.reason]
            report.remarks += [(one.found.name, one.remark) for one in batch if one.remark]
            if count % merging.TIER_WIDTH == 0:
                merging.merge_crowded(store, channels)
    if some:
        merging.merge_crowded(store, channels)
    report.seconds = time.monotonic() - start
    return report


def _jobs(planned: Plan) -> Iterator[Job]:
    """Yields the photos, then the frames of the videos, which are decoded as they are taken."""
    yield from planned.work
    for video in planned.videos:
        yield from frames_to_extract(video.found, video.sampling, video.left_out)


def _expected(video: PlannedVideo) -> int:
    """Returns about how many rows a video gives."""
    return 1 + video.sampling.frames_in(expected_seconds(video.found.path))


def _left_by(one: Extracted, leaving: dict[str, dict[str, int]]) -> list[int]:
    """Returns ids of the rows of a video that a frame, or in the end the video itself, takes the place of."""
    name = one.found.name
    if name in leaving:
        return [*leaving.pop(name).values()]
    own = leaving.get(file_of_name(name), {})
    return [own.pop(name)] if name in own else []


def _was_read(name: str, planned: Plan) -> bool:
    """Returns whether a photo that is read again was in the index with its evidence."""
    before = planned.retried.get(name)
    return name in planned.replaced and (before is None or before.state == INDEXED)


def _without_evidence(batch: Sequence[Extracted], bare: NDArray[np.bool_]) -> list[str]:
    """Returns names of the photos that were read and by which nothing can be found; `bare`: (n,) without evidence."""
    read = (
        (one, nothing) for one, nothing in zip(batch, bare.tolist(), strict=True) if not one.reason and not one.seen
    )
    return [one.found.name for one, nothing in read if nothing]


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
        name: channel.pack([channel.nothing() if one.reason or one.seen else one.evidence[name] for one in batch])
        for name, channel in channels.items()
    }
    return Batch([_row(one, root) for one in batch], arrays)


def _row(one: Extracted, root: int) -> Image:
    found = one.found
    state = VIDEO if one.seen else INDEXED if not one.reason else UNREACHED if one.may_pass else UNREADABLE
    said = one.seen or one.reason or one.remark
    tried_by = decoders() if said else ""
    size, mtime_ns, mask = state_of(found)
    return Image(root, found.name, size, mtime_ns, one.hash, *one.size, state, said, tried_by, mask)
