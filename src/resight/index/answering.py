"""Queries to results: the ranking for a photo, or for several photos of one thing, as hits with what verifies them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from resight import arguments
from resight.arrays import Int64, Mask
from resight.errors import UsageError
from resight.folders.names import Name
from resight.folders.selection import names_within
from resight.index.asking import Asked, Failed, all_asked, ask, ask_many, most_at_once
from resight.index.collection import Collection
from resight.index.files import indexed_file
from resight.index.footage import Shots
from resight.index.mirroring import seen_mirrored, unmirrored
from resight.index.queries import Query
from resight.index.results import Hit, Result
from resight.rerank.geometry import project_box
from resight.search.ranking import Ranking
from resight.search.selection import best, best_of

TOGETHER = 100_000
"""Images of the ranking of each of several queries that are added up."""


@dataclass(frozen=True)
class Wanted:
    """Which images of a ranking are wanted: the k best of those that are allowed.

    include_self: the query's own names too. within: patterns, of which a name must match one if there are any; see
    `names_within`. among: (n,) catalogue ids that may be found, ascending; None for all that `within` leaves.
    min_score, min_inliers, min_probability: what a hit must have; a copy of the query is wanted whatever it has.
    """

    k: int = 20
    include_self: bool = False
    within: tuple[str, ...] = ()
    min_score: float | None = None
    min_inliers: int = 0
    min_probability: float = 0.0
    among: Int64 | None = None


def wanted_of(
    k: int,
    include_self: bool,
    within: str | Iterable[str],
    min_score: float | None,
    min_inliers: int,
    min_probability: float,
) -> Wanted:
    """Reads the part of a ranking that a person wants. Raises UsageError."""
    return Wanted(
        arguments.whole_number("k", k, least=1),
        arguments.flag("include_self", include_self),
        tuple(map(str, arguments.texts("within", within))),
        None if min_score is None else arguments.real_number("min_score", min_score),
        arguments.whole_number("min_inliers", min_inliers, least=0),
        arguments.share("min_probability", min_probability),
    )


@dataclass(frozen=True)
class _Found:
    """The ranking for one query. mirrored: images that were found by the mirrored query."""

    asked: Asked
    ranking: Ranking
    mirrored: frozenset[int]


def answer(collection: Collection, query: Query, wanted: Wanted, *, mirror: bool = False) -> Result:
    """Returns the best images for one query. Raises UsageError and ImageError."""
    allowed = allowed_images(collection, wanted)
    start = time.perf_counter()
    return _answered_alone(collection, ask(collection, query, mirror=mirror), wanted, allowed, start)


def answer_asked(collection: Collection, every: Sequence[Asked], wanted: Wanted) -> Result:
    """Returns the best images for one query that has been asked, or for several together. Raises UsageError."""
    allowed, start = allowed_images(collection, wanted), time.perf_counter()
    if len(every) == 1:
        return _answered_alone(collection, every[0], wanted, allowed, start)
    return _answered_together(collection, every, wanted, allowed, start)


def _answered_alone(collection: Collection, asked: Asked, wanted: Wanted, allowed: Mask | None, start: float) -> Result:
    certain = _certain(asked, allowed)
    depth = _depth(collection, wanted) + len(certain)
    (rankings,) = collection.rank_many([asked.versions], [depth], allowed, [certain])
    return _result(collection, _found(collection, asked, rankings), certain, wanted, start)


def answer_many(
    collection: Collection, queries: Iterable[Query], wanted: Wanted, *, mirror: bool = False
) -> Iterator[Result]:
    """Yields the best images for each of several queries, in their order; UsageError at once if none can be found.

    A query that is bad has a result with its error and no hits. As many queries are taken, and answered together, as
    `most_at_once` says: their photos are read on several threads and networks see them at once. Nothing goes on between
    two results. An error of the iterable itself is raised after the results of the queries before it.
    """
    return _answered(collection, iter(queries), wanted, mirror, allowed_images(collection, wanted))


def _answered(
    collection: Collection, queries: Iterator[Query], wanted: Wanted, mirror: bool, allowed: Mask | None
) -> Iterator[Result]:
    wrong: Exception | None = None
    while wrong is None:
        some, wrong = _taken(queries, most_at_once(collection))
        if not some:
            break
        start = time.perf_counter()
        every = ask_many(collection, some, mirror=mirror)
        asked = [one for one in every if isinstance(one, Asked)]
        certain = [_certain(one, allowed) for one in asked]
        depths = [_depth(collection, wanted) + len(own) for own in certain]
        rankings = collection.rank_many([one.versions for one in asked], depths, allowed, certain)
        answers = zip(asked, certain, rankings, strict=True)
        # What is done for all of them counts for each by an equal share.
        share = (time.perf_counter() - start) / len(some)
        for one in every:
            start = time.perf_counter() - share
            if isinstance(one, Failed):
                yield Result(one.title, one.box, [], share, error=one.error)
                continue
            _, own, ranked = next(answers)
            yield _result(collection, _found(collection, one, ranked), own, wanted, start)
    if wrong is not None:
        raise wrong


def _taken(queries: Iterator[Query], most: int) -> tuple[list[Query], Exception | None]:
    """Takes the next queries, and the error that came in the place of one: those before it can be answered first."""
    some: list[Query] = []
    try:
        # What came before an error stays in the list, as it would not by `list(...)`.
        some.extend(itertools.islice(queries, most))
    except Exception as error:
        return some, error
    return some, None


def answer_together(
    collection: Collection, queries: Iterable[Query], wanted: Wanted, *, mirror: bool = False
) -> Result:
    """Returns the best images for several photos of one thing.

    An image has the mean of its scores, the verification of the best query, and the largest of its probabilities.

    An image that a query does not find scores 0 there, or less where all that the query finds score less: never more
    than what it does find. What one photo of the thing makes sure is sure, whatever the others say. Raises UsageError
    and ImageError.
    """
    allowed = allowed_images(collection, wanted)
    start = time.perf_counter()
    return _answered_together(collection, all_asked(collection, iter(queries), mirror), wanted, allowed, start)


def _answered_together(
    collection: Collection, every: Sequence[Asked], wanted: Wanted, allowed: Mask | None, start: float
) -> Result:
    if not every:
        raise UsageError("no query was given; name at least one photo")
    own = frozenset().union(*(asked.own for asked in every))
    certain = _only(own.union(*(asked.copies for asked in every)), allowed)
    depth = max(TOGETHER, _depth(collection, wanted) + len(certain))
    each_own = [_certain(asked, allowed) for asked in every]
    rankings = collection.rank_many([asked.versions for asked in every], [depth] * len(every), allowed, each_own)
    found = [_found(collection, asked, ranked) for asked, ranked in zip(every, rankings, strict=True)]
    ids, means = mean_scores([one.ranking for one in found])
    ranking = _copies_first(collection, best(ids, means, len(ids), collection.name_order), certain)

    def hit_of(image: int, score: float) -> Hit:
        number = _best_query(found, image)
        hit = _hit(collection, found[number], image, score, certain)
        believed = max(hit.probability, *(one.ranking.probability.get(image, 0.0) for one in found))
        return replace(hit, query=number, probability=believed)

    hits = _wanted_hits(ranking, own, wanted, collection.shots, hit_of)
    title = " + ".join(asked.title for asked in every)
    note = "; ".join(f"{one.title}: {one.note}" for one in every if one.note)
    return Result(
        title,
        None,
        hits,
        time.perf_counter() - start,
        every[0].size,
        note=note,
        drawn=tuple(one.drawn for one in every),
    )


def allowed_images(collection: Collection, wanted: Wanted) -> Mask | None:
    """By catalogue id, the images that may be found; None where that is all of them. UsageError where it is none."""
    images = collection.snapshot.images
    if not len(images):
        if removed := collection.snapshot.choices.removed:
            raise UsageError(
                f"the index has no photos any more: {len(removed)} were removed from it; `resight remove --undo` and "
                "`resight update` bring them back"
            )
        raise UsageError("the index has no photos yet; add some with `resight add`")
    if not images.indexed.any():
        raise UsageError(f"none of the {len(images)} photos of the index could be read; add some that can")
    if wanted.min_inliers > 0 and not collection.recipe.counts_inliers:
        raise UsageError(
            f"{collection.recipe.name} verifies no hits, so that none has inliers; leave the least number of them out"
        )
    if not wanted.within and wanted.among is None:
        return None
    part = names_within(images.names, wanted.within) if wanted.within else np.ones(len(images), np.bool_)
    if not (part & images.indexed).any():
        raise UsageError(f"none of the {int(part.sum())} photos within {', '.join(wanted.within)} could be read")
    if wanted.among is not None:
        part = part & np.isin(images.ids, wanted.among)
    allowed = np.zeros(int(images.ids[-1]) + 1, np.bool_)
    allowed[images.ids[part & images.indexed]] = True
    return allowed


def _only(images: frozenset[int], allowed: Mask | None) -> frozenset[int]:
    return images if allowed is None else frozenset(image for image in images if allowed[image])


def _depth(collection: Collection, wanted: Wanted) -> int:
    """Returns the depth that is looked at: hits with enough inliers, or probable ones, may be anywhere."""
    anywhere = wanted.min_inliers > 0 or wanted.min_probability > 0
    return len(collection.snapshot.images) if anywhere else wanted.k * collection.shots.most_frames


def _wanted_hits(
    ranking: Ranking, own: frozenset[int], wanted: Wanted, shots: Shots, hit_of: Callable[[int, float], Hit]
) -> list[Hit]:
    """Returns the k best hits; of the frames of a shot the best is one, and has the names of the others."""
    hits: list[Hit] = []
    places: dict[tuple[str, int], int] = {}
    others: dict[int, list[str]] = {}
    # Behind the last hit come more frames of the shots of those before it, but not without end.
    enough = wanted.k * shots.most_frames
    for rank, (image, score) in enumerate(zip(ranking.ids.tolist(), ranking.scores.tolist(), strict=True), start=1):
        full = len(hits) == wanted.k
        if full and (not places or rank > enough):
            break
        if not wanted.include_self and image in own:
            continue
        hit = hit_of(image, score)
        if not (hit.copy or _is_enough(hit, wanted)):
            continue
        shot = shots.of(hit.name)
        if shot is not None and shot in places:
            others.setdefault(places[shot], []).append(hit.name)
        elif not full:
            if shot is not None:
                places[shot] = len(hits)
            hits.append(hit)
    return [replace(hit, others=tuple(others.get(place, ()))) for place, hit in enumerate(hits)]


def _is_enough(hit: Hit, wanted: Wanted) -> bool:
    return (
        (wanted.min_score is None or hit.score >= wanted.min_score)
        and (hit.inliers or 0) >= wanted.min_inliers
        and hit.probability >= wanted.min_probability
    )


def _certain(asked: Asked, allowed: Mask | None) -> frozenset[int]:
    """Returns the images that may be found and have the bytes of the query."""
    return _only(asked.own | asked.copies, allowed)


def _result(collection: Collection, found: _Found, certain: frozenset[int], wanted: Wanted, start: float) -> Result:
    """Returns the result of one query; start: of the clock by which its seconds are counted."""
    asked, ranking = found.asked, _copies_first(collection, found.ranking, certain)
    hits = _wanted_hits(
        ranking,
        asked.own,
        wanted,
        collection.shots,
        lambda image, score: _hit(collection, found, image, score, certain),
    )
    return Result(
        asked.title, asked.box, hits, time.perf_counter() - start, asked.size, note=asked.note, drawn=(asked.drawn,)
    )


def _found(collection: Collection, asked: Asked, rankings: Sequence[Ranking]) -> _Found:
    """Makes the ranking of a query from that of each of its versions."""
    if len(rankings) == 1:
        return _Found(asked, rankings[0], frozenset())
    plain, turned = rankings[0], unmirrored(rankings[1], asked.size[0])
    ranking = best_of([plain, turned], collection.name_order)
    return _Found(asked, ranking, seen_mirrored(plain, turned, ranking.verified))


def _copies_first(collection: Collection, ranking: Ranking, certain: frozenset[int]) -> Ranking:
    """The ranking with images that have the query's own bytes first: they are certain, whatever was found of them.

    Their score is just above the others, so that the scores alone tell the order.
    """
    if not certain:
        return ranking
    every = np.fromiter(certain, np.int64, len(certain))
    missing = np.setdiff1d(every, ranking.ids)
    missing = missing[np.argsort(collection.name_order(missing), kind="stable")]
    known = np.isin(ranking.ids, every)
    first = np.concatenate([ranking.ids[known], missing])
    top = np.nextafter(ranking.scores.max(), np.float32(np.inf)) if len(ranking) else np.float32(1.0)
    scores = np.concatenate([np.full(len(first), top, np.float32), ranking.scores[~known]])
    return replace(ranking, ids=np.concatenate([first, ranking.ids[~known]]), scores=scores)


def mean_scores(rankings: Sequence[Ranking]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(n,) all images of several rankings, and their mean scores; see `answer_together` for what one lacks."""
    ids = np.unique(np.concatenate([ranking.ids for ranking in rankings]))
    total = np.zeros(len(ids))
    for ranking in rankings:
        scores = np.full(len(ids), min(0.0, float(ranking.scores.min())) if len(ranking) else 0.0)
        scores[np.searchsorted(ids, ranking.ids)] = ranking.scores
        total += scores / len(rankings)
    return ids, total.astype(np.float32)


