"""Re-ranking by refined global descriptors: images by their neighbours among the top, the query by the best of them."""

from __future__ import annotations

import numpy as np

from resight.arrays import Array, Float32, Vectors
from resight.errors import UsageError
from resight.rerank.head import reordered
from resight.rerank.kinds import SuperGlobal
from resight.rerank.neighbours import smallest
from resight.search.looks import VectorCollection
from resight.search.ranking import Ranking


def refined(descriptors: Array, neighbours: int = 9, beta: float = 0.15) -> Vectors:
    """Returns (m, d) weighted mean of each descriptor, weight 1, and its nearest ones, beta times similarity.

    Not normalised.

    descriptors: (m, d) L2-normalised. Where there are no more than `neighbours` others, all of them count.
    UsageError: not (m, d), values that are not finite, neighbours < 0, beta < 0.

    Notes: negative similarities count as 0; they would make the sum of the weights vanish.
    """
    rows = np.asarray(descriptors, np.float32)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise UsageError(f"descriptors {rows.shape} must be (m, d), all of them finite numbers")
    if neighbours < 0 or not (np.isfinite(beta) and beta >= 0):
        raise UsageError(f"neighbours are {neighbours} and beta is {beta}: neither may be negative")
    similarities = rows @ rows.T
    distances = -similarities
    np.fill_diagonal(distances, np.inf)
    near = smallest(distances, min(neighbours, max(len(rows) - 1, 0)))
    weights = beta * np.maximum(np.take_along_axis(similarities, near, axis=1), 0.0)
    total = rows + np.einsum("mk,mkd->md", weights, rows[near])
    return np.asarray(total / (1.0 + weights.sum(axis=1, keepdims=True)), np.float32)


def superglobal_scores(
    query: Array, descriptors: Array, neighbours: int = 9, beta: float = 0.15
) -> tuple[Vectors, Vectors]:
    """Returns (m,) similarities of the query to the refined images, and (m,) scores.

    Scores are the mean of the similarities and of those of a new query.

    query: (d,); descriptors: (m, d), its nearest images, all L2-normalised. The new query is the largest of each
    component over the neighbours + 1 refined images that are most similar to the query. UsageError as for `refined`.

    Source: Shao, Chen, Karpur, Cui, Araujo & Cao, "Global features are all you need for image retrieval and reranking",
    ICCV 2023, as the authors' code computes it: the new query has no weights of its own.
    """
    images = refined(descriptors, neighbours, beta)
    asked = np.asarray(query, np.float32)
    if asked.shape != images.shape[1:] or not np.isfinite(asked).all():
        raise UsageError(f"the query {asked.shape} must be ({images.shape[1]},), all finite numbers")
    direct = images @ asked
    if not len(images):
        return direct, direct
    best = smallest(-direct[None], min(neighbours + 1, len(images)))[0]
    return direct, np.asarray((direct + images @ images[best].max(axis=0)) / 2.0, np.float32)


class SuperGlobalLook:
    """Ranks the first `top` images by `superglobal_scores`; what comes after keeps its order behind them."""

    def __init__(self, params: SuperGlobal, collection: VectorCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: Float32, ranking: Ranking) -> Ranking:
        """Returns the ranking with another head."""
        near = self._collection.descriptors(ranking.ids[: self.params.top])
        return reordered(ranking, superglobal_scores(query, near, self.params.neighbours, self.params.beta)[1])
