"""The photos of an index that training can read, in the order of their names, and links of geometry between them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from resight.arrays import Int64
from resight.cores import cores
from resight.errors import UsageError
from resight.folders.walking import escape_name
from resight.index.collection import Collection
from resight.index.views import WordView
from resight.manifold.kinds import LINKS, PhotoLinks
from resight.manifold.linking import Candidates, LinkBlocks, counted, find_candidates, pack
from resight.manifold.links import link_table
from resight.progress import NamedProgress
from resight.search.derived import stamp
from resight.training.mining.kinds import Geometry
from resight.training.mining.pairs import Links, merged_links
from resight.training.tuples import Photo
from resight.versions import versions

_log = logging.getLogger(__name__)

EVERY = 1_000_000
"""More links than any photo has: all of them count for what may not be a negative."""


@dataclass(frozen=True)
class Photos:
    """Photos of an index, of each content one: row i is the i-th name in order.

    ids: (n,) int64 of the catalogue. names: (n). entries: (n) with the file and hash of each, in clusters of one.
    notes: what was left out, for a person.
    """

    ids: Int64
    names: Sequence[str]
    entries: Sequence[Photo]
    notes: Sequence[str]
    copies: Mapping[int, int]
    """Row of each photo's content by the id of the photo, also of the copies that have no row of their own."""

    def rows(self, ids: Int64) -> Int64:
        """Returns (m,) the rows of what photos of these ids show; -1 of one that was left out."""
        return np.array([self.copies.get(image, -1) for image in ids.tolist()], np.int64)

    def table(self, clusters: Sequence[int] | Int64) -> dict[str, Photo]:
        """Returns the photos by name, in these clusters (n)."""
        return {
            name: Photo(entry.file, entry.hash, int(cluster))
            for name, entry, cluster in zip(self.names, self.entries, clusters, strict=True)
        }


def readable_photos(collection: Collection) -> Photos:
    """Returns the photos that training can read: those whose files are where they were, and as they were.

    Of files with the same bytes the first name counts: a copy teaches nothing, and is no other thing. Raises UsageError
    where none is left.
    """
    images = collection.snapshot.images
    names, hashes = list(images.names), list(images.hashes)
    ids: list[int] = []
    kept: list[str] = []
    entries: list[Photo] = []
    row_of: dict[str, int] = {}
    copies: dict[int, int] = {}
    gone = again = masked = 0
    for place in sorted(np.flatnonzero(images.indexed).tolist(), key=names.__getitem__):
        image, key = int(images.ids[place]), hashes[place] or names[place]
        if key in row_of:
            copies[image] = row_of[key]
            again += 1
            continue
        file = collection.file_of(place)
        if file is None:
            gone += 1
            continue
        masked += bool(images.masks[place])
        copies[image] = row_of[key] = len(kept)
        ids.append(image)
        kept.append(names[place])
        entries.append(Photo(escape_name(str(file.absolute())), hashes[place], len(entries)))
    notes = []
    if again:
        notes.append(f"{again} photos have the same bytes as others and were left out")
    if gone:
        notes.append(f"{gone} photos are gone or have changed since they were indexed: run `resight update`")
    if masked:
        notes.append(f"{masked} photos have masks, which training does not look at")
    if not kept:
        told = f" ({'; '.join(notes)})" if notes else ""
        raise UsageError(f"the index has no photo that training could read{told}: add photos, or run `resight update`")
    return Photos(np.array(ids, np.int64), kept, entries, notes, copies)


def word_channel(collection: Collection, channel: str) -> str | None:
    """Returns the channel of words that is meant: the named one, else the first. None where none is named or there.

    Raises UsageError where a channel is named that has no words.
    """
    views = collection.views
    if channel and not isinstance(views.get(channel), WordView):
        raise UsageError(
            f"channel {channel!r} of {collection.recipe.name} has no words with positions; its channels are "
            + ", ".join(views)
        )
    return channel or next((name for name, view in views.items() if isinstance(view, WordView)), None)


def photo_links(
    collection: Collection, photos: Photos, channel: str, params: Geometry, progress: NamedProgress | None = None
) -> Links:
    """Returns the links between photos by the words of a channel: those that the index keeps, and those it lacks."""
    view = collection.word_view(channel)
    kept: LinkBlocks | None = view.kept(LINKS) if LINKS in view.derived else None
    blocks = [] if kept is None else list(kept.blocks)
    live = view.images
    lacking = live if kept is None else np.setdiff1d(live, np.concatenate([live[:0], *(one["ids"] for one in blocks)]))
    old = sum(int((block["seen"][rows] != stamp(live)).any(axis=1).sum()) for block, rows in counted(blocks, live))
    if old:
        _log.warning("%d photos were linked when other photos were in the index: run `resight update` before", old)
    if len(lacking):
        blocks.insert(0, pack(_asked(view, lacking, params, progress), lacking, stamp(live)))
    table = link_table(LinkBlocks(blocks, live), EVERY)
    sources = photos.rows(np.repeat(table.images, np.diff(table.offsets)))
    others = photos.rows(table.images[table.others])
    return merged_links(len(photos.names), sources, others, table.inliers.astype(np.int64), params.weak)


def provenance(collection: Collection, params: Any) -> dict[str, Any]:
    """Returns where tuples come from: the recipe of the index, the parameters of mining, and versions."""
    return {
        "recipe": collection.recipe.name,
        "images": len(collection.snapshot.images),
        "parameters": params.model_dump(mode="json"),
        "versions": versions(["resight", "numpy"]),
    }


def _asked(view: WordView, images: Int64, params: Geometry, progress: NamedProgress | None) -> list[Candidates]:
    """Lets photos ask for the others, as an index does that keeps links."""
    asking = PhotoLinks(params.candidates, params.probe, params.min_inliers)
    found: list[Candidates] = []
    with ThreadPoolExecutor(cores()) as pool:
        for one in pool.map(find_candidates, images.tolist(), repeat(view), repeat(asking), repeat({})):
            found.append(one)
            if progress is not None:
                progress("verifying pairs", len(found), len(images))
    return found
