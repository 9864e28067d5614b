"""The top of a ranking is verified: images whose features lie where one transform of the query puts them come first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from resight.forks import WorkerPool
from resight.rerank.geometry import Correspondences, SpatialMatch, correspondences, tolerance
from resight.rerank.kinds import Spatial
from resight.rerank.matching import match_signatures, match_words
from resight.rerank.refinement import fast_spatial_match
from resight.search.looks import WordCollection
from resight.search.ranking import Ranking, Verification
from resight.words.evidence import ImageWords

MOST = 600
"""Correspondences of a pair that are looked at, the most similar: voting costs their square, and copies of one photo
have thousands."""


def tentative(query: ImageWords, image: ImageWords, params: Spatial) -> Correspondences | None:
    """Returns which features of two images may be the same, the `MOST` most similar.

    It is None where fewer than `min_inliers`.
    """
    if query.signatures is None:
        rows, others, similar = match_words(query, image)
    else:
        rows, others, similar = match_signatures(query, image, params.threshold)
    if len(rows) < params.min_inliers:
        return None
    if len(rows) > MOST:
        kept = np.sort(np.argsort(-similar, kind="stable")[:MOST])
        rows, others = rows[kept], others[kept]
    return correspondences(query, image, rows, others)


def matched(given: Correspondences, query: ImageWords, image: ImageWords, params: Spatial) -> SpatialMatch | None:
    """Returns the transform that most of the correspondences of two images follow.

    It is None where fewer than `min_inliers` do.
    """
    limits = (tolerance(query.size, params.tolerance), tolerance(image.size, params.tolerance))
    if params.estimator == "usac_homography":
        from resight.rerank.usac import usac_homography

        match = usac_homography(given, *limits)
    else:
        match = fast_spatial_match(given, *limits, hypothesis=params.hypothesis, model=params.model)
    return None if match is None or match.count < params.min_inliers else match


def verify_pair(query: ImageWords, image: ImageWords, params: Spatial) -> Verification | None:
    """Returns the agreement of the words of two images, or None below `min_inliers`; the score counts inliers."""
    given = tentative(query, image, params)
    match = None if given is None else matched(given, query, image, params)
    if given is None or match is None:
        return None
    xy = given.query_xy[match.inliers], given.image_xy[match.inliers]
    return Verification(match.transform, *xy, match.score, len(given.query_xy))


def verify_many(
    query: ImageWords, images: Sequence[int], words: Callable[[int], ImageWords], params: Spatial, workers: WorkerPool
) -> dict[int, Verification]:
    """Returns the verified ones of many images, by id; `words` gives those of an image, `workers` share the images."""

    def one(image: int) -> Verification | None:
        return verify_pair(query, words(image), params)

    found = list(workers.executor.map(one, images))
    return {image: why for image, why in zip(images, found, strict=True) if why is not None}


def evidence(why: Verification, similarity: float) -> float:
    """Returns the evidence for a verified image: inliers times the root of the first look's similarity (0 to 1).

    Neither many matches of common words nor one lucky transform weighs much alone.
    """
    return why.inliers * float(np.sqrt(max(similarity, 0.0)))


class SpatialLook:
    """Verifies the first `top` images, or `small_top`, and ranks them anew; the others keep their order behind them."""

    def __init__(self, params: Spatial, collection: WordCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: ImageWords, ranking: Ranking) -> Ranking:
        """Ranks by inliers, verified images first, or by evidence plus the similarity of the first look.

        The similarity decides between equals and among what is not verified.
        """
        head = [int(image) for image in ranking.ids[: self.params.reach(query.size)]]
        verified = verify_many(query, head, self._collection.words, self.params, self._collection.workers)
        similarity = dict(zip(ranking.ids.tolist(), ranking.scores.astype(np.float64).tolist(), strict=True))
        verified = {i: replace(why, score=evidence(why, similarity[i])) for i, why in verified.items()}
        scores = np.array([self._score(verified.get(i), s) for i, s in similarity.items()], np.float64)
        order = np.argsort(-scores, kind="stable")
        return replace(
            ranking,
            ids=ranking.ids[order],
            scores=scores[order].astype(np.float32),
            verified={**ranking.verified, **verified},
        )

    def _score(self, why: Verification | None, similarity: float) -> float:
        if why is None:
            return similarity
        return similarity + (1.0 + why.inliers if self.params.score == "inliers" else why.score)
