"""Verified images are asked in turn: what they verify is found although the query shares nothing with it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np

from resight.arrays import Float32, Float64, Int64
from resight.rerank.geometry import bounds
from resight.rerank.kinds import Chain
from resight.rerank.spatial import evidence
from resight.search.background import SHARE, background
from resight.search.looks import WordCollection
from resight.search.ranking import Lead, Ranking
from resight.words.evidence import ImageWords

REMEMBERED = 4096
"""Images whose own links are kept in memory; 200 links are 12 kB."""


@dataclass(frozen=True)
class Links:
    """Images that one leads to.

    ids: (n,) int64; confidence: (n,) float64 in [0, 1); inliers, tentative: (n,) int64, as in `Verification`; parts,
    arrivals: (n, 4) bounds of the inliers in the image and in each of the others; surprise: (n,) float64 of the scores
    by which they were found (`Background.surprise`).
    """

    ids: Int64
    confidence: Float64
    inliers: Int64
    tentative: Int64
    parts: Float32
    arrivals: Float32
    surprise: Float64

    def lead(self, through: int, row: int) -> Lead:
        """Returns the lead from the image, which has the id `through`, to one of these."""
        part, arrival = tuple(self.parts[row].tolist()), tuple(self.arrivals[row].tolist())
        seen = int(self.inliers[row]), int(self.tentative[row])
        return Lead(through, *seen, part, arrival, float(self.surprise[row]))


def confidence(evidence: Float64, half: float) -> Float64:
    """Returns (n,) e / (e + half) for evidence e (`rerank.spatial.evidence`); 0 where there is none."""
    return evidence / (evidence + half)


class ChainLook:
    """Adds to each image's own confidence what the asked images pass on.

    score(x) = p(q, x) + weight * sum over asked images e of p(q, e) p(e, x), where p(e, e) = 1. Images without any
    keep their former order.
    """

    def __init__(self, params: Chain, collection: WordCollection) -> None:
        self.params = params
        self._collection = collection
        self._known: OrderedDict[int, Links] = OrderedDict()
        self._lock = Lock()

    def __call__(self, query: ImageWords, ranking: Ranking) -> Ranking:
        """Returns the images of the ranking and those that the asked ones lead to."""
        verified = ranking.verified
        sure = confidence(np.array([why.score for why in verified.values()], np.float64), self.params.half)
        direct = dict(zip(verified, sure.tolist(), strict=True))
        total = {image: direct.get(image, 0.0) for image in ranking.ids.tolist()}
        # Images of equal confidence are asked in the order of the ranking, which is that of their names.
        place = {image: row for row, image in enumerate(ranking.ids.tolist())}
        best: dict[int, tuple[float, int, int, Links]] = {}
        for image in sorted(direct, key=lambda image: (-direct[image], place[image]))[: self.params.top]:
            why = verified[image]
            words = self._collection.words(image)
            # Where most features of both are inliers it is the same photo again, which brings nothing new.
            same_photo = 2 * why.inliers > max(len(query.xy), len(words.xy))
            if why.inliers < self.params.min_inliers or same_photo:
                continue
            links = self._links(image, words)
            credit = self.params.weight * direct[image]
            for row, (other, part) in enumerate(
                zip(links.ids.tolist(), (credit * links.confidence).tolist(), strict=True)
            ):
                total[other] = total.get(other, 0.0) + part
                if other not in best or part > best[other][0]:
                    best[other] = part, image, row, links
            total[image] += credit
        ids = np.fromiter(total, np.int64, len(total))
        scores = np.fromiter(total.values(), np.float64, len(total))
        order = np.argsort(-scores, kind="stable")
        leads = {other: links.lead(through, row) for other, (_, through, row, links) in best.items()}
        return replace(ranking, ids=ids[order], scores=scores[order].astype(np.float32), leads=leads)

    def _links(self, image: int, words: ImageWords) -> Links:
        with self._lock:
            if image in self._known:
                self._known.move_to_end(image)
                return self._known[image]
        links = self._asked(image, words)
        with self._lock:
            self._known[image] = links
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return links

    def _asked(self, image: int, words: ImageWords) -> Links:
        near = self._collection.search(words, self.params.reach + 1)
        others = near.ids != image
        ids, scores = near.ids[others], near.scores[others].astype(np.float64)
        verified = self._collection.verify(words, ids.tolist())
        found = [evidence(verified[i], s) if i in verified else 0.0 for i, s in zip(ids.tolist(), scores, strict=True)]
        strength = np.array(found, np.float64)
        # The ranking of an image that asks is short: its tail is all of it.
        ordinary = background(near.scores, min(self._collection.count, SHARE * len(near)))
        linked = ids[strength > 0]
        why = [verified[i] for i in linked.tolist()]
        parts = [bounds(one.query_xy) for one in why]
        arrivals = [bounds(one.image_xy) for one in why]
        return Links(
            linked,
            confidence(strength[strength > 0], self.params.half),
            np.array([one.inliers for one in why], np.int64),
            np.array([one.tentative for one in why], np.int64),
            np.array(parts, np.float32).reshape(-1, 4),
            np.array(arrivals, np.float32).reshape(-1, 4),
            ordinary.surprise(scores[strength > 0]),
        )
