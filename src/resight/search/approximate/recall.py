"""The effort of a query that reaches a recall: measured on drawn images, whose neighbours are found exactly.

Notes: a drawn image asks for the others, as a photo of the collection does; it is left out of its own neighbours, which
would be found always.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resight.arrays import Float32, Int64, Vectors
from resight.progress import Progress
from resight.search.approximate.source import Source
from resight.search.approximate.structure import FETCHED, Effort, Structure

NEAREST = 10
"""Neighbours that are to be found."""
DRAWN = 256
"""Images that ask: the recall of 10 of each has a standard error under 0.005 from 0.98 on."""
TIED = 64
"""Images that are looked at for others as near as the last neighbour."""
CANDIDATES = (16, 32, 64, 128, 256, 512, 1024, 2048)
"""Numbers of candidates that are tried, fewest first."""


def exact_neighbours(
    source: Source, drawn: Int64, nearest: int = NEAREST, progress: Progress | None = None
) -> list[Int64]:
    """Returns for each of (q,) positions of a source the positions of its nearest, and of all that are as near.

    Fewer than `nearest` where there are fewer others.
    """
    queries = source.rows.descriptors(source.ids[drawn])
    kept = min(TIED, max(1, len(source.ids) - 1))
    scores = np.full((len(drawn), kept), -np.inf, np.float32)
    places = np.full((len(drawn), kept), -1, np.int64)
    for start, vectors in source.parts():
        found = queries @ vectors.T
        own = (drawn >= start) & (drawn < start + len(vectors))
        found[np.flatnonzero(own), drawn[own] - start] = -np.inf
        scores, places = _merged(scores, places, found, start)
        if progress is not None:
            progress(start + len(vectors), len(source.ids))
    least = scores[:, min(nearest, kept) - 1]
    # Products of matrices round by their shape: what ties may differ in the last bits.
    near = (scores >= least[:, None] - 1e-6) & (places >= 0)
    return [row[here] for row, here in zip(places, near, strict=True)]


def _merged(scores: Float32, places: Int64, found: Float32, start: int) -> tuple[Float32, Int64]:
    """Returns the best of the best so far and of one part."""
    kept = scores.shape[1]
    if found.shape[1] > kept:
        chosen = np.argpartition(-found, kept - 1, axis=1)[:, :kept]
    else:
        chosen = np.broadcast_to(np.arange(found.shape[1]), found.shape)
    every = np.concatenate([scores, np.take_along_axis(found, chosen, axis=1)], axis=1)
    rows = np.concatenate([places, chosen + start], axis=1)
    order = np.argsort(-every, axis=1, kind="stable")[:, :kept]
    return np.take_along_axis(every, order, axis=1), np.take_along_axis(rows, order, axis=1)


def recall_of(candidates: Int64, near: Sequence[Int64], count: int, nearest: int = NEAREST) -> float:
    """Returns the share of the nearest that are among the first `count` candidates (q, c) of each; ties count once."""
    found = wanted = 0
    for row, those in zip(candidates, near, strict=True):
        most = min(nearest, len(those))
        found += min(most, int(np.isin(row[:count], those).sum()))
        wanted += most
    return found / wanted if wanted else 1.0


def steered(
    structure: Structure, queries: Vectors, near: Sequence[Int64], target: float, progress: Progress | None = None
) -> Effort:
    """Returns the effort that costs least of those by which a structure reaches the recall; or what finds most.

    queries: (q, d); near: of each, positions in the structure of its neighbours, see `exact_neighbours`. The query's
    own image takes a candidate's place, as it does in a search.
    """
    ladder = [1 << power for power in range(structure.most.bit_length()) if 1 << power < structure.most]
    ladder = sorted(
        {*ladder, *(3 * probes // 2 for probes in ladder if 3 * probes // 2 < structure.most), structure.most}
    )
    best: Effort | None = None
    most = Effort(1, 1, 0.0)
    for number, probes in enumerate(ladder, start=1):
        if best is not None and structure.cost(probes) > _cost(structure, best):
            break
        for one in _efforts(structure, queries, near, probes):
            most = max(most, one, key=lambda effort: effort.recall)
            if one.recall >= target and (best is None or _cost(structure, one) < _cost(structure, best)):
                best = one
        if progress is not None:
            progress(number, len(ladder))
    return best or most


def _efforts(structure: Structure, queries: Vectors, near: Sequence[Int64], probes: int) -> list[Effort]:
    """Returns what is found by so many probes, with few candidates and with more."""
    reach = structure.reach(probes)
    candidates = structure.search(queries, reach, probes)
    counts = [count for count in CANDIDATES if count < reach] + [reach]
    return [Effort(probes, count, recall_of(candidates, near, count)) for count in counts]


def _cost(structure: Structure, effort: Effort) -> float:
    """Returns the cost of an effort, in vectors that are compared one after the other."""
    return structure.cost(effort.probes) + FETCHED * effort.candidates
