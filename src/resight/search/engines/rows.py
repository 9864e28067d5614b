"""The rows of an engine's collection, compared with the images that should be there."""

from __future__ import annotations

import hashlib

import numpy as np

from resight.arrays import Int64, Mask, Vectors
from resight.progress import Progress
from resight.search.derived import Differences
from resight.search.engines.engine import PAGE, Engine
from resight.search.vectors import VectorRows

OWNER = -1
"""Id of the row whose sum says which index the collection belongs to. Images have ids from 0."""
FIRST, LAST = 0, 1 << 62
"""Bounds of the ids of images."""
PART = 4_096
"""Vectors in memory at a time."""


def sums_of(vectors: Vectors) -> Int64:
    """Returns (n,) a number for each of n vectors (n, d), by which rows of the same id are told apart."""
    rows = np.ascontiguousarray(vectors, "<f4")
    sums = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(sums), "<i8").astype(np.int64)


def owner_of(engine: Engine) -> int | None:
    """Returns the number of the index that a collection belongs to; None where it belongs to none yet."""
    sums = engine.sums(OWNER, OWNER + 1)[1]
    return int(sums[0]) if len(sums) else None


def claim(engine: Engine, owner: int, dimension: int) -> None:
    """Says that a collection belongs to the index of a number."""
    # A vector of zeros: never nearer than what points where the query does, and passed over wherever it is found.
    engine.put(np.array([OWNER]), np.array([owner]), np.zeros((1, dimension), np.float32))


def listed(engine: Engine, newest: int) -> tuple[Int64, Int64]:
    """Returns ids (n,), ascending, and sums (n,) of all rows of images.

    newest: the largest id that is likely there, from which ranges of ids are halved until they have a page of rows.
    """
    ids, sums = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    ranges = [(first, last, engine.count(first, last)) for first, last in ((newest + 1, LAST), (FIRST, newest + 1))]
    while ranges:
        first, last, count = ranges.pop()
        if count > PAGE and last - first > 1:
            middle = (first + last) // 2
            before = engine.count(first, middle)
            ranges += [(middle, last, count - before), (first, middle, before)]
        elif count > 0:
            page = engine.sums(first, last)
            ids.append(page[0])
            sums.append(page[1])
    every, place = np.unique(np.concatenate(ids), return_index=True)
    return every, np.concatenate(sums)[place]


def expected(rows: VectorRows, progress: Progress | None = None) -> tuple[Int64, Int64]:
    """Returns ids (n,), ascending, and sums (n,) of the images that should be in a collection."""
    ids = rows.images
    sums = np.empty(len(ids), np.int64)
    for start in range(0, len(ids), PART):
        sums[start : start + PART] = sums_of(rows.descriptors(ids[start : start + PART]))
        if progress is not None:
            progress(min(start + PART, len(ids)), len(ids))
    return ids, sums


def are_among(ids: Int64, known: Int64) -> Mask:
    """Returns (n,) whether each of n ids is one of those that are known, which ascend."""
    place = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return known[place] == ids if len(known) else np.zeros(len(ids), np.bool_)


def compared(there: tuple[Int64, Int64], wanted: tuple[Int64, Int64]) -> Differences:
    """Returns the differences between ids and sums that are in a collection and those that should be."""
    missing = np.setdiff1d(wanted[0], there[0], assume_unique=True)
    surplus = np.setdiff1d(there[0], wanted[0], assume_unique=True)
    both, here, should = np.intersect1d(there[0], wanted[0], assume_unique=True, return_indices=True)
    return Differences(missing, surplus, both[there[1][here] != wanted[1][should]])
