"""Diffusion as a second look: what the first images lead to on the graph of the collection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resight.manifold.kinds import Diffusion
from resight.manifold.ordering import by_diffusion, rows_of, seeds, with_own
from resight.manifold.regional import generalised_max_weights, pool_scores, region_affinity
from resight.manifold.solving import Solve, open_solver
from resight.search.looks import GraphCollection, Neighbourhoods, RegionCollection
from resight.search.ranking import Ranking
from resight.search.selection import is_allowed


class DiffusionLook:
    """Ranks by the diffusion of the scores of the best images over the graph of all images.

    Images that diffusion does not reach follow in their former order, with those to which an approximation of it gives
    nothing. Where a part of the images is searched, diffusion starts from the best of the part, passes through all, and
    ranks the part. Safe to share between threads.
    Source: Iscen, Tolias, Avrithis, Furon & Chum, "Efficient diffusion on region manifolds", CVPR 2017, section 3.
    """

    def __init__(self, params: Diffusion, collection: GraphCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: object, ranking: Ranking) -> Ranking:
        """The images of the ranking, and those that diffusion leads to."""
        # A part has the graph of the whole.
        graph, solve = self._collection.once(self.params, self._opened)
        y = np.zeros(len(graph.images))
        power = self.params.gamma if self.params.query_gamma is None else self.params.query_gamma
        start, scores = seeds(ranking, graph.images, self.params.query_k)
        y[start] = scores**power
        if not y.any():
            return ranking
        rows, known = rows_of(graph.images, ranking.ids)
        f = solve(y, rows[known][: self.params.top])
        f = with_own(ranking, graph.images, f, power, self.params.own_weight)
        return by_diffusion(ranking, graph.images, f, self._collection.allowed)

    def _opened(self) -> tuple[Neighbourhoods, Solve]:
        graph = self._collection.neighbourhoods(self.params.listed)
        return graph, open_solver(graph, self.params)


class RegionalDiffusionLook:
    """Diffusion from the regions of the query over the graph of all regions.

    An image scores by a weighted sum of its regions, with the weights of generalised max pooling.

    Images that diffusion does not reach follow in their former order. Safe to share between threads.
    Source: Iscen et al., CVPR 2017, sections 3.3 and 4.

    Notes: where the graph is truncated, to all regions of the `top` best images. The weights of generalised max pooling
    may be negative; an image whose sum is not positive counts as not reached.
    """

    def __init__(self, params: Diffusion, collection: RegionCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: NDArray[np.float32], ranking: Ranking) -> Ranking:
        """The images of the ranking, and those that diffusion leads to."""
        opened, allowed = self._collection.once(self.params, self._opened), self._collection.allowed
        if not len(query) or not len(ranking) or opened.solve is None:
            return ranking
        power = self.params.gamma if self.params.query_gamma is None else self.params.query_gamma
        y = self._start(query, opened, power, ranking.own)
        if not y.any():
            return ranking
        rows, known = rows_of(opened.images, ranking.ids)
        starts, ends = opened.offsets[:-1], opened.offsets[1:]
        top = np.sort(rows[known][: self.params.top])
        regions = np.concatenate([np.arange(starts[row], ends[row]) for row in top.tolist()])
        pooled = pool_scores(opened.solve(y, regions), opened.weights, opened.offsets)
        pooled = with_own(ranking, opened.images, pooled, power, self.params.own_weight)
        return by_diffusion(ranking, opened.images, pooled, allowed)

    def _start(
        self, query: NDArray[np.float32], opened: _RegionGraph, power: float, own: frozenset[int]
    ) -> NDArray[np.float64]:
        """(n,) what is diffused: the affinity of the query with the regions of the allowed images but its own."""
        allowed = self._collection.allowed
        if allowed is None and not own:
            return region_affinity(query, opened.regions, self.params.query_k, power)
        images = ~np.isin(opened.images, np.fromiter(own, np.int64, len(own)))
        if allowed is not None:
            images &= is_allowed(opened.images, allowed)
        counted = np.repeat(images, np.diff(opened.offsets))
        y = np.zeros(len(opened.regions))
        if counted.any():
            y[counted] = region_affinity(query, opened.regions[counted], self.params.query_k, power)
        return y

    def _opened(self) -> _RegionGraph:
        graph = self._collection.neighbourhoods(self.params.listed)
        _, regions = self._collection.regions()
        starts = np.flatnonzero(np.diff(graph.images, prepend=-1))
        offsets = np.append(starts, len(graph.images)).astype(np.int64)
        weights = generalised_max_weights(regions, offsets)
        solve = open_solver(graph, self.params) if len(regions) else None
        return _RegionGraph(graph.images[starts], regions, offsets, weights, solve)


@dataclass(frozen=True)
class _RegionGraph:
    """The graph of the regions of all images, and its solver.

    images: (m,) ids, ascending; regions: (n, d), those of image i from offsets[i] to offsets[i + 1]; weights: (n,) of
    generalised max pooling; solve: None where there are no regions.
    """

    images: NDArray[np.int64]
    regions: NDArray[np.float32]
    offsets: NDArray[np.int64]
    weights: NDArray[np.float64]
    solve: Solve | None
