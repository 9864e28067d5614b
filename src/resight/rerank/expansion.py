"""Query expansion: verified images say what else belongs to the query, and the collection is asked again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from resight.rerank.backprojection import normalised, verified_vectors
from resight.rerank.kinds import Expansion
from resight.search.looks import BagCollection
from resight.search.ranking import Ranking
from resight.words.evidence import ImageWords, WordVector

REACH = 1000
"""Images that the new query may find where the first look found fewer."""


def mean_vector(vectors: Sequence[WordVector]) -> WordVector:
    """Returns the mean of n vectors, zero where a vector lacks a word: (d_1 + ... + d_n) / n."""
    words, where = np.unique(np.concatenate([vector.words for vector in vectors]), return_inverse=True)
    values = np.concatenate([vector.values for vector in vectors])
    return WordVector(words.astype(np.int32), np.bincount(where, values, minlength=len(words)) / len(vectors))


def ask_again(vector: WordVector, ranking: Ranking, collection: BagCollection) -> Ranking:
    """Returns images by their similarity to a new query.

    Images that it does not find follow with score 0 in their former order.
    """
    found = collection.search(vector, max(len(ranking), REACH))
    rest = ranking.ids[~np.isin(ranking.ids, found.ids)]
    scores = np.concatenate([found.scores, np.zeros(len(rest), np.float32)])
    return replace(ranking, ids=np.concatenate([found.ids, rest]), scores=scores)


class ExpansionLook:
    """Average query expansion (Chum et al., ICCV 2007, section 4.2): d_avg = (d_0 + d_1 + ... + d_m) / (m + 1).

    d_0 is the vector of the query, d_i that of the i-th verified image with only the words that project back into the
    query's region, the bounds of its features. Images are ranked by their similarity to d_avg; evidence is kept, and a
    spatial stage after this one puts what it verifies first again. Where nothing is verified the ranking stays.

    Notes: the paper averages normalised term frequencies and weighs words by idf when it searches; here d_i are
    normalised tf-idf vectors, so that an image counts as much as the first look lets it.
    """

    def __init__(self, params: Expansion, collection: BagCollection) -> None:
        self.params = params
        self._collection = collection

    def __call__(self, query: ImageWords, ranking: Ranking) -> Ranking:
        """Returns the ranking for the query and its verified images together."""
        collection = self._collection
        verified = verified_vectors(query, ranking, collection, self.params.top, self.params.min_inliers)
        if not verified:
            return ranking
        asked = normalised([collection.word_vector(query)])
        return ask_again(mean_vector([*asked, *verified]), ranking, collection)
