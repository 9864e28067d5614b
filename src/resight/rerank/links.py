"""Kept links as a second look: what is linked with the images that the query verifies is found, and asked nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from resight.arrays import Float32, Float64, Int32, Int64, Mask
from resight.rerank.chain import confidence
from resight.rerank.kinds import LINKS, Links
from resight.rerank.linking import COLUMNS, LinkBlocks, counted, entries
from resight.search.looks import WordCollection
from resight.search.ranking import Lead, Ranking
from resight.search.selection import is_allowed
from resight.words.evidence import ImageWords

_log = logging.getLogger(__name__)


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
    order = order[_first_of(source[order], other[order])]
    order = order[np.lexsort((other[order], -strength[order], source[order]))]
    images, starts, counts = np.unique(source[order], return_index=True, return_counts=True)
    kept_rows = np.arange(len(order)) - np.repeat(starts, counts) < most
    order = order[kept_rows]
    offsets = np.concatenate([[0], np.cumsum(np.minimum(counts, most))]).astype(np.int64)
    columns_of = (strength, inliers, tentative, surprise, parts)
    return LinkTable(images, offsets, np.searchsorted(images, other[order]), *(column[order] for column in columns_of))


def _first_of(*keys: Int64) -> Mask:
    """(n,) where the keys, which are sorted, differ from those before."""
    found = np.ones(len(keys[0]), np.bool_)
    if len(found):
        found[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return found


@dataclass(frozen=True)
class Reached:
    """What a step reaches.

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
    first = np.flatnonzero(_first_of(table.others[at]))
    sums = np.add.reduceat(passed, first) if len(first) else np.empty(0)
    return Reached(table.others[at[first]], sums, at[first], rows[through[first]])


class LinksLook:
    """Adds to each image's own confidence what the links of verified images pass on, in a few steps.

    score(x) = p(q, x) + weight * sum over h from 0 to `steps` of f_h(x), where f_0(e) = p(q, e) of the followed images
    e and f_h(x) = sum over y of f_(h - 1)(y) p(y, x): what `ChainLook` gives with one step. Images without any keep
    their former order. Safe to share between threads.
    """

    def __init__(self, params: Links, collection: WordCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: ImageWords, ranking: Ranking) -> Ranking:
        """Ranks the images of a ranking and those that the links of verified ones lead to."""
        # A part has the links of the whole.
        table = self._collection.once((LINKS, self.params.most), self._table)
        verified = ranking.verified
        sure = confidence(np.array([why.score for why in verified.values()], np.float64), self.params.half)
        direct = dict(zip(verified, sure.tolist(), strict=True))
        total = {image: direct.get(image, 0.0) for image in ranking.ids.tolist()}
        followed = self._followed(ranking, direct)
        for image in followed:
            total[image] += self.params.weight * direct[image]
        rows = table.rows(np.array(followed, np.int64))
        given = np.array([direct[image] for image in followed], np.float64)[rows >= 0]
        rows = rows[rows >= 0]
        leads: dict[int, Lead] = {}
        for number in range(self.params.steps):
            reached = step(table, rows, given, self.params.half, self._collection.allowed)
            rows, given = reached.rows, reached.passed
            for image, passed in zip(table.images[rows].tolist(), given.tolist(), strict=True):
                total[image] = total.get(image, 0.0) + self.params.weight * passed
            self._lead(leads, table, reached, frozenset(followed) if number else frozenset())
        ids = np.fromiter(total, np.int64, len(total))
        scores = np.fromiter(total.values(), np.float64, len(total))
        order = np.argsort(-scores, kind="stable")
        return replace(ranking, ids=ids[order], scores=scores[order].astype(np.float32), leads=leads)

    def _followed(self, ranking: Ranking, direct: Mapping[int, float]) -> list[int]:
        """The images whose links are followed, the surest first; of equal ones the first of the ranking."""
        place = {image: row for row, image in enumerate(ranking.ids.tolist())}
        first = sorted(direct, key=lambda image: (-direct[image], place[image]))[: self.params.top]
        return [image for image in first if ranking.verified[image].inliers >= self.params.min_inliers]

    def _lead(self, leads: dict[int, Lead], table: LinkTable, reached: Reached, known: frozenset[int]) -> None:
        """Adds the leads of a step to images that no step before has reached, and that are not known anyhow."""
        images, through = table.images[reached.rows].tolist(), table.images[reached.through].tolist()
        for image, asked, at in zip(images, through, reached.at.tolist(), strict=True):
            if image not in leads and image not in known:
                leads[image] = table.lead(asked, at)

    def _table(self) -> LinkTable:
        kept: LinkBlocks = self._collection.kept(LINKS)
        if kept.missing:
            _log.warning("%d photos are not linked with others yet: run `resight update`", kept.missing)
        return link_table(kept, self.params.most)
