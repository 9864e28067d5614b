"""Mining on manifolds: anchors at the modes of a random walk, and where diffusion and descriptors disagree.

A(x) is the affinity of mutual neighbours, M(x) the nearest photos by diffusion from x, E(x) those by descriptors. Hard
positives are M(x) less E(x), hard negatives E(x) less M(x).

Source: Iscen, Tolias, Avrithis & Chum, "Mining on manifolds: metric learning without labels", CVPR 2018, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from resight.arrays import Float32, Float64, Int64
from resight.errors import UsageError
from resight.index.collection import Collection
from resight.index.views import ChannelView, VectorView, WordView
from resight.manifold.diffusion import ConjugateGradient
from resight.manifold.graph import Neighbours, mutual_affinity, nearest_neighbours, normalised
from resight.manifold.linked import SearchedNodes
from resight.progress import NamedProgress
from resight.training.mining.indexed import Photos, provenance, readable_photos
from resight.training.mining.kinds import Manifold
from resight.training.mining.mined import Mined, without_related
from resight.training.tuples import Anchor, Positive, Tuples

TOLERANCE, ITERATIONS = 1e-10, 20
"""Of conjugate gradients, as the authors' code has them."""
BLOCK = 64
"""Anchors that are solved at once."""

Nearest = Callable[[int, int], Int64]
"""Given a row and k: (k,) the rows of the k nearest others, nearest first."""


def stationary(affinity: csr_array) -> Float64:
    """Returns (n,) how often a random walk on a graph visits each node, all together once.

    Notes: the walk goes along an edge in proportion to its affinity, which is symmetric: the distribution that it keeps
    is that of the degrees, which the paper finds by iteration (section 3.2).
    """
    degrees = np.asarray(affinity.sum(axis=1, dtype=np.float64)).reshape(-1)
    return degrees / max(float(degrees.sum()), np.finfo(np.float64).tiny)


def climbed(affinity: csr_array, visits: Float64) -> Int64:
    """Returns (n,) the mode that each node climbs to, from neighbour to the most visited neighbour; a mode is its own.

    Of neighbours that are visited equally the one with the smaller number counts as more visited.
    """
    nodes = np.arange(len(visits))
    order = np.lexsort((nodes, -visits))
    height = np.empty(len(visits), np.int64)
    height[order] = np.arange(len(visits))
    up = nodes.copy()
    rows = np.repeat(nodes, np.diff(affinity.indptr))
    by_height = np.lexsort((height[affinity.indices], rows))
    firsts = np.flatnonzero(np.diff(affinity.indptr) > 0)
    highest = affinity.indices[by_height[affinity.indptr[firsts]]].astype(np.int64)
    higher = height[highest] < height[firsts]
    up[firsts[higher]] = highest[higher]
    while True:
        further = up[up]
        if np.array_equal(further, up):
            return up
        up = further


def modes(affinity: csr_array, visits: Float64, *, largest: bool) -> Int64:
    """Returns (m,) the nodes with neighbours that are visited more often than all of these, the most visited first.

    largest: only those of the largest connected component.
    """
    found = np.flatnonzero((climbed(affinity, visits) == np.arange(len(visits))) & (np.diff(affinity.indptr) > 0))
    if largest:
        _, component = connected_components(affinity, directed=False)
        found = found[component[found] == np.bincount(component).argmax()]
    return _most_visited(found, visits)


def hard_positives(f: Float64, near: Int64, row: int, k: int) -> Int64:
    """Returns M(x) less E(x): of the k nearest by diffusion those that are not among the k of `near`, nearest first.

    f: (n,) diffused from the node `row`; near: (r,) other nodes, nearest by descriptors first.
    """
    found = _by_diffusion(f, row, k)
    return np.asarray(found[~np.isin(found, near[:k])])


def hard_negatives(f: Float64, near: Int64, row: int, k: int) -> Int64:
    """Returns E(x) less M(x): of the k first of `near` those that are not among the k nearest by diffusion."""
    return near[:k][~np.isin(near[:k], _by_diffusion(f, row, k))]


