"""Discriminative query expansion: a linear SVM tells the verified images from the end of the ranking."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from resight.arrays import Array, Float32, Float64
from resight.errors import UsageError
from resight.kernels.compiling import kernel
from resight.rerank.backprojection import normalised, verified_vectors
from resight.rerank.expansion import REACH, ask_again
from resight.rerank.kinds import Discriminative
from resight.search.looks import BagCollection, VectorCollection
from resight.search.ranking import Ranking
from resight.words.evidence import ImageWords, WordVector

TOLERANCE = 1e-6
"""A sweep that moves no margin by more ends the descent."""
SWEEPS = 10_000


@kernel()
def dual_coordinate_descent(gram: Float64, labels: Float64, c: float) -> Float64:
    """Returns the (n,) dual variables of a linear SVM without bias and with hinge loss, samples in turn.

        min over w of |w|^2 / 2 + c sum_i max(0, 1 - y_i w.x_i),   w = sum_i alpha_i y_i x_i,   0 <= alpha_i <= c

    gram: (n, n) inner products of the samples; labels: (n,) y, 1 or -1.
    Hsieh et al., A dual coordinate descent method for large-scale linear SVM, ICML 2008, algorithm 1.
    """
    alpha, outputs = np.zeros(len(labels)), np.zeros(len(labels))
    for _ in range(SWEEPS):
        moved = 0.0
        for i in range(len(labels)):
            if gram[i, i] <= 0:
                continue
            best = alpha[i] - (labels[i] * outputs[i] - 1) / gram[i, i]
            step = min(max(best, 0.0), c) - alpha[i]
            alpha[i] += step
            outputs += step * labels[i] * gram[i]
            moved = max(moved, abs(step) * gram[i, i])
        if moved < TOLERANCE:
            break
    return alpha


def separating_vector(positives: Sequence[WordVector], negatives: Sequence[WordVector], c: float) -> WordVector:
    """Returns the w of a linear SVM that wants w.x + b >= 1 for positives and <= -1 for negatives.

    Ranking needs no b.

    Notes: b is the weight of a feature that is 1 everywhere and is regularised with w (Hsieh et al., section 1).
    """
    vectors = [*positives, *negatives]
    labels = np.repeat([1.0, -1.0], [len(positives), len(negatives)])
    words, columns = np.unique(np.concatenate([vector.words for vector in vectors]), return_inverse=True)
    values = np.concatenate([vector.values for vector in vectors])
    offsets = np.cumsum([0, *(len(vector) for vector in vectors)])
    samples = csr_array((values, columns, offsets), shape=(len(vectors), len(words)))
    gram = np.ascontiguousarray((samples @ samples.T).toarray() + 1.0)
    weights = samples.T @ (dual_coordinate_descent(gram, labels, c) * labels)
    return WordVector(words.astype(np.int32), np.asarray(weights, np.float64))


def separating_descriptor(positives: Array, negatives: Array, c: float) -> Float32:
    """`separating_vector` of dense vectors: (d,) L2-normalised w, with positives (p, d), p > 0, and negatives (n, d).

    UsageError: shapes that do not go together, no positives, values that are not finite, c <= 0.
    """
    if np.ndim(positives) != 2 or np.shape(negatives)[1:] != np.shape(positives)[1:] or not len(positives):
        raise UsageError(
            f"positives {np.shape(positives)} and negatives {np.shape(negatives)} must be (p, d), p > 0, and (n, d)"
        )
    samples = np.concatenate([positives, negatives]).astype(np.float64)
    if not np.isfinite(samples).all() or not (np.isfinite(c) and c > 0):
        raise UsageError(f"a descriptor has a value that is not a finite number, or C = {c} is not above 0")
    labels = np.repeat([1.0, -1.0], [len(positives), len(negatives)])
    weights = samples.T @ (dual_coordinate_descent(samples @ samples.T + 1.0, labels, c) * labels)
    norm = np.linalg.norm(weights)
    return np.asarray(weights / norm if norm > 0 else weights, np.float32)


class DiscriminativeLook:
    """Discriminative query expansion (Arandjelovic & Zisserman, CVPR 2012, section 3).

    Positive are the query and the verified images, as average expansion takes them; negative the images that the
    first look ranks last. Images are ranked by w.x; those with w.x <= 0 are not found and follow in their former order.
    Evidence is kept. Where nothing is verified the ranking stays.

    Notes: negatives are taken from the later half of everything the first look finds, so that a small collection does
    not give its positives for negatives.
    """

    def __init__(self, params: Discriminative, collection: BagCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: ImageWords, ranking: Ranking) -> Ranking:
        """Returns the ranking by distance from the hyperplane."""
        collection = self._collection
        verified = verified_vectors(query, ranking, collection, self.params.top, self.params.min_inliers)
        if not verified:
            return ranking
        asked = normalised([collection.word_vector(query)])
        weights = separating_vector([*asked, *verified], self._negatives(query, ranking), self.params.regularisation)
        return ask_again(weights, ranking, collection)

    def _negatives(self, query: ImageWords, ranking: Ranking) -> list[WordVector]:
        collection = self._collection
        # The ranking may hold no more than the few images that were asked for: its end need not be that of the search.
        found = collection.search(query, sys.maxsize).ids
        last = [i for i in found[(len(found) + 1) // 2 :].tolist() if i not in ranking.verified]
        return normalised([collection.word_vector(collection.words(i)) for i in last[-self.params.negatives :]])


class VectorDiscriminativeLook:
    """Discriminative query expansion of one vector an image, after Arandjelovic & Zisserman, CVPR 2012, section 3.

    Positive are the query and the first `top` images, negative the images that the first look ranks last. Images are
    ranked by w.x, for a w of length 1; verifications are kept.

    Notes: the paper's positives are verified, these are not. Negatives are taken from the later half of what the first
    look finds, as on words, and positives are not.
    """

    def __init__(self, params: Discriminative, collection: VectorCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: Float32, ranking: Ranking) -> Ranking:
        """Returns the ranking by distance from the hyperplane, at least as many images as before."""
        collection = self._collection
        found = collection.search(query, sys.maxsize).ids
        later = found[(len(found) + 1) // 2 :]
        top = ranking.ids[: self.params.top]
        weights = separating_descriptor(
            np.concatenate([query[None], collection.descriptors(top[~np.isin(top, later)])]),
            collection.descriptors(later[-self.params.negatives :]),
            self.params.regularisation,
        )
        again = collection.search(weights, max(len(ranking), REACH))
        return replace(ranking, ids=again.ids, scores=again.scores)
