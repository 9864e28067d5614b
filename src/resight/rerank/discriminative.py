"""Discriminative query expansion: a linear SVM tells the verified images from the end of the ranking."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from resight.rerank.backprojection import normalised, verified_vectors
from resight.rerank.expansion import ask_again
from resight.rerank.kinds import Discriminative
from resight.search.ranking import Collection, Ranking
from resight.words.evidence import ImageWords, WordVector

Floats = NDArray[np.float64]

TOLERANCE = 1e-6
"""A sweep that moves no margin by more ends the descent."""
SWEEPS = 10_000


@numba.njit(cache=True, nogil=True)
def dual_coordinate_descent(gram: Floats, labels: Floats, c: float) -> Floats:
    """The (n,) dual variables of a linear SVM without bias and with hinge loss, samples in turn.

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
    """The w of a linear SVM that wants w.x + b >= 1 for positives and <= -1 for negatives; b is not needed to rank.

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


class DiscriminativeStage:
    """Discriminative query expansion (Arandjelovic & Zisserman, CVPR 2012, section 3).

    Positive are the query and the verified images, as average expansion takes them; negative the images that the
    first look ranks last. Images are ranked by w.x; those with w.x <= 0 are not found and follow in their former order.
    Evidence is kept. Where nothing is verified the ranking stays.

    Notes: negatives are taken from the later half of everything the first look finds, so that a small collection does
    not give its positives for negatives.
    """

    def __init__(self, params: Discriminative) -> None:
        self.params = params

    def __call__(self, query: object, ranking: Ranking, collection: Collection) -> Ranking:
        """The ranking by distance from the hyperplane."""
        assert isinstance(query, ImageWords), "a recipe is checked to expand over channels of words"
        verified = verified_vectors(query, ranking, collection, self.params.top, self.params.min_inliers)
        if not verified:
            return ranking
        asked = normalised([collection.word_vector(query)])
        weights = separating_vector(
            [*asked, *verified], self._negatives(query, ranking, collection), self.params.regularisation
        )
        return ask_again(weights, ranking, collection)

    def _negatives(self, query: ImageWords, ranking: Ranking, collection: Collection) -> list[WordVector]:
        # The ranking may hold no more than the few images that were asked for: its end need not be that of the search.
        found = collection.search(query, sys.maxsize).ids
        last = [i for i in found[(len(found) + 1) // 2 :].tolist() if i not in ranking.evidence]
        vectors = []
        for image in last[-self.params.negatives :]:
            words = collection.evidence(image)
            assert isinstance(words, ImageWords), "a recipe is checked to expand over channels of words"
            vectors.append(collection.word_vector(words))
        return normalised(vectors)
