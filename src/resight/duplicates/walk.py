"""The walk over an index: each photo asks with what is kept of it, and what it finds is verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from resight.arrays import Int64
from resight.cores import cores
from resight.duplicates.agreement import Agreement, agreement
from resight.duplicates.grouping import Pair
from resight.progress import Progress
from resight.rerank.geometry import tolerance
from resight.rerank.hypotheses import Gates
from resight.rerank.kinds import Spatial
from resight.rerank.significance import chance, log_false_alarms
from resight.rerank.spatial import MOST, matched, tentative
from resight.search.ranking import Searcher
from resight.words.evidence import ImageWords

DEPTH = 60
"""Most photos of a ranking that are verified with the one that asks."""
PATIENCE = 6
"""Photos in a row that have nothing in common with the one that asks, after which it looks no further."""
POSTINGS = 2_000_000
"""Entries of posting lists that a photo may read. One with more words asks by its rarest."""


@dataclass(frozen=True)
class Walked:
    """The result of a walk.

    It has the agreements by pair of places in the given images, the lower place first, and how many pairs were
    verified.
    """

    found: dict[Pair, Agreement]
    verified: int


def walk(
    searcher: Searcher[ImageWords],
    lengths: Int64,
    words_of: Callable[[int], ImageWords],
    images: Sequence[int],
    params: Spatial,
    counts: Callable[[Agreement], bool],
    progress: Progress | None = None,
) -> Walked:
    """Verifies each of some images, by catalogue id, with those of them that its words find, the most similar first.

    lengths: (words,) entries of the posting list of each word. words_of: what is kept of an image. counts: whether an
    agreement says anything; an image stops to look after `PATIENCE` pairs in a row that say nothing. Of a pair the
    image that is given first is the first, so that the result depends on nothing but the order of images.
    The work for an image is bounded: `POSTINGS` entries read, `DEPTH` pairs verified. `progress` is told how many
    images of how many have asked.
    """
    allowed = np.zeros(max(images, default=0) + 1, np.bool_)
    allowed[list(images)] = True
    place = {image: number for number, image in enumerate(images)}
    seen: dict[Pair, Agreement | None] = {}

    def ask(image: int) -> None:
        words = rarest(words_of(image), lengths, POSTINGS)
        misses = 0
        for other in searcher.search(words, DEPTH + 1, allowed).ids.tolist():
            if other == image:
                continue
            pair = (min(place[image], place[other]), max(place[image], place[other]))
            if pair not in seen:
                # Two threads may do this at once; both find the same.
                first, second = (words_of(images[number]) for number in pair)
                seen[pair] = compared(first, second, params)
            known = seen[pair]
            misses = 0 if known is not None and counts(known) else misses + 1
            if misses == PATIENCE:
                return

    with ThreadPoolExecutor(cores()) as pool:
        for done, _ in enumerate(pool.map(ask, images), start=1):
            if progress is not None:
                progress(done, len(images))
    found = {pair: known for pair, known in sorted(seen.items()) if known is not None and counts(known)}
    return Walked(found, len(seen))


def compared(a: ImageWords, b: ImageWords, params: Spatial) -> Agreement | None:
    """Returns the agreement of two images, or None where no transform joins them."""
    given = tentative(a, b, params)
    match = None if given is None else matched(given, a, b, params)
    if given is None or match is None or abs(np.linalg.det(match.transform)) < np.finfo(np.float64).tiny:
        return None
    by_chance = chance(b.size, tolerance(b.size, params.tolerance), Gates())
    return agreement(
        match.transform,
        given.query_xy[match.inliers],
        given.image_xy[match.inliers],
        (a.xy, b.xy),
        (a.size, b.size),
        MOST,
        log_false_alarms(len(given), match.count, by_chance, params.model),
    )


def rarest(words: ImageWords, lengths: Int64, most: int) -> ImageWords:
    """Returns an image with its rarest words alone, whose posting lists have at most `most` entries together.

    lengths: (codebook,) entries of each list. The rarest word stays however long its list is.
    """
    distinct, place = np.unique(words.words, return_inverse=True)
    order = np.argsort(lengths[distinct], kind="stable")
    fits = np.cumsum(lengths[distinct][order]) <= most
    if fits.all():
        return words
    fits[:1] = True
    kept = np.zeros(len(distinct), np.bool_)
    kept[order[fits]] = True
    rows = kept[place]
    return replace(
        words,
        words=words.words[rows],
        features=words.features[rows],
        weights=None if words.weights is None else words.weights[rows],
        signatures=None if words.signatures is None else words.signatures[rows],
        aggregated=None if words.aggregated is None else words.aggregated[kept],
    )
