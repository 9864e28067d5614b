"""Photos to evidence: many files at once, in order, on all cores. There is no index in it."""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Channel
from resight.cores import cores
from resight.errors import ImageError
from resight.features.kinds import Sift
from resight.features.local import LocalFeatures
from resight.features.sift import DIMENSIONS, extract_sift, single_threaded_opencv
from resight.folders import Found
from resight.images import Box, Decoded, check_box, crop, decode_bytes, displayed, read_bytes

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")

AHEAD = 4
"""Files in work for each worker: enough that none waits, few enough that memory stays small."""
ATTEMPTS = 3


@dataclass(frozen=True)
class Extracted:
    """What one file gave. hash: of the bytes; size: (width, height) of the upright original.

    evidence: what each channel keeps, by channel; empty where the file is unreadable, and `reason` says why.
    """

    found: Found
    hash: str
    size: tuple[int, int]
    evidence: Mapping[str, object]
    reason: str = ""


def content_hash(data: bytes) -> str:
    """What identifies the content of a file."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def extract(
    found: Iterable[Found], channels: Mapping[str, Channel], workers: int | None = None
) -> Generator[Extracted, None, None]:
    """Evidence of many files, in their order, on `workers` threads (all cores). Unreadable files give their reason."""
    return _in_order(found, lambda one: extract_one(one, channels), workers or cores())


def sample_descriptors(
    found: Sequence[Found], features: Sift, limit: int, seed: int, workers: int | None = None
) -> Generator[NDArray[np.float32], None, None]:
    """Descriptors of the files to fit on, drawn by seed over names: an equal share of `limit` from each.

    Unreadable files give none.
    """
    share = max(1, -(-limit // max(1, len(found))))
    order = sorted(found, key=lambda one: one.name)
    seeds = np.random.SeedSequence(seed).spawn(len(order))

    def draw(job: tuple[Found, np.random.SeedSequence]) -> NDArray[np.float32]:
        try:
            decoded = decode_bytes(read_bytes(job[0].path), displayed(job[0].path), features.max_side)
        except ImageError:
            return np.empty((0, DIMENSIONS), np.float32)
        rows = extract_sift(decoded.pixels, decoded.size, features).descriptors
        chosen = np.random.default_rng(job[1]).permutation(len(rows))[:share]
        return rows[np.sort(chosen)]

    return _in_order(zip(order, seeds, strict=True), draw, workers or cores())


def extract_one(found: Found, channels: Mapping[str, Channel]) -> Extracted:
    """Evidence of one file."""
    try:
        data = _steady_bytes(found.path)
    except ImageError as error:
        return Extracted(found, "", (0, 0), {}, error.reason)
    key = content_hash(data)
    try:
        side = max(channel.features.max_side for channel in channels.values())
        decoded = decode_bytes(data, displayed(found.path), side)
    except ImageError as error:
        return Extracted(found, key, (0, 0), {}, error.reason)
    except MemoryError:
        return Extracted(found, key, (0, 0), {}, "not enough memory to decode it; save it smaller")
    known: dict[Sift, LocalFeatures] = {}
    evidence = {}
    for name, channel in channels.items():
        if channel.features not in known:
            known[channel.features] = extract_sift(decoded.pixels, decoded.size, channel.features)
        evidence[name] = channel.encode(known[channel.features], decoded.size)
    return Extracted(found, key, decoded.size, evidence)


def query_features(decoded: Decoded, params: Sift, box: Box | None) -> LocalFeatures:
    """Features of a query photo, or of a part of it, in pixels of the upright original.

    With a box it is cropped and then treated like a photo: a small part is enlarged (`params.enlarge_to`).
    Raises UsageError where the box has no area inside the photo.
    """
    if box is None:
        return extract_sift(decoded.pixels, decoded.size, params, params.enlarge_to)
    height, width = decoded.pixels.shape[:2]
    reduced = np.array([width / decoded.size[0], height / decoded.size[1]] * 2)
    x0, y0, x1, y1 = np.clip(check_box(box, decoded.size) * reduced, 0, [width, height] * 2).tolist()
    part = crop(decoded.pixels, (x0, y0, x1, y1))
    features = extract_sift(part, (part.shape[1], part.shape[0]), params, params.enlarge_to)
    inside = features.mapped(1.0, (math.floor(x0), math.floor(y0)))
    enlarging = (1.0 / reduced[:2]).astype(np.float32)
    return replace(inside, xy=inside.xy * enlarging, scale=inside.scale * np.sqrt(enlarging.prod()))


def _steady_bytes(path: Path) -> bytes:
    """The bytes of a file that did not change while it was read. Raises ImageError."""
    for _ in range(ATTEMPTS):
        before = _state(path)
        data = read_bytes(path)
        if before == _state(path):
            return data
    raise ImageError(displayed(path), "changes while it is read; index it again when it is complete")


def _state(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise ImageError(displayed(path), error.strerror or str(error)) from error
    return status.st_size, status.st_mtime_ns


def _in_order(jobs: Iterable[JobT], work: Callable[[JobT], ResultT], workers: int) -> Generator[ResultT, None, None]:
    """Results in the order of the jobs, with a bounded number of them in work."""
    waiting: deque[Future[ResultT]] = deque()
    with single_threaded_opencv(), ThreadPoolExecutor(workers, initializer=_one_thread_each) as pool:
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
