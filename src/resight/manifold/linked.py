"""The neighbours of an index's images, kept with it and brought up to date when photos come and go.

They are the derived structure `neighbours` of a channel.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from resight.arrays import Array, Float32, Int32, Int64
from resight.cores import cores
from resight.kernels.soundness import finite, misshapen, shared_out
from resight.learned.kinds import Keeps
from resight.manifold.approximate import approximate_neighbours
from resight.manifold.graph import Neighbours, nearest_neighbours, with_added, without
from resight.manifold.kinds import Diffusion
from resight.manifold.solving import prepare
from resight.progress import Progress, Say
from resight.search.derived import Shelf, Site, stamp
from resight.search.looks import Neighbourhoods
from resight.search.ranking import Ranking

_PREPARED = "prepared-"
_NAMES = ("images", "ids", "similarities", "seen")
EXACT = 100_000
"""Vectors up to which all are compared with all: half a minute on two cores, and four times that for twice as many."""
ADDED = 256
"""Added images whose similarities to all others are in memory at once."""

_log = logging.getLogger(__name__)


class Nodes(Protocol):
    """The nodes of a graph and how they are compared."""

    @property
    def images(self) -> Int64:
        """(n,) the image of each node, ascending."""
        ...

    def neighbours(self, k: int, progress: Progress | None) -> Neighbours:
        """The k nearest of each node."""
        ...

    def without(self, known: Neighbours, images: Int64, gone: Int64) -> Neighbours:
        """`known` of nodes of `images` without the rows `gone`, of which the nodes here are what remains, or more."""
        ...

    def with_added(self, known: Neighbours, progress: Progress | None) -> Neighbours:
        """`known` of the first nodes here with the others."""
        ...


@dataclass(frozen=True)
class VectorNodes:
    """Nodes that are compared by the inner product of vectors (n, d).

    Notes: up to `EXACT` exactly. Of more, those that come later are compared with all nevertheless, and what has lost a
    neighbour searches all.
    """

    images: Int64
    vectors: Float32

    def neighbours(self, k: int, progress: Progress | None) -> Neighbours:
        if len(self.vectors) <= EXACT:
            return nearest_neighbours(self.vectors, k, progress)
        found, recall = approximate_neighbours(self.vectors, k, progress=progress)
        _log.warning(
            "of %d vectors not all were compared with all: of the nearest of each, %.1f %% were found",
            len(self.vectors),
            100 * recall,
        )
        return found

    def without(self, known: Neighbours, images: Int64, gone: Int64) -> Neighbours:
        before = np.zeros((len(images), self.vectors.shape[1]), np.float32)
        kept = np.setdiff1d(np.arange(len(images)), gone)
        before[kept] = self.vectors[: len(kept)]
        return without(known, gone, before)

    def with_added(self, known: Neighbours, progress: Progress | None) -> Neighbours:
        return with_added(known, self.vectors[: len(known)], self.vectors[len(known) :])


@dataclass(frozen=True)
class SearchedNodes:
    """Images that are compared by searching for each: `search` is given an image and how many are wanted.

    Notes: a search weighs words by how many images have them now. Images that were compared earlier keep the
    similarities of then, until the lists are made anew.
    """

    images: Int64
    search: Callable[[int, int], Ranking]

    def neighbours(self, k: int, progress: Progress | None) -> Neighbours:
        return self._lists(np.arange(len(self.images)), k, progress)

    def without(self, known: Neighbours, images: Int64, gone: Int64) -> Neighbours:
        kept = np.setdiff1d(np.arange(len(images)), gone)
        number = np.full(len(images) + 1, -1, np.int32)
        number[kept] = np.arange(len(kept))
        ids = number[known.ids[kept]]
        order = np.argsort(ids < 0, axis=1, kind="stable")
        ids = np.take_along_axis(ids, order, axis=1)
        similarities = np.where(ids >= 0, np.take_along_axis(known.similarities[kept], order, axis=1), np.float32(0))
        lost = np.flatnonzero((ids < 0).sum(axis=1) > (known.ids[kept] < 0).sum(axis=1))
        # What is searched here may have come since, and is added later.
        come = len(self.images) - len(kept)
        again = _first(self._lists(lost, known.k + come, None), len(kept), known.k)
        ids[lost], similarities[lost] = again.ids, again.similarities
        return Neighbours(ids, similarities)

    def with_added(self, known: Neighbours, progress: Progress | None) -> Neighbours:
        old, n, k = len(known), len(self.images), known.k
        ids = np.concatenate([known.ids, np.full((n - old, k), -1, np.int32)])
        similarities = np.concatenate([known.similarities, np.zeros((n - old, k), np.float32)])
        for start in range(old, n, ADDED):
            rows = np.arange(start, min(start + ADDED, n))
            every = self._lists(rows, n - 1, None)
            width = min(k, n - 1)
            ids[rows, :width], similarities[rows, :width] = every.ids[:, :width], every.similarities[:, :width]
            _offer(ids[:old], similarities[:old], rows, every)
            if progress is not None:
                progress(int(rows[-1]) + 1 - old, n - old)
        return Neighbours(ids, similarities)

    def _lists(self, rows: Int64, k: int, progress: Progress | None) -> Neighbours:
        ids = np.full((len(rows), k), -1, np.int32)
        similarities = np.zeros((len(rows), k), np.float32)

        def one(at: int) -> None:
            image = int(self.images[rows[at]])
            found = self.search(image, k + 1)
            others = found.ids != image
            near = np.searchsorted(self.images, found.ids[others][:k])
            ids[at, : len(near)], similarities[at, : len(near)] = near, found.scores[others][:k]

        with ThreadPoolExecutor(cores()) as pool:
            for done, _ in enumerate(pool.map(one, range(len(rows))), start=1):
                if progress is not None:
                    progress(done, len(rows))
        return Neighbours(ids, similarities)


def read_neighbourhoods(shelf: Shelf) -> Neighbourhoods | None:
    """Reads the lists on a shelf, None where they are not whole. Raises StorageError."""
    for structure in shelf.read(_fault):
        arrays = structure.arrays
        prepared = {name.removeprefix(_PREPARED): a for name, a in arrays.items() if name.startswith(_PREPARED)}
        lists = arrays["ids"], arrays["similarities"]
        return Neighbourhoods(arrays["images"], *lists, prepared, arrays["seen"])
    return None


def _fault(arrays: Mapping[str, Array]) -> tuple[str, str] | None:
    """The first array that is not as `keep_neighbourhoods` writes it, with what is wrong with it."""
    if found := misshapen(arrays, {"images": (np.int64, (None,)), "ids": (np.int32, (None, None))}):
        return found
    nodes, images, ids = arrays["ids"].shape[0], arrays["images"], arrays["ids"]
    expected: dict[str, Any] = {"images": (np.int64, (nodes,)), "similarities": (np.float32, ids.shape)}
    expected["seen"] = (np.int64, (2,))
    if f"{_PREPARED}vectors" in arrays:
        vectors = arrays[f"{_PREPARED}vectors"]
        rank = vectors.shape[1] if vectors.ndim == 2 else None
        expected |= {f"{_PREPARED}vectors": (np.float32, (nodes, rank)), f"{_PREPARED}values": (np.float64, (rank,))}
    if f"{_PREPARED}offsets" in arrays:
        scores = arrays.get(f"{_PREPARED}scores", np.empty(0))
        expected |= {f"{_PREPARED}offsets": (np.int64, (nodes + 1,)), f"{_PREPARED}scores": (np.float32, (None,))}
        expected[f"{_PREPARED}nodes"] = (np.int32, (len(scores),))
    if found := misshapen(arrays, expected):
        return found
    if f"{_PREPARED}offsets" in arrays:
        rows = arrays[f"{_PREPARED}nodes"]
        if not shared_out(arrays[f"{_PREPARED}offsets"], len(rows)):
            return f"{_PREPARED}offsets", "does not share out the scores"
        if rows.size and not (rows.min() >= 0 and rows.max() < nodes):
            return f"{_PREPARED}nodes", f"has others than the {nodes} nodes"
    if (images[1:] < images[:-1]).any():
        return "images", "does not ascend"
    if ids.size and not (ids.min() >= -1 and ids.max() < nodes):
        return "ids", f"has others than the {nodes} nodes"
    endless = (name for name in expected if arrays[name].dtype.kind == "f" and not finite(arrays[name]))
    return next(((name, "has numbers that are not finite") for name in endless), None)


def keep_neighbourhoods(shelf: Shelf, found: Neighbourhoods) -> None:
    """Puts neighbourhoods in the place of those on a shelf. Raises StorageError. Call with the lock held."""
    arrays = {name: getattr(found, name) for name in _NAMES}
    shelf.replace(arrays | {f"{_PREPARED}{name}": a for name, a in found.prepared.items()})


def brought_up_to_date(
    kept: Neighbourhoods | None, nodes: Nodes, k: int, progress: Progress | None = None
) -> Neighbourhoods:
    """The k nearest of each node; what is known of nodes that are still there is not computed again.

    What was prepared comes along only where no node has come or gone.

    `progress` is told how much of how much is done, in units of its own.
    """
    if kept is not None and kept.ids.shape[1] == k and np.array_equal(kept.images, nodes.images):
        return kept
    if kept is None or kept.ids.shape[1] != k or not len(kept.images):
        return _neighbourhoods(nodes, nodes.neighbours(k, progress))
    known = Neighbours(np.asarray(kept.ids), np.asarray(kept.similarities))
    still = np.isin(kept.images, nodes.images)
    if 2 * int(still.sum()) < len(kept.images) or not np.array_equal(
        kept.images[still], nodes.images[: int(still.sum())]
    ):
        # Most has gone, or ids have been given anew: nothing is gained by what is known.
        return _neighbourhoods(nodes, nodes.neighbours(k, progress))
    if not still.all():
        known = nodes.without(known, np.asarray(kept.images), np.flatnonzero(~still))
    if len(known) < len(nodes.images):
        known = nodes.with_added(known, progress)
    return _neighbourhoods(nodes, known)


@dataclass(frozen=True)
class KeptNeighbours:
    """The neighbours of an index's images in one channel, as a derived structure.

    Notes: lists of vectors that grow are those that would be made anew. Lists of words are not: a search weighs words
    by how many images have them, so that they are stale as soon as any image has come or gone.
    """

    site: Site
    params: Diffusion
    name: str = "neighbours of photos"

    def stale(self, live: Int64) -> int:
        """Images that have come or gone, or whose lists were made among other images."""
        kept = self.read(live)
        if kept is None or not self._exact:
            return 0 if kept is not None and np.array_equal(kept.seen, stamp(live)) else len(live)
        come = int((live > kept.seen[0]).sum())
        return come + len(np.setdiff1d(kept.images, live))

    def read(self, live: Int64) -> Neighbourhoods | None:
        """Reads the lists, which need not be up to date; None where there are none."""
        return read_neighbourhoods(self.site.shelf)

    def extend(self, progress: Progress | None, say: Say | None) -> None:
        """Brings the lists up to date; those of words keep the similarities that were found among other images."""
        live = self.site.live()
        if not len(live):
            self.forget()
            return
        kept, nodes, now = self.read(live), self.site.collection().nodes(), stamp(live)
        seen = now if kept is None or self._exact else kept.seen
        if kept is not None and np.array_equal(kept.images, nodes.images):
            if not np.array_equal(kept.seen, seen):
                keep_neighbourhoods(self.site.shelf, replace(kept, seen=seen))
            return
        if say is not None:
            say("comparing photos with each other")
        found = brought_up_to_date(kept, nodes, self.params.listed, progress)
        keep_neighbourhoods(self.site.shelf, replace(found, prepared=prepare(found, self.params), seen=seen))

    def build(self, progress: Progress | None, say: Say | None) -> None:
        """Makes the lists as they are when they are made anew."""
        if not self._exact:
            self.forget()
        self.extend(progress, say)

    def forget(self) -> None:
        """Deletes all lists."""
        self.site.shelf.clear()

    @property
    def _exact(self) -> bool:
        return Keeps.WORDS not in self.site.keeps


def _neighbourhoods(nodes: Nodes, known: Neighbours) -> Neighbourhoods:
    return Neighbourhoods(nodes.images, known.ids, known.similarities)


def _first(lists: Neighbours, count: int, k: int) -> Neighbours:
    """The k nearest among the first `count` nodes."""
    ids = np.where(lists.ids < count, lists.ids, -1)
    order = np.argsort(ids < 0, axis=1, kind="stable")[:, :k]
    ids = np.take_along_axis(ids, order, axis=1)
    near = np.take_along_axis(lists.similarities, order, axis=1)
    return Neighbours(ids.astype(np.int32), np.where(ids >= 0, near, np.float32(0)))


def _offer(ids: Int32, similarities: Float32, rows: Int64, lists: Neighbours) -> None:
    """Puts nodes `rows`, which have these lists, into the lists of others where they are nearer than the last."""
    asked, place = np.nonzero((lists.ids >= 0) & (lists.ids < len(ids)))
    offered, near = lists.ids[asked, place], lists.similarities[asked, place]
    worst = np.where(ids[:, -1] >= 0, similarities[:, -1], np.float32(-np.inf))
    better = near > worst[offered]
    asked, offered, near = rows[asked[better]], offered[better], near[better]
    order = np.argsort(offered, kind="stable")
    for row, part in zip(*_runs(offered[order]), strict=True):
        mine, here = order[part], ids[row] >= 0
        together = np.concatenate([ids[row][here], asked[mine].astype(np.int32)])
        nearness = np.concatenate([similarities[row][here], near[mine]])
        best = np.lexsort((together, -nearness))[: ids.shape[1]]
        ids[row, : len(best)], similarities[row, : len(best)] = together[best], nearness[best]


def _runs(values: Int32) -> tuple[list[int], list[slice]]:
    """The different ones of ascending values, and where each stands."""
    found, starts = np.unique(values, return_index=True)
    ends = np.append(starts[1:], len(values))
    return found.tolist(), [slice(a, b) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
