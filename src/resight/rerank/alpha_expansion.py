"""Query expansion that needs no geometry: the query and its nearest images, weighted by similarity or by rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from resight.arrays import Array, Float64, Vector, Vectors
from resight.errors import UsageError
from resight.rerank.backprojection import normalised
from resight.rerank.expansion import REACH, ask_again
from resight.rerank.kinds import AlphaExpansion
from resight.search.looks import BagCollection, RegionCollection, VectorCollection
from resight.search.ranking import Ranking
from resight.words.evidence import ImageWords, WordVector


def similarity_weights(similarities: Array, alpha: float) -> Float64:
    """max(s, 0) ** alpha for similarities s of any shape; all 1 for alpha = 0. UsageError: alpha < 0, not finite."""
    given = np.asarray(similarities, np.float64)
    if not (np.isfinite(alpha) and alpha >= 0):
        raise UsageError(f"alpha is {alpha}: it must be 0 or more")
    if not np.isfinite(given).all():
        raise UsageError("a similarity is not a finite number; look at the descriptors it is of")
    return np.asarray(np.maximum(given, 0.0) ** alpha, np.float64)


def rank_weights(n: int) -> Float64:
    """Returns (n,) weights that fall linearly by rank, n / (n + 1) to 1 / (n + 1).

    The weight of rank 0, the query itself, is 1.
    """
    return 1.0 - np.arange(1, n + 1) / (n + 1)


def expanded_query(query: Array, neighbours: Array, similarities: Array, alpha: float) -> Vector:
    """Returns (d,) L2-normalised q + sum of max(s_i, 0)^alpha x_i: alpha query expansion.

    alpha = 0 is average expansion.

    query: (d,); neighbours: (n, d), its nearest images; similarities: (n,) to the query. Zeros where the sum is zero,
    and where the query is: it has no nearest images. UsageError: shapes that do not go together, alpha < 0, values that
    are not finite.

    Source: Radenovic, Tolias & Chum, "Fine-tuning CNN image retrieval with no human annotation", TPAMI 2019;
    average: Chum et al., ICCV 2007, without the verification.

    Notes: negative similarities count as 0, so that an odd alpha does not subtract images.
    """
    weights = similarity_weights(similarities, alpha)
    return _weighted_sum(query, neighbours, weights)


def rank_weighted_query(query: Array, neighbours: Array) -> Vector:
    """Returns (d,) L2-normalised q + sum of w_i x_i, where w_i falls linearly with the rank.

    The weights are those of `rank_weights`.

    query: (d,); neighbours: (n, d), nearest first. Zeros as for `expanded_query`. UsageError: shapes that do not go
    together, values not finite.

    Source: the weights that follow Arandjelovic & Zisserman, CVPR 2012, in later work: (k - r) / k for rank r of k.
    """
    return _weighted_sum(query, neighbours, rank_weights(len(neighbours)))


def expanded_vector(
    query: WordVector, neighbours: Sequence[WordVector], similarities: Array, alpha: float
) -> WordVector:
    """`expanded_query` for vectors over words. A query without weight stays as it is. UsageError as there."""
    weights = similarity_weights(similarities, alpha)
    if weights.shape != (len(neighbours),):
        raise UsageError(f"{len(neighbours)} neighbours have similarities of shape {weights.shape}")
    if not query.values.any():
        return query
    parts = [(1.0, query), *zip(weights.tolist(), neighbours, strict=True)]
    words, where = np.unique(np.concatenate([vector.words for _, vector in parts]), return_inverse=True)
    values = np.concatenate([weight * vector.values for weight, vector in parts])
    total = np.bincount(where, values, minlength=len(words)).astype(np.float64, copy=False)
    norm = float(np.linalg.norm(total))
    return WordVector(words.astype(np.int32), total / norm if norm > 0 else total)


def expanded_regions(query: Array, neighbours: Sequence[Array], alpha: float) -> Vectors:
    """Returns (r, d) `expanded_query` of each region of a query by the most similar region of each of some images.

    query: (r, d); neighbours: (r_i, d) regions of each image, L2-normalised; one without regions joins nothing.
    UsageError as for `expanded_query`.

    Source: Salvador, Giro-i-Nieto, Marques & Satoh, "Faster R-CNN features for instance search", CVPR 2016 workshops,
    for alpha = 0 and one region, the box of the query: the regions in which the first images show it join it.
    """
    given = np.asarray(query, np.float32)
    seen = [np.asarray(one, np.float32) for one in neighbours if len(one)]
    found = np.zeros_like(given)
    for row, region in enumerate(given):
        alike = [one @ region for one in seen]
        near = np.stack([one[int(own.argmax())] for one, own in zip(seen, alike, strict=True)]) if seen else given[:0]
        found[row] = expanded_query(region, near, np.array([own.max() for own in alike]), alpha)
    return found


def _weighted_sum(query: Array, neighbours: Array, weights: Float64) -> Vector:
    """Returns (d,) L2-normalised q + sum of w_i x_i, or zeros."""
    own, near = np.asarray(query, np.float64), np.asarray(neighbours, np.float64)
    if own.ndim != 1 or near.shape != (*weights.shape, len(own)) or weights.ndim != 1:
        raise UsageError(
            f"a query {own.shape}, neighbours {near.shape} and weights {weights.shape} do not go together: they are "
            "(d,), (n, d) and (n,)"
        )
    # A query without features is similar to none: with alpha = 0 it would become the mean of whatever comes first.
    total = own + weights @ near if own.any() else own
    norm = np.linalg.norm(total)
    if not np.isfinite(norm):
        raise UsageError("a descriptor has a value that is not a finite number")
    return np.asarray(total / norm if norm > 0 else total, np.float32)


class AlphaExpansionLook:
    """Asks a collection of one vector an image again with `expanded_query` of the first `top` images."""

    def __init__(self, params: AlphaExpansion, collection: VectorCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: Vector, ranking: Ranking) -> Ranking:
        """Returns the images nearest to the new query, at least as many as before; evidence is kept."""
        top = ranking.ids[: self.params.top]
        near = self._collection.descriptors(top)
        # The scores of a stage before this one need not be similarities.
        asked = expanded_query(query, near, near @ query, self.params.alpha)
        found = self._collection.search(asked, max(len(ranking), REACH))
        return replace(ranking, ids=found.ids, scores=found.scores)


class RegionsAlphaExpansionLook:
    """Asks a collection of regions again with `expanded_regions` of the first `top` images."""

    def __init__(self, params: AlphaExpansion, collection: RegionCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: Vectors, ranking: Ranking) -> Ranking:
        """Returns the images nearest to the new regions, at least as many as before; evidence is kept."""
        if not len(query):
            return ranking
        near = [self._collection.evidence(image) for image in ranking.ids[: self.params.top].tolist()]
        asked = expanded_regions(query, near, self.params.alpha)
        found = self._collection.search(asked, max(len(ranking), REACH))
        return replace(ranking, ids=found.ids, scores=found.scores)


class WordsAlphaExpansionLook:
    """Asks a collection of bags of words again with `expanded_vector` of the first `top` images, verified or not."""

    def __init__(self, params: AlphaExpansion, collection: BagCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: ImageWords, ranking: Ranking) -> Ranking:
        """Returns images by their similarity to the new query; what it does not find follows with score 0."""
        collection = self._collection
        asked = normalised([collection.word_vector(query)])
        if not asked:
            return ranking
        top = ranking.ids[: self.params.top].tolist()
        near = normalised([collection.word_vector(collection.words(image)) for image in top])
        similarities = np.array([_inner_product(asked[0], vector) for vector in near])
        return ask_again(expanded_vector(asked[0], near, similarities, self.params.alpha), ranking, collection)


def _inner_product(one: WordVector, other: WordVector) -> float:
    _, left, right = np.intersect1d(one.words, other.words, assume_unique=True, return_indices=True)
    return float(one.values[left] @ other.values[right])
