"""Inverted files: search by visual words over posting lists, for bags of words, Hamming embedding and ASMK."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from resight.kernels.compiling import kernel
from resight.search.ranking import Mask, Ranking
from resight.search.selection import NameOrder, best, by_id, is_allowed
from resight.words.asmk import distance_gain, word_weights
from resight.words.bow import add_by_count, count_images, inverse_document_frequency, inverse_norms, term_gain
from resight.words.evidence import ImageWords, WordVector
from resight.words.hamming import (
    add_by_distance,
    add_consistent,
    collect_matches,
    match_weights,
    scale_bins,
    turn_bins,
)
from resight.words.kinds import Asmk, Bow, Hamming
from resight.words.postings import SCALE_ORIGIN, SCALE_STEPS, TURN, WEIGHT_UNIT, Postings, find_lists, run_starts

COUNTS = np.arange(65536)
Floats = NDArray[np.float64]
Array = NDArray[Any]
AddScores = Callable[[Postings, NDArray[np.float32]], None]


@dataclass(frozen=True)
class Block:
    """Postings of n images, their catalogue ids (n,) int64, and which of them have not been removed, (n,) bool."""

    postings: Postings
    ids: NDArray[np.int64]
    alive: Mask


class Scorer(Protocol):
    """What a kind of visual words adds to the common course of a search."""

    idf: bool

    def word_weights(self, frequency: NDArray[np.int64], images: int) -> Floats:
        """(codebook_size,) weight of each word."""
        ...

    def norm_gains(self, weights: Floats, unit: int) -> tuple[Floats, Floats]:
        """The square of an image's norm sums the first by stored count, times the second by word."""
        ...

    def ask(self, query: ImageWords, weights: Floats) -> tuple[AddScores, float]:
        """What adds a query's scores to those of a block, before the images' norms; and the query's norm."""
        ...


class BowScorer:
    """The kernel form of `bow_scores`."""

    def __init__(self, method: Bow) -> None:
        self.idf = method.idf
        self._method = method
        self._gains = {unit: self._gain(COUNTS / unit).astype(np.float32) for unit in (1, WEIGHT_UNIT)}

    def _gain(self, count: Floats) -> Floats:
        gain = term_gain(count, self._method.tf)
        return gain / np.sqrt(np.maximum(count, 1e-300)) if self._method.burstiness else gain

    def word_weights(self, frequency: NDArray[np.int64], images: int) -> Floats:
        return inverse_document_frequency(frequency, images) if self.idf else np.ones(len(frequency))

    def norm_gains(self, weights: Floats, unit: int) -> tuple[Floats, Floats]:
        return term_gain(COUNTS / unit, self._method.tf) ** 2, weights**2

    def ask(self, query: ImageWords, weights: Floats) -> tuple[AddScores, float]:
        return self.ask_vector(self.vector(query, weights), weights)

    def vector(self, image: ImageWords, weights: Floats) -> WordVector:
        """The tf-idf vector of an image, not normalised."""
        starts = run_starts(image.words)
        words = image.words[starts]
        each = np.ones(len(image)) if image.weights is None else image.weights.astype(np.float64)
        frequency = np.add.reduceat(each, starts) if len(starts) else each
        return WordVector(words, term_gain(frequency, self._method.tf) * weights[words])

    def ask_vector(self, query: WordVector, weights: Floats) -> tuple[AddScores, float]:
        """`ask` for a vector in the space of `vector`."""
        factors = (query.values * weights[query.words]).astype(np.float32)

        def add(lists: Postings, scores: NDArray[np.float32]) -> None:
            gain = self._gains[_unit(lists)]
            starts, stops = find_lists(lists.list_words, lists.list_offsets, query.words)
            add_by_count(starts, stops, lists.list_images, lists.payload, factors, gain, scores)

        return add, float(np.linalg.norm(query.values))


