"""Kept links as a second look: the score of an image spreads over the verified links between all of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from resight.arrays import Float32, Float64, Int32, Int64, Mask
from resight.manifold.kinds import LINKS, Links
from resight.manifold.link_graph import LinkGraph, diffused, first_of, graph_of, within_reach
from resight.manifold.linking import COLUMNS, LinkBlocks, counted, entries
from resight.manifold.ordering import by_diffusion
from resight.rerank.chain import confidence
from resight.search.looks import WordCollection
from resight.search.ranking import Lead, Ranking
from resight.search.selection import is_allowed
from resight.words.evidence import ImageWords

_log = logging.getLogger(__name__)

MOST_NODES = 10_000
"""Images among which diffusion is solved for a query, at most."""
LED = 2
"""Links that follow each other from a verified image to one that is found through it."""


@dataclass(frozen=True)
class LinkTable:
    """The links of each image, whichever of the two has asked; of two links of a pair the one with more evidence.

    images: (n,) int64 ids, ascending; the links of row i are at offsets[i] to offsets[i + 1], the most evidence first.
    others: (p,) int64 rows of the images that they lead to. evidence: (p,) float64, inliers times the root of the
    similarity. inliers, tentative, surprise: (p,), see `linking.COLUMNS`. parts: (p, 2, 4) bounds of the inliers in the
    image and in the other.
    """

    images: Int64
    offsets: Int64
    others: Int64
    evidence: Float64
    inliers: Int32
    tentative: Int32
    surprise: Float32
    parts: Float32

    def rows(self, images: Int64) -> Int64:
        """Returns (n,) rows of images by their ids; -1 of one without links."""
        at = np.minimum(np.searchsorted(self.images, images), max(len(self.images) - 1, 0))
        return np.where(self.images[at] == images, at, -1) if len(self.images) else np.full(len(images), -1)

    def lead(self, through: int, at: int) -> Lead:
        """Returns the lead from an image, which has the id `through`, by its link at a place."""
        part, arrival = (tuple(box) for box in self.parts[at].tolist())
        return Lead(through, int(self.inliers[at]), int(self.tentative[at]), part, arrival, float(self.surprise[at]))


def link_table(kept: LinkBlocks, most: int) -> LinkTable:
    """Returns the links of the images that there are, of each the `most` with the most evidence."""
    sources, others = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    columns = {name: [np.empty((0, *shape), kind)] for name, (kind, shape) in COLUMNS.items()}
    for block, rows in counted(kept.blocks, kept.live):
        links = entries(block["link_offsets"], rows)
        counts = np.diff(block["link_offsets"])[rows]
        sources.append(np.repeat(np.asarray(block["ids"])[rows], counts))
        others.append(np.asarray(block["others"])[np.repeat(block["offsets"][rows], counts) + block["place"][links]])
        for name, column in columns.items():
            column.append(np.asarray(block[name])[links])
    source, other = np.concatenate(sources), np.concatenate(others)
    joined = {name: np.concatenate(column) for name, column in columns.items()}
    there = np.isin(other, kept.live)
    source, other = source[there], other[there]
    inliers, tentative, similarity, surprise, parts = (
        joined[name][there] for name in ("inliers", "tentative", "similarity", "surprise", "parts")
    )
    strength = inliers * np.sqrt(np.maximum(similarity.astype(np.float64), 0.0))
    source, other = np.concatenate([source, other]), np.concatenate([other, source])
    strength, inliers, tentative, surprise = (np.tile(a, 2) for a in (strength, inliers, tentative, surprise))
    parts = np.concatenate([parts, parts[:, ::-1]])
    order = np.lexsort((-strength, other, source))
    order = order[first_of(source[order], other[order])]
    order = order[np.lexsort((other[order], -strength[order], source[order]))]
    images, starts, counts = np.unique(source[order], return_index=True, return_counts=True)
    strong = np.arange(len(order)) - np.repeat(starts, counts) < most
    order = order[strong]
    offsets = np.concatenate([[0], np.cumsum(np.minimum(counts, most))]).astype(np.int64)
    columns_of = (strength, inliers, tentative, surprise, parts)
    return LinkTable(images, offsets, np.searchsorted(images, other[order]), *(column[order] for column in columns_of))


@dataclass(frozen=True)
class Reached:
    """The rows that a step reaches.

    rows: (m,) int64 of a table, ascending; passed: (m,) float64 to each; at: (m,) the link that has passed the most to
    it, and through: (m,) the row that this one leads from.
    """

    rows: Int64
    passed: Float64
    at: Int64
    through: Int64


def step(
    table: LinkTable,
    rows: Int64,
    given: Float64,
    half: float,
    allowed: Mask | None,
) -> Reached:
    """Passes what some rows (n,) were given (n,) on by their links, times the confidence of each.

    allowed: by catalogue id, which images may be reached; all where None.
    """
    at = entries(table.offsets, rows)
    through = np.repeat(np.arange(len(rows)), np.diff(table.offsets)[rows])
    if allowed is not None:
        may = is_allowed(table.images[table.others[at]], allowed)
        at, through = at[may], through[may]
    passed = given[through] * confidence(table.evidence[at], half)
    order = np.lexsort((-passed, table.others[at]))
    at, through, passed = at[order], through[order], passed[order]
    first = np.flatnonzero(first_of(table.others[at]))
    sums = np.add.reduceat(passed, first) if len(first) else np.empty(0)
    return Reached(table.others[at[first]], sums, at[first], rows[through[first]])


def ranked_leads(leads: Mapping[int, Lead], ranking: Ranking) -> dict[int, Lead]:
    """Returns the leads to images of a ranking from images of it that are verified, or led to themselves."""
    ranked, kept = frozenset(ranking.ids.tolist()), dict[int, Lead]()
    for image, lead in leads.items():
        if {image, lead.through} <= ranked and (lead.through in kept or lead.through in ranking.verified):
            kept[image] = lead
    return kept


class LinksLook:
    """Ranks by the diffusion of what the best images are given over the links of all images.

    f = (1 - alpha)(I - alpha S)^-1 y, where S is the normalised affinity of all links and of each image with itself.
    Images without links keep what they were given; those that nothing reaches follow in their former order. Where a
    part of the images is searched, diffusion starts from the best of the part and passes through all. Safe to share
    between threads.

    Notes:
    -----
    The system is solved among the images that links lead to from where it starts, `MOST_NODES` at most, with the
    degrees of the whole graph: late truncation (Yang et al., AAAI 2019).
    """

    def __init__(self, params: Links, collection: WordCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: ImageWords, ranking: Ranking) -> Ranking:
        """Ranks the images of a ranking, and those that links lead to from its best."""
        # A part has the links of the whole.
        key = (LINKS, self.params.most, self.params.half)
        table, graph = self._collection.once(key, self._opened)
        first = ranking.first(self.params.query_k)
        given = np.maximum(first.scores.astype(np.float64), 0.0)
        if self.params.start == "evidence":
            given = confidence(given, self.params.half)
        if not given.any():
            return ranking
        rows = table.rows(first.ids)
        linked = rows >= 0
        nodes = within_reach(graph, rows[linked & (given > 0)], MOST_NODES)
        ids = np.concatenate([table.images[nodes], first.ids[~linked]])
        y = np.zeros(len(graph))
        y[rows[linked]] = given[linked]
        f = np.concatenate([diffused(graph, nodes, y[nodes], self.params.alpha), given[~linked]])
        order = np.argsort(ids)
        found = by_diffusion(ranking, ids[order], f[order], self._collection.allowed)
        return replace(found, leads=ranked_leads(self._leads(table, ranking), found))

    def _leads(self, table: LinkTable, ranking: Ranking) -> dict[int, Lead]:
        """Returns the leads of two steps from images that the query verifies surely, each after what leads to it."""
        direct = {
            image: float(confidence(np.array([why.score]), self.params.half)[0])
            for image, why in ranking.verified.items()
            if why.inliers >= self.params.min_inliers
        }
        followed = sorted(direct, key=lambda image: (-direct[image], image))[: self.params.query_k]
        rows = table.rows(np.array(followed, np.int64))
        given = np.array([direct[image] for image in followed], np.float64)[rows >= 0]
        rows = rows[rows >= 0]
        leads: dict[int, Lead] = {}
        for number in range(LED):
            reached = step(table, rows, given, self.params.half, self._collection.allowed)
            rows, given = reached.rows, reached.passed
            known = frozenset(followed) if number else frozenset[int]()
            images, through = table.images[rows].tolist(), table.images[reached.through].tolist()
            for image, asked, at in zip(images, through, reached.at.tolist(), strict=True):
                if image not in leads and image not in known:
                    leads[image] = table.lead(asked, at)
        return leads

    def _opened(self) -> tuple[LinkTable, LinkGraph]:
        kept: LinkBlocks = self._collection.kept(LINKS)
        if kept.missing:
            _log.warning("%d photos are not linked with others yet: run `resight update`", kept.missing)
        table = link_table(kept, self.params.most)
        return table, graph_of(table.offsets, table.others, confidence(table.evidence, self.params.half))
