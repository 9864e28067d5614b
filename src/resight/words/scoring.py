"""What each method of visual words adds to the common course of a search over posting lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from resight.arrays import Array, Float32, Float64, Int32, Int64
from resight.words.asmk import distance_gain, word_weights
from resight.words.bow import add_by_count, inverse_document_frequency
from resight.words.evidence import ImageWords, WordVector
from resight.words.hamming import (
    add_by_distance,
    add_consistent,
    collect_matches,
    find_features,
    match_weights,
    matched_again,
    scale_bins,
    turn_bins,
)
from resight.words.methods.asmk import Asmk
from resight.words.methods.hamming import Hamming
from resight.words.methods.of_words import BagOfWords
from resight.words.postings import SCALE_ORIGIN, SCALE_STEPS, TURN, WEIGHT_UNIT, Postings, find_lists, run_starts

COUNTS = np.arange(65536)
AddScores = Callable[[Postings, Float32], None]


class Scorer(Protocol):
    """The scoring of one kind of visual words in a search."""

    idf: bool
    """Whether weights depend on how many images have a word, so that they are counted."""

    def word_weights(self, frequency: Int64, images: int) -> Float64:
        """Returns (codebook_size,) weight of each word."""
        ...

    def norm_gains(self, weights: Float64, unit: int) -> tuple[Float64, Float64]:
        """Returns the square of an image's norm sums the first by stored count, times the second by word."""
        ...

    def ask(self, query: ImageWords, weights: Float64) -> tuple[AddScores, float]:
        """Returns a function that adds a query's scores to those of a block, before norms; and the query's norm."""
        ...


class BagScorer:
    """Bags of words by any weighting; of tf-idf, the kernel form of `bow_scores`."""

    def __init__(self, method: BagOfWords) -> None:
        self.idf = method.is_counted
        self._method = method
        self._gains = {unit: method.matched_gain(COUNTS / unit).astype(np.float32) for unit in (1, WEIGHT_UNIT)}

    def word_weights(self, frequency: Int64, images: int) -> Float64:
        """Returns (codebook_size,) the weight of each word."""
        return self._method.word_weights(frequency, images)

    def norm_gains(self, weights: Float64, unit: int) -> tuple[Float64, Float64]:
        """Returns what `Scorer.norm_gains` describes."""
        return self._method.count_gain(COUNTS / unit) ** 2, weights**2

    def ask(self, query: ImageWords, weights: Float64) -> tuple[AddScores, float]:
        """Returns a function that adds the scores of a query, and the norm of the query."""
        return self.ask_vector(self.vector(query, weights), weights)

    def vector(self, image: ImageWords, weights: Float64) -> WordVector:
        """Returns the tf-idf vector of an image, not normalised."""
        starts = run_starts(image.words)
        words = image.words[starts]
        each = np.ones(len(image)) if image.weights is None else image.weights.astype(np.float64)
        frequency = np.add.reduceat(each, starts) if len(starts) else each
        return WordVector(words, self._method.count_gain(frequency) * weights[words])

    def ask_vector(self, query: WordVector, weights: Float64) -> tuple[AddScores, float]:
        """`ask` for a vector in the space of `vector`."""
        factors = (query.values * weights[query.words]).astype(np.float32)

        def add(lists: Postings, scores: Float32) -> None:
            gain = self._gains[unit_of(lists)]
            starts, stops = find_lists(lists.list_words, lists.list_offsets, query.words)
            add_by_count(starts, stops, lists.list_images, lists.payload, factors, gain, scores)

        return add, float(np.linalg.norm(query.values))