class HammingScorer:
    """The kernel form of `hamming_score`."""

    def __init__(self, method: Hamming) -> None:
        self.idf = method.idf
        self._method = method
        self._gain = match_weights(method.bits, method.threshold, method.sigma)

    def word_weights(self, frequency: NDArray[np.int64], images: int) -> Floats:
        return inverse_document_frequency(frequency, images) if self.idf else np.ones(len(frequency))

    def norm_gains(self, weights: Floats, unit: int) -> tuple[Floats, Floats]:
        return (COUNTS / unit) ** 2, weights**2

    def ask(self, query: ImageWords, weights: Floats) -> tuple[AddScores, float]:
        factors = (weights[query.words] ** 2).astype(np.float32)
        counts = np.diff(run_starts(query.words), append=len(query))
        norm = float(np.linalg.norm(counts * weights[query.words[run_starts(query.words)]]))
        signatures = _signatures(query.signatures, self._method.bits)
        if not (self._method.wgc or self._method.burstiness):
            return _by_distance(query.words, signatures, factors, self._gain), norm

        def add(lists: Postings, scores: NDArray[np.float32]) -> None:
            starts, stops = find_lists(lists.list_words, lists.list_offsets, query.words)
            rows, images, features, gains = collect_matches(
                starts, stops, lists.list_images, lists.payload, query.words, signatures, self._gain, lists.words,
                lists.offsets,
            )  # fmt: skip
            gains = gains * factors[rows]
            if self._method.burstiness:
                gains = gains / np.sqrt(_run_lengths(rows, images)).astype(np.float32)
            if not self._method.wgc:
                scores += np.bincount(images, gains, minlength=len(scores)).astype(np.float32)
                return
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

    def word_weights(self, frequency: NDArray[np.int64], images: int) -> Floats:
        return word_weights(frequency, images) if self.idf else np.ones(len(frequency))

    def norm_gains(self, weights: Floats, unit: int) -> tuple[Floats, Floats]:
        return np.ones(len(COUNTS)), weights

    def ask(self, query: ImageWords, weights: Floats) -> tuple[AddScores, float]:
        words = query.words[run_starts(query.words)]
        factors = weights[words].astype(np.float32)
        signatures = _signatures(query.aggregated, self._bits)
        return _by_distance(words, signatures, factors, self._gain), float(np.sqrt(weights[words].sum()))


def _by_distance(words: Array, signatures: Array, factors: Array, gain: Array) -> AddScores:
    def add(lists: Postings, scores: NDArray[np.float32]) -> None:
        starts, stops = find_lists(lists.list_words, lists.list_offsets, words)
        add_by_distance(starts, stops, lists.list_images, lists.payload, signatures, factors, gain, scores)

    return add


def _signatures(found: Array | None, bits: int) -> Array:
    """The query's signatures, once it is known that a kernel may read them."""
    if found is None or found.shape[1] != (bits + 63) // 64:
        raise ValueError(f"the query has no signatures of {bits} bits")
    return found


def _run_lengths(rows: NDArray[np.int32], images: NDArray[np.int32]) -> NDArray[np.int64]:
    """How many matches the query row of each match has in its image; such matches stand together."""
    starts = run_starts(rows.astype(np.int64) << 32 | images)
    lengths = np.diff(starts, append=len(rows))
    return np.repeat(lengths, lengths)


def _unit(lists: Postings) -> int:
    return 1 if lists.weights is None else WEIGHT_UNIT


class PostingRows:
    """Posting lists of several blocks, as one collection of images.

    Document frequencies count the images that are not removed. ValueError: a block of another kind, codebook size or
    length of signature.
    """

    def __init__(
        self, blocks: Sequence[Block], method: Bow | Hamming | Asmk, *, codebook_size: int, bits: int = 0
    ) -> None:
        """`bits`: length of a signature."""
        self.scorer: Scorer
        match method:
            case Bow():
                self.scorer = BowScorer(method)
            case Hamming():
                self.scorer = HammingScorer(method)
            case Asmk():
                self.scorer = AsmkScorer(method, bits)
        layout = (method.kind, codebook_size, bits)
        for block in blocks:
            lists = block.postings
            if (lists.kind, lists.codebook_size, lists.bits) != layout:
                raise ValueError(f"postings are {(lists.kind, lists.codebook_size, lists.bits)}, not {layout}")
        self.blocks = tuple(blocks)
        self.kind, self.codebook_size = method.kind, codebook_size

    def __len__(self) -> int:
        """Number of images that are not removed."""
        return sum(int(block.alive.sum()) for block in self.blocks)

    def exact(self, names: NameOrder) -> InvertedFile:
        """Every image with a word of the query is scored."""
        return InvertedFile(self, names)

    def list_lengths(self) -> NDArray[np.int64]:
        """(codebook_size,) entries of the posting list of each word, also those of removed images: what it costs."""
        lengths = np.zeros(self.codebook_size, np.int64)
        for block in self.blocks:
            lengths[block.postings.list_words] += np.diff(block.postings.list_offsets)
        return lengths

    @cached_property
    def weights(self) -> Floats:
        """(codebook_size,) weight of each word."""
        frequency = np.zeros(self.codebook_size, np.int64)
        for block in self.blocks if self.scorer.idf else ():
            counted = np.zeros_like(frequency)
            count_images(block.postings.words, block.postings.offsets, block.alive, counted)
            frequency += counted
        return self.scorer.word_weights(frequency, len(self))

    def vector(self, image: ImageWords) -> WordVector:
        """The tf-idf vector of an image, not normalised. ValueError: the words are not bags of words."""
        return self.bags().vector(image, self.weights)

    def bags(self) -> BowScorer:
        """How bags of words are scored. ValueError: the words are others."""
        if not isinstance(self.scorer, BowScorer):
            raise ValueError(f'"{self.kind}" has no vectors over words; only bags of words have')
        return self.scorer


