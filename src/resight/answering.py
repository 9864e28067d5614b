"""Queries to results: a photo, a part of it, an indexed image, or several photos of one thing."""

from __future__ import annotations

import difflib
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resight.errors import ImageError, UsageError
from resight.extraction import content_hash, query_features
from resight.images import Box, Decoded, check_box, decode_bytes, displayed, read_bytes
from resight.reader import Reader
from resight.rerank.geometry import project_box
from resight.results import Hit, Result
from resight.search.ranking import Ranking, Verification

Source = str | Path | NDArray[np.uint8]

REDUCED_SIDE = 5000
"""Long side at which a photo is decoded whose box is asked for and which is too large to be decoded whole."""
NAMES_COMPARED = 100_000
"""Most names among which the nearest to a wrong one is looked for, which takes a second."""


@dataclass(frozen=True)
class Asked:
    """A query as every channel compares it. itself: ids of indexed images with the same content."""

    title: str
    box: Box | None
    size: tuple[int, int]
    queries: Mapping[str, object]
    itself: frozenset[int]


def answer(reader: Reader, query: Source, *, box: Box | None, k: int, include_self: bool) -> Result:
    """The k best images for one query. Raises UsageError and ImageError."""
    _check(reader, k)
    start = time.perf_counter()
    asked = ask(reader, query, box)
    hidden = frozenset() if include_self else asked.itself
    ranking = _itself_first(reader.rank(asked.queries, k + len(asked.itself)), asked.itself)
    hits = [_hit(reader, asked, ranking, row) for row in _kept(ranking, hidden, k)]
    return Result(asked.title, asked.box, hits, time.perf_counter() - start, asked.size)


def answer_together(
    reader: Reader, queries: Sequence[tuple[Source, Box | None]], *, k: int, include_self: bool
) -> Result:
    """The k best images for several photos of one thing: the mean of the scores, the evidence of the best query, the
    largest of the probabilities.

    An image that a query does not find scores 0 there. Raises UsageError and ImageError.
    """
    _check(reader, k)
    if not queries:
        raise UsageError("no query was given; name at least one photo")
    start = time.perf_counter()
    every = [ask(reader, query, box) for query, box in queries]
    hidden = frozenset().union(*(asked.itself for asked in every)) if not include_self else frozenset()
    depth = max(1000, k + len(hidden))
    rankings = [reader.rank(asked.queries, depth) for asked in every]
    total: dict[int, float] = {}
    best: dict[int, tuple[bool, float, int]] = {}
    for number, ranking in enumerate(rankings):
        for image, score in zip(ranking.ids.tolist(), ranking.scores.tolist(), strict=True):
            total[image] = total.get(image, 0.0) + score / len(rankings)
            best[image] = max(best.get(image, (False, 0.0, 0)), (image in ranking.evidence, score, number))
    names = {image: reader.name_of(image) for image in total}
    order = sorted((image for image in total if image not in hidden), key=lambda image: (-total[image], names[image]))
    hits = []
    for image in order[:k]:
        number = best[image][2]
        why = rankings[number].evidence.get(image)
        # What one photo of the thing makes sure is sure, whatever the others say.
        certain = any(image in asked.itself for asked in every)
        believed = 1.0 if certain else max(one.probability.get(image, 0.0) for one in rankings)
        hit = _described(reader, every[number], image, total[image], why)
        hits.append(replace(hit, query=number, probability=believed))
    title = " + ".join(asked.title for asked in every)
    return Result(title, None, hits, time.perf_counter() - start, every[0].size)


def ask(reader: Reader, query: Source, box: Box | None) -> Asked:
    """Turns what a person asks with into what the channels compare. Raises UsageError and ImageError."""
    images = reader.snapshot.images
    if isinstance(query, str):
        if query in images.by_name:
            return _indexed(reader, query, box)
        if not os.path.exists(query):
            raise UsageError(
                f"{displayed(query)}: neither a file nor the name of an indexed photo{nearest(query, images.names)}"
            )
        query = Path(query)
    if isinstance(query, Path):
        title, data = displayed(query), read_bytes(query)
        key = content_hash(data)
        itself = frozenset(int(images.ids[i]) for i, known in enumerate(images.hashes) if known == key)
        decoded = decode_bytes(data, title, _side(reader)) if box is None else decode_whole(data, title)
    else:
        pixels = np.ascontiguousarray(query)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise UsageError(f"the query is an array of {pixels.dtype} {pixels.shape}; it must be uint8 (H, W, 3) RGB")
        title, itself, decoded = "array", frozenset(), Decoded(pixels, (pixels.shape[1], pixels.shape[0]))
    # A part is a photo of its own: what its features may be off is measured by the part.
    size = decoded.size
    if box is not None:
        box = check_box(box, decoded.size)
        size = (math.ceil(box[2] - box[0]), math.ceil(box[3] - box[1]))
    queries = {}
    for name, channel in reader.channels.items():
        queries[name] = channel.query(query_features(decoded, channel.extractor, box), size)
    return Asked(title, box, decoded.size, queries, itself)


