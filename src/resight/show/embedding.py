"""Places the photos of an index as points in the plane: which are drawn, where, and what is known of each."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resight.arrays import Float32, Float64, Int64, Pixels, Vectors
from resight.errors import ImageError, UsageError
from resight.images import decode, resize
from resight.index.asking import Asked, ask
from resight.index.collection import Collection
from resight.index.queries import Query, QueryPhoto, photo_of
from resight.manifold.embedding import Method, embed
from resight.progress import NamedProgress
from resight.recipe import Recipe, load_recipe, recipes
from resight.show.neighbours import by_distance, by_manifold

MOST = 1000
"""Photos that are drawn by default; the distances of all pairs are held in memory."""
NEIGHBOURS = 10
"""Neighbours of a query that are marked, of each kind."""
PICTURES_BYTES = 12_000_000
"""Approximate size of all thumbnails of a page together."""
SMALLEST, LARGEST = 96, 320
"""Limits of the longest side of thumbnails in pixels."""

_BYTES_A_PIXEL = 0.25

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlacedPhoto:
    """A photo in the plane. x, y: from 0 to 1, y down; image: (h, w, 3) uint8 RGB, or None where it cannot be read.

    euclidean, manifold: its rank among the query's neighbours of each kind, from 1, or 0.
    """

    name: str
    group: str
    x: float
    y: float
    image: Pixels | None
    is_query: bool = False
    euclidean: int = 0
    manifold: int = 0


@dataclass(frozen=True)
class Plane:
    """Photos in the plane: `drawn` of the `total` in the index, and a query that need not be one of them."""

    photos: Sequence[PlacedPhoto]
    drawn: int
    total: int
    method: Method

    @property
    def query(self) -> PlacedPhoto | None:
        """The query photo, if any."""
        return next((photo for photo in self.photos if photo.is_query), None)


@dataclass(frozen=True)
class _Query:
    """A query.

    name, vector: of the query photo; row: in the index, None for another photo.
    """

    name: str
    vector: Vectors
    row: int | None
    photo: QueryPhoto


def top_folder(name: str) -> str:
    """Returns the group of a photo by its name: the first folder, "" where it is in none."""
    folder, slash, _ = name.partition("/")
    return folder if slash else ""


def thumbnail_side(count: int) -> int:
    """Returns the longest side in pixels at which `count` photos take about `PICTURES_BYTES`."""
    side = (PICTURES_BYTES / max(count, 1) / _BYTES_A_PIXEL) ** 0.5
    return int(min(max(side, SMALLEST), LARGEST))


def plane_of(
    collection: Collection,
    *,
    method: Method,
    seed: int = 0,
    most: int = MOST,
    query: Query | None = None,
    neighbours: int = NEIGHBOURS,
    groups: Mapping[str, str] | None = None,
    progress: NamedProgress | None = None,
) -> Plane:
    """Places at most `most` photos of an index, drawn by seed, in the plane by their descriptors.

    query: it and its `neighbours` nearest, by distance and along the manifold, are always drawn; an indexed photo with
    a mask or a box is another photo, and has a place of its own. groups: the group of each photo by name; by default
    the first folder of the name.

    Raises UsageError where the recipe keeps no single vector per image, there is no photo, `most` or `neighbours` is
    below 1, or there is no such query; ImageError where the query cannot be read.
    """
    if most < 1 or neighbours < 1:
        raise UsageError(f"{most} photos, {neighbours} neighbours: both must be at least 1")
    names, vectors = descriptors_of(collection)
    asked = None if query is None else _asked(collection, query, names, vectors)
    euclidean: list[int] = []
    manifold: list[int] = []
    if asked is not None:
        euclidean = by_distance(vectors, asked.vector, asked.row, neighbours)
        manifold = by_manifold(vectors, asked.vector, asked.row, neighbours, progress)
        if len(manifold) < min(neighbours, len(names) - (asked.row is not None)):
            _log.warning("the manifold of %s has %d other photos in the graph of neighbours", asked.name, len(manifold))
    inside = {*euclidean, *manifold}
    if asked is not None and asked.row is not None:
        inside.add(asked.row)
    rows = _drawn(len(names), most, inside, seed)
    outside = asked if asked is not None and asked.row is None else None
    shown = vectors[rows] if outside is None else np.concatenate([vectors[rows], outside.vector[None]])
    if progress is not None:
        progress("embedding", 0, 1)
    xy = _unit(embed(shown, method, seed))
    side = thumbnail_side(len(shown))
    group = (lambda name: groups.get(name, "")) if groups is not None else top_folder
    photos = []
    for place, row in enumerate(rows.tolist()):
        if progress is not None:
            progress("reading photos", place, len(rows))
        name, (x, y) = names[row], xy[place].tolist()
        pixels = _pixels(collection.file_of(collection.snapshot.images.by_name[name]), side)
        itself = asked is not None and asked.row == row
        ranks = _rank(euclidean, row), _rank(manifold, row)
        photos.append(PlacedPhoto(name, group(name), x, y, pixels, itself, *ranks))
    if outside is not None:
        x, y = xy[-1].tolist()
        photos.append(PlacedPhoto(outside.name, "", x, y, _query_pixels(outside.photo, side), is_query=True))
    return Plane(photos, len(rows), len(names), method)


def descriptors_of(collection: Collection) -> tuple[list[str], Vectors]:
    """Returns the sorted names of an index's photos, and descriptors (n, d) of the first channel with one per image.

    Raises UsageError where no channel has one, or there is no photo.
    """
    view = collection.vector_view(_channel(collection))
    images = collection.snapshot.images
    ids = view.images
    if not len(ids):
        raise UsageError("the index has no photos that could be read; add some with `resight add`")
    named = [images.names[place] for place in images.positions(ids).tolist()]
    order = sorted(range(len(named)), key=named.__getitem__)
    # A photo without evidence is not in the search structure: its vector is zero.
    searched = np.isin(ids, view.nodes().images)
    vectors = np.zeros((len(ids), view.channel.size), np.float32)
    vectors[searched] = view.descriptors(ids[searched])
    vectors = vectors[order]
    empty = int((~vectors.any(axis=1)).sum())
    if empty:
        _log.warning("%d photos have no features; they lie at one point, whatever they show", empty)
    return [named[place] for place in order], vectors


def _channel(collection: Collection) -> str:
    if not collection.channels:
        raise UsageError("the index has no photos yet; add some with `resight add`")
    found = _vector_channel(collection.recipe)
    if found is not None:
        return found
    can = [one.name for one in recipes() if _vector_channel(load_recipe(one.name))]
    raise UsageError(
        f"{collection.recipe.name} keeps no single vector of an image to place it by; these recipes do: "
        f"{', '.join(can)}"
    )


def _vector_channel(recipe: Recipe) -> str | None:
    return next((name for name, channel in recipe.channel.items() if channel.keeps_one_vector), None)


def _asked(collection: Collection, query: Query, names: Sequence[str], vectors: Vectors) -> _Query:
    """Returns the query.

    An indexed photo, also one given by its file, has its indexed descriptor unless a part of it is asked for or it has
    another mask.
    """
    photo = photo_of(collection, query)
    how = " and ".join(word for word, one in (("a box", query.box), ("a mask", query.mask)) if one is not None)
    if not how and photo.place is not None:
        row = names.index(photo.title)
        return _Query(photo.title, vectors[row], row, photo)
    asked = ask(collection, query)
    if how:
        return _Query(f"{asked.title} (with {how})", _vector(collection, asked), None, photo)
    known = asked.own or asked.copies
    if known:
        row = min(names.index(collection.name_of(image)) for image in known)
        return _Query(names[row], vectors[row], row, photo)
    return _Query(asked.title, _vector(collection, asked), None, photo)


def _vector(collection: Collection, asked: Asked) -> Vectors:
    vector: Any = asked.versions[0][_channel(collection)]
    return np.asarray(vector, np.float32)


def _drawn(count: int, most: int, inside: set[int], seed: int) -> Int64:
    """Returns sorted rows: those of `inside`, and others by seed up to `most`."""
    kept = np.array(sorted(inside), np.int64)
    others = np.setdiff1d(np.arange(count), kept)
    room = max(most - len(kept), 0)
    if room < len(others):
        others = np.random.default_rng(seed).choice(others, room, replace=False)
    return np.sort(np.concatenate([kept, others]))


def _unit(xy: Float32) -> Float64:
    """Scales positions into the unit square, centred, with their proportions, y down."""
    low, high = xy.min(axis=0).astype(np.float64), xy.max(axis=0).astype(np.float64)
    span = float((high - low).max())
    return np.asarray(0.5 + (xy - (low + high) / 2) * (1.0, -1.0) / (span if span > 0 else 1.0), np.float64)


def _rank(order: Sequence[int], row: int) -> int:
    return order.index(row) + 1 if row in order else 0


def _pixels(file: Path | None, side: int) -> Pixels | None:
    """Returns a thumbnail, or None where the file is gone, has changed or cannot be read."""
    try:
        return None if file is None else decode(file, max_side=side).pixels
    except ImageError:
        return None


def _query_pixels(photo: QueryPhoto, side: int) -> Pixels | None:
    """Returns a thumbnail of the whole query photo, or None where it cannot be read any more."""
    try:
        return resize(photo.read(side)[0].pixels, side)
    except ImageError:
        return None
