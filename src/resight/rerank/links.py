"""Kept links as a second look: what is linked with the images that the query verifies is found, and asked nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

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

    images: (n,) int64 ids, ascending; those of images[i] are at offsets[i] to offsets[i + 1], the most evidence first.
    others: (p,) int64 ids; evidence: (p,) float64, inliers times the root of the similarity; inliers, tentative,
    surprise: (p,), see `linking.COLUMNS`; parts: (p, 4) bounds of the inliers in the image.
    """

    images: NDArray[np.int64]
    offsets: NDArray[np.int64]
    others: NDArray[np.int64]
    evidence: NDArray[np.float64]
    inliers: NDArray[np.int32]
    tentative: NDArray[np.int32]
    surprise: NDArray[np.float32]
    parts: NDArray[np.float32]

    def of(self, image: int) -> slice:
        """Where the links of an image are; nowhere where it has none."""
        row = int(np.searchsorted(self.images, image))
        if row == len(self.images) or self.images[row] != image:
            return slice(0, 0)
        return slice(int(self.offsets[row]), int(self.offsets[row + 1]))

    def lead(self, through: int, at: int) -> Lead:
        """The lead from an image by its link at a place."""
        x0, y0, x1, y1 = self.parts[at].tolist()
        seen = int(self.inliers[at]), int(self.tentative[at])
        return Lead(through, *seen, (x0, y0, x1, y1), float(self.surprise[at]))


def link_table(kept: LinkBlocks, most: int) -> LinkTable:
    """The links of the images that there are, of each the `most` with the most evidence."""
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
    parts = np.concatenate([parts[:, 0], parts[:, 1]])
    order = np.lexsort((-strength, other, source))
    order = order[_first_of(source[order], other[order])]
    order = order[np.lexsort((other[order], -strength[order], source[order]))]
    images, starts, counts = np.unique(source[order], return_index=True, return_counts=True)
    kept_rows = np.arange(len(order)) - np.repeat(starts, counts) < most
    order = order[kept_rows]
    offsets = np.concatenate([[0], np.cumsum(np.minimum(counts, most))]).astype(np.int64)
    return LinkTable(
        images,
        offsets,
        other[order],
        strength[order],
        inliers[order],
        tentative[order],
        surprise[order],
        parts[order],
    )


def _first_of(*keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) where the keys, which are sorted, differ from those before."""
    found = np.ones(len(keys[0]), np.bool_)
    if len(found):
        found[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return found


class LinksLook:
    """Adds to each image's own confidence what the links of verified images pass on.

    score(x) = p(q, x) + weight * sum over followed images e of p(q, e) p(e, x), where p(e, e) = 1: that of `ChainLook`.
    Images without any keep their former order. Safe to share between threads.
    """

    def __init__(self, params: Links, collection: WordCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: ImageWords, ranking: Ranking) -> Ranking:
        """The images of the ranking and those that the links of verified ones lead to."""
        # A part has the links of the whole.
        table = self._collection.once((LINKS, self.params.most), self._table)
        verified = ranking.evidence
        sure = confidence(np.array([why.score for why in verified.values()], np.float64), self.params.half)
        direct = dict(zip(verified, sure.tolist(), strict=True))
        total = {image: direct.get(image, 0.0) for image in ranking.ids.tolist()}
        # Images of equal confidence are followed in the order of the ranking, which is that of their names.
        place = {image: row for row, image in enumerate(ranking.ids.tolist())}
        best: dict[int, tuple[float, int, int]] = {}
        for image in sorted(direct, key=lambda image: (-direct[image], place[image]))[: self.params.top]:
            if verified[image].inliers < self.params.min_inliers:
                continue
            credit = self.params.weight * direct[image]
            rows = self._rows(table, image)
            parts = credit * confidence(table.evidence[rows], self.params.half)
            for row, other, part in zip(rows.tolist(), table.others[rows].tolist(), parts.tolist(), strict=True):
                total[other] = total.get(other, 0.0) + part
                if other not in best or part > best[other][0]:
                    best[other] = part, image, row
            total[image] += credit
        ids = np.fromiter(total, np.int64, len(total))
        scores = np.fromiter(total.values(), np.float64, len(total))
        order = np.argsort(-scores, kind="stable")
        leads = {other: table.lead(through, row) for other, (_, through, row) in best.items()}
        return replace(ranking, ids=ids[order], scores=scores[order].astype(np.float32), leads=leads)

    def _rows(self, table: LinkTable, image: int) -> NDArray[np.int64]:
        """Where the links of an image to images stand that may be found."""
        of, allowed = table.of(image), self._collection.allowed
        rows = np.arange(of.start, of.stop)
        return rows if allowed is None else rows[is_allowed(table.others[rows], allowed)]

    def _table(self) -> LinkTable:
        kept: LinkBlocks = self._collection.kept(LINKS)
        if kept.missing:
            _log.warning("%d photos are not linked with others yet: run `resight update`", kept.missing)
        return link_table(kept, self.params.most)