def _indexed(reader: Reader, name: str, box: Box | None) -> Asked:
    """An indexed photo asks with its file if that is as it was indexed, else with what the index keeps of it."""
    images = reader.snapshot.images
    place = images.by_name[name]
    image = int(images.ids[place])
    size = (int(images.widths[place]), int(images.heights[place]))
    if not images.indexed[place]:
        raise UsageError(f"{name}: this photo could not be read when it was indexed: {images.reasons[place]}")
    path = reader.file_of(place)
    if path is not None:
        asked = ask(reader, path, box)
        return replace(asked, title=name, itself=asked.itself | {image})
    if box is not None:
        raise UsageError(f"{name}: its file is gone or has changed, so that it cannot be asked with a box")
    queries = {name_: view.kept_query(image) for name_, view in reader.views.items()}
    return Asked(name, None, size, queries, frozenset({image}))


def decode_whole(data: bytes, title: str) -> Decoded:
    """A photo of which a part is wanted, whole, because a reduced one has lost the details of a small part.

    One over the limit of pixels is reduced, which JPEGs can be while they are decoded. Raises ImageError.
    """
    try:
        return decode_bytes(data, title)
    except ImageError:
        return decode_bytes(data, title, REDUCED_SIDE)


def _check(reader: Reader, k: int) -> None:
    if k < 1:
        raise UsageError(f"k is {k}: ask for at least one hit")
    images = reader.snapshot.images
    if not len(images):
        raise UsageError("the index has no photos yet; add some with `resight add`")
    if not images.indexed.any():
        raise UsageError(f"none of the {len(images)} photos of the index could be read; add some that can")


def nearest(name: str, names: Sequence[str]) -> str:
    """The end of a message about a name that is not there."""
    near = difflib.get_close_matches(name, names, n=1) if len(names) <= NAMES_COMPARED else []
    return f'; the nearest name is "{near[0]}"' if near else ""


def _side(reader: Reader) -> int:
    return max(channel.extractor.max_side for channel in reader.channels.values())


def _itself_first(ranking: Ranking, itself: frozenset[int]) -> Ranking:
    """A photo with the query's own content is certain, whatever a second look credits others with.

    Its score is just above the others, so that the scores alone tell the order.
    """
    own = np.isin(ranking.ids, np.fromiter(itself, np.int64, len(itself)))
    if not own.any():
        return ranking
    order = np.argsort(~own, kind="stable")
    scores = np.where(own, np.nextafter(ranking.scores.max(), np.float32(np.inf)), ranking.scores)
    certain = dict.fromkeys(ranking.ids[own].tolist(), 1.0)
    return replace(
        ranking, ids=ranking.ids[order], scores=scores[order], probability={**ranking.probability, **certain}
    )


def _kept(ranking: Ranking, hidden: frozenset[int], k: int) -> list[int]:
    return [row for row, image in enumerate(ranking.ids.tolist()) if image not in hidden][:k]


def _hit(reader: Reader, asked: Asked, ranking: Ranking, row: int) -> Hit:
    image = int(ranking.ids[row])
    score, believed = float(ranking.scores[row]), ranking.probability[image]
    return replace(_described(reader, asked, image, score, ranking.evidence.get(image)), probability=believed)


def _described(reader: Reader, asked: Asked, image: int, score: float, why: Verification | None) -> Hit:
    name = reader.name_of(image)
    if why is None:
        return Hit(name, score)
    place = int(reader.snapshot.images.positions(np.array([image]))[0])
    size = (int(reader.snapshot.images.widths[place]), int(reader.snapshot.images.heights[place]))
    part = asked.box or (0.0, 0.0, float(asked.size[0]), float(asked.size[1]))
    found = project_box(why.transform, part, size)
    return Hit(name, score, why.inliers, why.transform.tolist(), found, why)
