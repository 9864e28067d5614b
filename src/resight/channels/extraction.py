"""Photos to evidence: many files at once, in order, on all cores. There is no index in it."""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from resight.arrays import Float32
from resight.channels.channel import Channel
from resight.cores import cores, single_threaded_products
from resight.errors import ImageError, UsageError
from resight.features.extractor import Extractor
from resight.features.sift import single_threaded_opencv
from resight.folders.walking import Found
from resight.images import (
    Decoded,
    content_hash,
    decode_bytes,
    decode_whole,
    displayed,
    is_blank,
    read_bytes,
)
from resight.images.masks import masked, reduced

FeaturesT = TypeVar("FeaturesT")

OnError = Callable[[Found, str], None]

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")

AHEAD = 4
"""Files in work for each worker: enough that none waits, few enough that memory stays small."""
ATTEMPTS = 3


@dataclass(frozen=True)
class Extracted:
    """The evidence of one file. hash: of the bytes; size: (width, height) of the upright original.

    evidence: what each channel keeps, by channel; empty where the file is unreadable, and `reason` says why. may_pass:
    the reason is not in the bytes. was_known: the evidence is that of the same bytes, which were not decoded.
    remark: what a person should know of a photo that could be read, such as that a part of it is missing. seen: of a
    video, which has no evidence of its own, what was seen of it.
    """

    found: Found
    hash: str
    size: tuple[int, int]
    evidence: Mapping[str, object]
    reason: str = ""
    remark: str = ""
    may_pass: bool = False
    was_known: bool = False
    seen: str = ""


@dataclass(frozen=True)
class Given:
    """A picture whose bytes are given, such as a frame of a video. found: what it is called, and the file it is of."""

    found: Found
    data: bytes


Job = Found | Given | Extracted
"""A file to be read, a picture whose bytes are known, or what is known of a file already, which keeps its place."""


@dataclass(frozen=True)
class Known:
    """The evidence of a photo whose bytes were met before.

    size: (width, height) of the upright original; remark: as of `Extracted`.
    """

    size: tuple[int, int]
    evidence: Mapping[str, object]
    remark: str


class Recall(Protocol):
    """What is kept of photos by their bytes; safe to share between threads."""

    def __call__(self, key: str) -> Known | None:
        """Returns what is kept of a photo of the same bytes, by their hash; None where there is nothing."""
        ...

    def hashes(self) -> Iterable[str]:
        """Returns the hashes that may be known; no other is."""
        ...


class Extraction(Protocol):
    """Photos to evidence, in the order of the jobs: `extract` in this process, or workers on other machines."""

    def __call__(
        self, found: Iterable[Job], channels: Mapping[str, Channel], *, recall: Recall | None = None
    ) -> Generator[Extracted, None, None]:
        """Yields the evidence of each job once. Closing the generator ends the work."""
        ...


def extract(
    found: Iterable[Job],
    channels: Mapping[str, Channel],
    workers: int | None = None,
    recall: Recall | None = None,
) -> Generator[Extracted, None, None]:
    """Evidence of many files, in their order, on `workers` threads (all cores). Unreadable files give their reason.

    Files whose bytes `recall` knows are read, and not decoded.

    Files are read and decoded in the threads, and so is what needs one photo at a time. What is quicker for several
    (`Extractor.together`) is extracted here meanwhile.
    """
    read = in_order(found, lambda one: read_one(one, channels, recall), workers or cores())
    with contextlib.closing(read):
        while window := list(itertools.islice(read, together(channels))):
            yield from finish(window, channels)


def together(channels: Mapping[str, Channel]) -> int:
    """Returns how many jobs, one after the other, are extracted at once: vectors depend on it in their last bits."""
    return max((channel.extractor.together for channel in channels.values()), default=1)


def extract_one(found: Found, channels: Mapping[str, Channel]) -> Extracted:
    """Evidence of one file."""
    return finish([read_one(found, channels)], channels)[0]


@dataclass(frozen=True)
class Read:
    """A file with the evidence of some channels, and what the extractors of the others prepared."""

    extracted: Extracted
    prepared: Mapping[Extractor[Any, Any], object]


def read_one(job: Job, channels: Mapping[str, Channel], recall: Recall | None = None) -> Read:
    """Reads and decodes one file, and does with it what needs no other; what `recall` knows is not decoded."""
    if isinstance(job, Extracted):
        return Read(job, {})
    found = job if isinstance(job, Found) else job.found
    try:
        data = _steady_bytes(found.path) if isinstance(job, Found) else job.data
    except ImageError as error:
        return Read(Extracted(found, "", (0, 0), {}, error.reason, may_pass=error.may_pass), {})
    key = content_hash(data)
    known = recall(key) if recall is not None and found.mask is None else None
    if known is not None:
        return Read(Extracted(found, key, known.size, known.evidence, remark=known.remark, was_known=True), {})
    try:
        side = max(channel.extractor.max_side for channel in channels.values())
        decoded = decode_found(found, data, side)
    except ImageError as error:
        return Read(Extracted(found, key, (0, 0), {}, error.reason, may_pass=error.may_pass), {})
    except MemoryError:
        return Read(
            Extracted(found, key, (0, 0), {}, "not enough memory to decode it; save it smaller", may_pass=True), {}
        )
    if is_blank(decoded.pixels):
        nothing = {name: channel.nothing() for name, channel in channels.items()}
        return Read(Extracted(found, key, decoded.size, nothing, remark=decoded.remark), {})
    prepared = {extractor: extractor.prepare(decoded) for extractor in extractors_of(channels)}
    alone = {one: one.extract([prepared[one]])[0] for one in prepared if one.together == 1}
    evidence = {
        name: channel.encode(alone[channel.extractor], decoded.size)
        for name, channel in channels.items()
        if channel.extractor in alone
    }
    waiting = {extractor: one for extractor, one in prepared.items() if extractor not in alone}
    return Read(Extracted(found, key, decoded.size, evidence, remark=decoded.remark), waiting)