def _best_query(found: Sequence[_Found], image: int) -> int:
    """The query that an image is a copy of, or else that verified it, or else that finds it best."""

    def rate(number: int) -> tuple[bool, bool, float]:
        one = found[number]
        score = one.ranking.scores[one.ranking.ids == image]
        is_same = image in one.asked.own or image in one.asked.copies
        return is_same, image in one.ranking.verified, float(score[0]) if len(score) else -np.inf

    return max(range(len(found)), key=rate)


def _hit(collection: Collection, found: _Found, image: int, score: float, certain: frozenset[int]) -> Hit:
    place = int(collection.snapshot.images.positions(np.array([image]))[0])
    images, asked = collection.snapshot.images, found.asked
    hit = Hit(
        Name(images.names[place]),
        score,
        copy=image in certain,
        mirrored=image in found.mirrored,
        probability=1.0 if image in certain else found.ranking.probability.get(image, 0.0),
        file=indexed_file(collection.snapshot, place),
    )
    why = found.ranking.verified.get(image)
    if why is None:
        return replace(hit, box=found.ranking.boxes.get(image))
    size = (int(images.widths[place]), int(images.heights[place]))
    part = asked.box or (0.0, 0.0, float(asked.size[0]), float(asked.size[1]))
    box = project_box(why.transform, part, size)
    return replace(hit, inliers=why.inliers, transform=why.transform.tolist(), box=box, verification=why)
