"""Bag of visual words: tf-idf and its cosine, and the kernels over posting lists.

Sivic & Zisserman, "Video Google: a text retrieval approach to object matching in videos", ICCV 2003, section 4.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from resight.arrays import Array, Float64, Integer
from resight.kernels.compiling import kernel
from resight.words.instructions import prefetch_lists
from resight.words.postings import WEIGHT_UNIT

TermFrequency = Literal["raw", "clipped", "sqrt"]


def inverse_document_frequency(document_frequency: Integer, images: int) -> Float64:
    """log(N / n) for each word, (codebook_size,); 0 for a word that no image has.

    document_frequency: (codebook_size,) number of the N = `images` images that have the word.
    """
    found = document_frequency > 0
    return np.where(found, np.log(max(images, 1) / np.where(found, document_frequency, 1)), 0.0)


def term_gain(count: Array, tf: TermFrequency) -> Float64:
    """Returns the gain of a word's number of occurrences (or summed weight): itself, at most 1, or its square root."""
    count = np.asarray(count, np.float64)
    if tf == "clipped":
        return np.asarray(np.minimum(count, 1.0), np.float64)
    return np.asarray(np.sqrt(count) if tf == "sqrt" else count, np.float64)


def burst_gain(gain: Float64, count: Array) -> Float64:
    """Returns the gain of a word's matches, each divided by the root of their number in the image.

    Source: CVPR 2009, section 4.2.
    """
    return np.asarray(gain / np.sqrt(np.maximum(count, 1e-300)), np.float64)


def bow_scores(query: Array, database: Array, idf: Float64, *, tf: TermFrequency, burstiness: bool) -> Float64:
    """Returns the cosine of tf-idf vectors, (n,): the definition that the inverted file computes.

        score_i = sum over w of idf(w)^2 f(q_w) f(x_iw) / sqrt(b_iw) / (|idf f(q)| |idf f(x_i)|)

    f is `term_gain`. b_iw = 1, or with `burstiness` the number x_iw of features of image i that match a query feature
    of word w (Jegou et al., CVPR 2009, section 4.2; the norms stay as they are).
    query: (codebook_size,), database: (n, codebook_size) numbers of occurrences. An empty vector scores 0.
    """
    vectors, asked = term_gain(database, tf) * idf, term_gain(query, tf) * idf
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(asked)
    matched = burst_gain(vectors, database) if burstiness else vectors
    scores: Float64 = np.divide(matched @ asked, norms, out=np.zeros(len(database)), where=norms > 0)
    return scores


@kernel()
def add_by_count(
    starts: Array, stops: Array, list_images: Array, list_counts: Array, factors: Array, gain: Array, scores: Array
) -> None:
    """Adds factors[q] * gain[count] to the score of each image in entries starts[q] to stops[q].

    starts, stops: (q,) from `find_lists`; factors: (q,) float32; gain: (65536,) float32 by stored count;
    scores: (n,) float32.
    """
    ahead = coming = 0
    for q in range(len(starts)):
        ahead, coming = prefetch_lists(starts, stops, list_images, list_counts, ahead, coming)
        coming -= stops[q] - starts[q]
        factor = factors[q]
        for i in range(starts[q], stops[q]):
            scores[list_images[np.uint64(i)]] += factor * gain[list_counts[np.uint64(i)]]


@kernel()
def count_images(words: Array, offsets: Array, chosen: Array, frequency: Array) -> None:
    """Adds 1 to the document frequency of every word of every chosen image.

    words: (m,) ascending in each image, offsets: (n + 1,), chosen: (n,) bool, frequency: (codebook_size,) int64.
    """
    for row in range(len(offsets) - 1):
        if chosen[row]:
            for i in range(offsets[row], offsets[row + 1]):
                if i == offsets[row] or words[i] != words[i - 1]:
                    frequency[words[i]] += 1


@kernel()
def inverse_norms(words: Array, weights: Array, offsets: Array, chosen: Array, gain: Array, word_gain: Array) -> Array:
    """1 / sqrt(sum over words of gain[count] * word_gain[word]), (n,) float32; 0 for an image without words or weight.

    words: (m,) ascending in each image; weights: (m,) uint8 or empty; gain: (65536,), word_gain: (codebook_size,).
    The sum is float64 and in the order of words: it does not depend on how images are split into blocks.
    """
    norms = np.zeros(len(offsets) - 1, np.float32)
    for row in range(len(norms)):
        if not chosen[row]:
            continue
        total, i, stop = 0.0, offsets[row], offsets[row + 1]
        while i < stop:
            first, weight = i, 0
            while i < stop and words[i] == words[first]:
                weight += weights[i] if len(weights) else 0
                i += 1
            count = (weight * WEIGHT_UNIT + 127) // 255 if len(weights) else i - first
            total += gain[min(count, 65535)] * word_gain[words[first]]
        if total > 0:
            norms[row] = 1.0 / np.sqrt(total)
    return norms