def mine_manifold(params: Manifold, collection: Collection, progress: NamedProgress | None = None) -> Mined:
    """Mines the graph of the photos of an index.

    Raises UsageError where a channel compares no whole photos, and where the graph joins none.
    """
    photos = readable_photos(collection)
    name, view = _compared(collection, params.channel)
    neighbours, nearest = (
        _vectors(view, photos, params.graph - 1)
        if isinstance(view, VectorView)
        else _searched(view, photos, params.graph - 1, progress)
    )
    affinity = mutual_affinity(neighbours, neighbours.k, params.gamma)
    if affinity.nnz == 0:
        raise UsageError(f'no two photos of channel "{name}" are among the nearest of each other: there is no manifold')
    visits = stationary(affinity)
    up, tops = climbed(affinity, visits), modes(affinity, visits, largest=params.component == "largest")
    rows = tops if params.anchors == "modes" else _most_visited(np.flatnonzero(np.isin(up, tops)), visits)
    rows = rows[: params.most_anchors]
    anchors = [anchor for anchor in _anchors(params, photos, affinity, rows, nearest, progress) if anchor.positives]
    if not anchors:
        raise UsageError(
            f"diffusion finds nothing for {len(rows)} anchors that descriptors do not find among the {params.nearest} "
            "nearest: lower graph and nearest, which are for things with many photos"
        )
    tuples = Tuples(
        kind="manifold",
        evidence="similarity by diffusion, as a part of that of the anchor with itself",
        photos=photos.table(np.unique(up, return_inverse=True)[1].reshape(-1)),
        anchors=sorted(anchors, key=lambda anchor: anchor.name),
        pool=list(photos.names),
        hops=1,
        provenance=provenance(collection, params),
    )
    figures = {"modes": len(tops), "edges": int(affinity.nnz // 2)}
    return Mined(without_related(tuples), photos.notes, figures)


def _anchors(
    params: Manifold,
    photos: Photos,
    affinity: csr_array,
    rows: Int64,
    nearest: Nearest,
    progress: NamedProgress | None,
) -> Iterator[Anchor]:
    """Yields anchors at some rows, also those that have no positive."""
    solver = ConjugateGradient(normalised(affinity), params.alpha, tolerance=TOLERANCE, iterations=ITERATIONS)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        given = np.zeros((affinity.shape[0], len(block)))
        given[block, np.arange(len(block))] = 1.0
        for row, f in zip(block.tolist(), solver(given).T, strict=True):
            near = nearest(row, max(params.nearest, params.negatives))
            positives = hard_positives(f, near, row, params.nearest)[: params.most]
            negatives = hard_negatives(f, near, row, params.negatives)
            negatives = negatives[~np.isin(negatives, positives)][: params.most]
            evidence = (f[positives] / f[row]).tolist()
            yield Anchor(
                photos.names[row],
                tuple(
                    Positive(photos.names[one], much) for one, much in zip(positives.tolist(), evidence, strict=True)
                ),
                tuple(photos.names[one] for one in negatives.tolist()),
            )
        if progress is not None:
            progress("diffusing", start + len(block), len(rows))


def _most_visited(rows: Int64, visits: Float64) -> Int64:
    """Returns rows (m,), the most visited first."""
    return np.asarray(rows[np.argsort(-visits[rows], kind="stable")])


def _by_diffusion(f: Float64, row: int, k: int) -> Int64:
    """Returns (m,) the k nodes that diffusion reaches with most, the greatest first, without the one it starts from."""
    order = np.argsort(-f, kind="stable")
    order = order[(f[order] > 0) & (order != row)]
    return np.asarray(order[:k], np.int64)


def _compared(collection: Collection, channel: str) -> tuple[str, ChannelView]:
    """Returns the channel that is meant, with its name: of vectors before words. Raises UsageError."""
    views = collection.views
    if channel and channel not in views:
        raise UsageError(f"{collection.recipe.name} has no channel {channel!r}; it has {', '.join(views)}")
    meant = {channel: views[channel]} if channel else views
    for kind in (VectorView, WordView):
        for name, view in meant.items():
            if isinstance(view, kind):
                return name, view
    raise UsageError(
        f'an index by "{collection.recipe.name}" compares no whole photos by one vector or by words: index them by '
        '"rmac-lite0", say'
    )


def _vectors(view: VectorView, photos: Photos, k: int) -> tuple[Neighbours, Nearest]:
    ids, vectors = view.vectors()
    x = np.zeros((len(photos.ids), vectors.shape[1]), np.float32)
    rows = photos.rows(ids)
    # Of copies, which all have the same vector, any does.
    x[rows[rows >= 0]] = np.asarray(vectors, np.float32)[rows >= 0]
    return nearest_neighbours(x, min(k, max(len(x) - 1, 1))), _NearestVectors(x)


class _NearestVectors:
    """Nearest rows of vectors (n, d) by inner product."""

    def __init__(self, x: Float32) -> None:
        self._x = x

    def __call__(self, row: int, k: int) -> Int64:
        order = np.argsort(-(self._x @ self._x[row]), kind="stable")
        return np.asarray(order[order != row][:k], np.int64)


def _searched(view: ChannelView, photos: Photos, k: int, progress: NamedProgress | None) -> tuple[Neighbours, Nearest]:
    allowed = np.zeros(int(view.images.max(initial=0)) + 1, np.bool_)
    allowed[photos.ids] = True

    order = np.argsort(photos.ids)
    nodes = SearchedNodes(photos.ids[order], lambda image, n: view.searcher.search(view.kept_query(image), n, allowed))
    told = None if progress is None else lambda done, total: progress("comparing photos", done, total)
    found = nodes.neighbours(min(k, max(len(order) - 1, 1)), told)
    ids, similarities = np.empty_like(found.ids), np.empty_like(found.similarities)
    ids[order] = np.where(found.ids >= 0, order[found.ids], -1)
    similarities[order] = found.similarities

    def nearest(row: int, n: int) -> Int64:
        ranking = view.searcher.search(view.kept_query(int(photos.ids[row])), min(n, len(order)) + 1, allowed)
        rows = photos.rows(ranking.ids)
        return np.asarray(rows[rows != row][:n])

    return Neighbours(ids, similarities), nearest