class InvertedFile:
    """Searches posting lists.

    Norms count the images that are not removed. Scores are float32: an image adds a few hundred terms, none negative
    unless a vector asks with negative entries, in the order of the query's words, which no split of the images into
    blocks changes.
    """

    def __init__(self, rows: PostingRows, order: NameOrder = by_id) -> None:
        self.rows = rows
        self._order = order
        self._norms = tuple(self._norms_of(block) for block in rows.blocks)

    def search(self, query: ImageWords | WordVector, k: int, allowed: Mask | None = None) -> Ranking:
        """The k best images with a positive score, ties by name; `allowed` is indexed by catalogue id.

        A `WordVector` asks for its cosine with the images' tf-idf vectors. ValueError: it asks words of another kind.
        """
        rows = self.rows
        if isinstance(query, WordVector):
            add, norm = rows.bags().ask_vector(query, rows.weights)
        else:
            add, norm = rows.scorer.ask(query, rows.weights)
        if norm == 0 or not rows.blocks:
            return best(np.empty(0, np.int64), np.empty(0, np.float32), k, self._order)
        found = []
        for block, norms in zip(rows.blocks, self._norms, strict=True):
            visible = block.alive if allowed is None else block.alive & is_allowed(block.ids, allowed)
            scores = np.zeros(len(block.ids), np.float32)
            add(block.postings, scores)
            places = normalise_and_select(scores, norms, visible, k)
            found.append((block.ids[places], scores[places]))
        ids, scores = (np.concatenate(column) for column in zip(*found, strict=True))
        ranking = best(ids, scores, k, self._order)
        # Divided last: a quotient can tie where the scores do not, and which ones are compared depends on the blocks.
        return Ranking(ranking.ids, ranking.scores / np.float32(norm))

    def _norms_of(self, block: Block) -> NDArray[np.float32]:
        lists, scorer = block.postings, self.rows.scorer
        each = np.empty(0, np.uint8) if lists.weights is None else lists.weights
        gain, word_gain = scorer.norm_gains(self.rows.weights, _unit(lists))
        norms: NDArray[np.float32] = inverse_norms(lists.words, each, lists.offsets, block.alive, gain, word_gain)
        return norms


@kernel()
def normalise_and_select(scores: Array, norms: Array, visible: Array, k: int) -> Array:
    """Multiplies scores by norms, in place, and tells the rows of the k best positive ones that are visible.

    All (n,). Rows come in ascending order; those that tie with the last of the k come too. One pass with a heap of the
    k best so far: almost every score is below its least.
    """
    size = min(k, len(scores))
    heap = np.zeros(max(size, 1), np.float32)
    for row in range(len(scores)):
        scores[row] = scores[row] * norms[row] if visible[row] else 0
        if scores[row] > heap[0] and size > 0:
            place = 0
            while 2 * place + 1 < size:
                child = 2 * place + 1
                if child + 1 < size and heap[child + 1] < heap[child]:
                    child += 1
                if heap[child] >= scores[row]:
                    break
                heap[place] = heap[child]
                place = child
            heap[place] = scores[row]
    return np.flatnonzero((scores >= heap[0]) & (scores > 0)) if size > 0 else np.empty(0, np.int64)