def finish(window: Sequence[Read], channels: Mapping[str, Channel]) -> list[Extracted]:
    """Evidence of several files that were read, with what is extracted of all of them at once."""
    evidence = [dict(one.extracted.evidence) for one in window]
    for extractor in extractors_of(channels):
        places = [place for place, one in enumerate(window) if extractor in one.prepared]
        if not places:
            continue
        features = extractor.extract([window[place].prepared[extractor] for place in places])
        for place, own in zip(places, features, strict=True):
            for name, channel in channels.items():
                if channel.extractor is extractor:
                    evidence[place][name] = channel.encode(own, window[place].extracted.size)
    return [replace(one.extracted, evidence=own) for one, own in zip(window, evidence, strict=True)]


def extractors_of(channels: Mapping[str, Channel]) -> list[Extractor[Any, Any]]:
    """Returns each extractor once: channels of the same features share one."""
    return list(dict.fromkeys(channel.extractor for channel in channels.values()))


def features_of(
    found: Iterable[Found],
    extractor: Extractor[Any, FeaturesT],
    workers: int | None = None,
    on_error: OnError | None = None,
) -> Generator[FeaturesT | None, None, None]:
    """Features of many files, in their order, decoded on `workers` threads; None for one that is unreadable.

    `on_error` is told which and why, from any thread.
    """

    def prepare(one: Found) -> list[object]:
        try:
            return [extractor.prepare(decode_found(one, read_bytes(one.path), extractor.max_side))]
        except ImageError as error:
            if on_error is not None:
                on_error(one, error.reason)
            return []

    with contextlib.closing(in_order(found, prepare, workers or cores())) as prepared:
        while window := list(itertools.islice(prepared, extractor.together)):
            features = iter(extractor.extract([one for own in window for one in own]))
            yield from (next(features) if own else None for own in window)


def sample_rows(
    found: Sequence[Found],
    extractor: Extractor[Any, FeaturesT],
    rows_of: Callable[[FeaturesT], Float32],
    limit: int,
    seed: int,
    workers: int | None = None,
    on_error: OnError | None = None,
) -> Generator[Float32, None, None]:
    """Rows (m, d) of the files to fit on, drawn by seed over names: an equal share of `limit` from each.

    rows_of: what to fit on of the features of one photo. Unreadable files give none; `on_error` as of `features_of`.
    """
    share = max(1, -(-limit // max(1, len(found))))
    order = sorted(found, key=lambda one: one.name)
    # A seed for each file, so that what one gives does not depend on the others.
    seeds = np.random.SeedSequence(seed).spawn(len(order))
    with contextlib.closing(features_of(order, extractor, workers, on_error)) as every:
        for features, own in zip(every, seeds, strict=True):
            if features is not None:
                rows = rows_of(features)
                yield rows[np.sort(np.random.default_rng(own).permutation(len(rows))[:share])]


def decode_found(found: Found, data: bytes, max_side: int) -> Decoded:
    """The photo in the bytes of a file, with its mask. ImageError, whose reason may be that of the mask."""
    name = displayed(found.path)
    if found.mask is None:
        return replace(decode_bytes(data, name, max_side), name=found.name)
    photo = decode_whole(data, name)
    try:
        return replace(reduced(masked(photo, found.mask), max_side), name=found.name)
    except ImageError as error:
        raise ImageError(name, f"its mask {error.path} {error.reason}", may_pass=error.may_pass) from error
    except UsageError as error:
        raise ImageError(name, str(error)) from error


def _steady_bytes(path: Path) -> bytes:
    """The bytes of a file that did not change while it was read. Raises ImageError."""
    for _ in range(ATTEMPTS):
        before = _state(path)
        data = read_bytes(path)
        if before == _state(path):
            return data
    raise ImageError(displayed(path), "changes while it is read; index it again when it is complete", may_pass=True)


def _state(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise ImageError(displayed(path), error.strerror or str(error), may_pass=True) from error
    return status.st_size, status.st_mtime_ns


def in_order(jobs: Iterable[JobT], work: Callable[[JobT], ResultT], workers: int) -> Generator[ResultT, None, None]:
    """Yields results in the order of the jobs, with a bounded number of them in work on `workers` threads."""
    waiting: deque[Future[ResultT]] = deque()
    with (
        single_threaded_opencv(),
        single_threaded_products(),
        ThreadPoolExecutor(workers, initializer=_one_thread_each) as pool,
    ):
        try:
            for job in jobs:
                waiting.append(pool.submit(work, job))
                if len(waiting) >= AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _one_thread_each() -> None:
    """OpenMP keeps the number of threads for each calling thread: workers must not start a team each."""
    import faiss

    faiss.omp_set_num_threads(1)