class HammingScorer:
    """The kernel form of `hamming_score`."""

    def __init__(self, method: Hamming) -> None:
        self.idf = method.idf
        self._method = method
        self._gain = match_weights(method.bits, method.threshold, method.sigma)

    def word_weights(self, frequency: Int64, images: int) -> Float64:
        """Returns (codebook_size,) the weight of each word."""
        return inverse_document_frequency(frequency, images) if self.idf else np.ones(len(frequency))

    def norm_gains(self, weights: Float64, unit: int) -> tuple[Float64, Float64]:
        """Returns what `Scorer.norm_gains` describes."""
        return (COUNTS / unit) ** 2, weights**2

    def ask(self, query: ImageWords, weights: Float64) -> tuple[AddScores, float]:
        """Returns a function that adds the scores of a query, and the norm of the query."""
        factors = (weights[query.words] ** 2).astype(np.float32)
        counts = np.diff(run_starts(query.words), append=len(query))
        norm = float(np.linalg.norm(counts * weights[query.words[run_starts(query.words)]]))
        signatures = _signatures(query.signatures, self._method.bits)
        if not (self._method.wgc or self._method.burstiness):
            return _by_distance(query.words, signatures, factors, self._gain), norm

        def add(lists: Postings, scores: Float32) -> None:
            starts, stops = find_lists(lists.list_words, lists.list_offsets, query.words)
            rows, entries, images, gains = collect_matches(
                starts, stops, lists.list_images, lists.payload, signatures, self._gain
            )
            gains = gains * factors[rows]
            if self._method.burstiness:
                gains = gains / np.sqrt(_run_lengths(rows, images)).astype(np.float32)
            if not self._method.wgc:
                scores += np.bincount(images, gains, minlength=len(scores)).astype(np.float32)
                return
            # A match that is the only one of its image agrees with itself: most are, and their geometry is not read.
            again = matched_again(images, len(scores))
            scores[images[~again]] += gains[~again]
            rows, entries, images, gains = rows[again], entries[again], images[again], gains[again]
            features = find_features(
                entries, images, query.words[rows], starts[rows], lists.list_images, lists.words, lists.offsets
            )
            assert lists.angle is not None, "only positions of maps have none, and no signatures either"
            asked = query.features[rows]
            turns = turn_bins(query.angle[asked] - lists.angle[features] * (TURN / 256))
            octaves = np.log2(query.scale[asked].astype(np.float64)) - SCALE_ORIGIN
            ratios = scale_bins(octaves - lists.scale[features] / SCALE_STEPS)
            order = np.argsort(images, kind="stable")
            add_consistent(images[order], gains[order], turns[order], ratios[order], scores)

        return add, norm


class AsmkScorer:
    """The kernel form of `asmk_score` with `sign_similarity`."""

    def __init__(self, method: Asmk, bits: int) -> None:
        self.idf = method.idf
        self._bits = bits
        self._gain = distance_gain(bits, method.alpha, method.threshold)

    def word_weights(self, frequency: Int64, images: int) -> Float64:
        """Returns (codebook_size,) the weight of each word."""
        return word_weights(frequency, images) if self.idf else np.ones(len(frequency))

    def norm_gains(self, weights: Float64, unit: int) -> tuple[Float64, Float64]:
        """Returns what `Scorer.norm_gains` describes."""
        return np.ones(len(COUNTS)), weights

    def ask(self, query: ImageWords, weights: Float64) -> tuple[AddScores, float]:
        """Returns a function that adds the scores of a query, and the norm of the query."""
        words = query.words[run_starts(query.words)]
        factors = weights[words].astype(np.float32)
        signatures = _signatures(query.aggregated, self._bits)
        return _by_distance(words, signatures, factors, self._gain), float(np.sqrt(weights[words].sum()))


def _by_distance(words: Array, signatures: Array, factors: Array, gain: Array) -> AddScores:
    def add(lists: Postings, scores: Float32) -> None:
        starts, stops = find_lists(lists.list_words, lists.list_offsets, words)
        add_by_distance(starts, stops, lists.list_images, lists.payload, signatures, factors, gain, scores)

    return add


def _signatures(found: Array | None, bits: int) -> Array:
    """Returns the query's signatures, once it is known that a kernel may read them."""
    if found is None or found.shape[1] != (bits + 63) // 64:
        raise ValueError(f"the query has no signatures of {bits} bits")
    return found


def _run_lengths(rows: Int32, images: Int32) -> Int64:
    """Returns the number of matches of each match's query row in its image; such matches stand together."""
    starts = run_starts(rows.astype(np.int64) << 32 | images)
    lengths = np.diff(starts, append=len(rows))
    return np.repeat(lengths, lengths)


def unit_of(lists: Postings) -> int:
    """Returns the stored count that stands for one feature."""
    return 1 if lists.weights is None else WEIGHT_UNIT
