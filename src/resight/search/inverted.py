"""Inverted files: search by visual words over posting lists, for bags of words, Hamming embedding and ASMK."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.forks import WorkerPool
from resight.kernels.compiling import kernel
from resight.search.ranking import Mask, Ranking
from resight.search.selection import NameOrder, best, by_id, is_allowed
from resight.words.bow import count_images, inverse_norms
from resight.words.evidence import ImageWords, WordVector
from resight.words.methods.of_words import WordsMethod
from resight.words.postings import Postings
from resight.words.scoring import BagScorer, unit_of

Floats = NDArray[np.float64]
Array = NDArray[Any]


@dataclass(frozen=True)
class Block:
    """Postings of n images, their catalogue ids (n,) int64, and which of them have not been removed, (n,) bool."""

    postings: Postings
    ids: NDArray[np.int64]
    alive: Mask


@dataclass(frozen=True)
class _State:
    """What a search reads, replaced as a whole: a search in another thread sees all of a change or nothing."""

    blocks: tuple[Block, ...]
    frequency: NDArray[np.int64]
    weights: Floats
    norms: tuple[NDArray[np.float32], ...]


class InvertedFile:
    """Searches the posting lists of several blocks as one collection.

    Document frequencies and norms count the images that are not removed. Scores are float32: an image adds a few
    hundred terms, none negative unless a vector asks with negative entries, in the order of the query's words, which no
    split of the images into blocks changes.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        method: WordsMethod,
        *,
        codebook_size: int,
        bits: int = 0,
        order: NameOrder = by_id,
        generation: int = 0,
        threads: int = 1,
    ) -> None:
        """`bits`: length of a signature; `order`: see `NameOrder`; `threads` share the blocks of a search."""
        self._scorer = method.scorer(bits)
        self._layout = (method.postings, codebook_size, bits)
        self._order = order
        self._pool = WorkerPool(threads) if threads > 1 else None
        empty = np.zeros(codebook_size, np.int64)
        self._state = _State((), empty, self._scorer.word_weights(empty, 0), ())
        self.apply(blocks, np.empty(0, np.int64), generation)

    def __len__(self) -> int:
        """Number of images that are not removed."""
        return sum(int(block.alive.sum()) for block in self._state.blocks)

    def list_lengths(self) -> NDArray[np.int64]:
        """(codebook_size,) entries of the posting list of each word, also those of removed images: what it costs."""
        lengths = np.zeros(self._layout[1], np.int64)
        for block in self._state.blocks:
            lengths[block.postings.list_words] += np.diff(block.postings.list_offsets)
        return lengths

    def apply(self, added: Sequence[Block], removed: NDArray[np.int64], generation: int) -> None:
        """Takes `removed` ids out, then adds blocks; ids that are not here are ignored. Posting lists are not touched.

        ValueError: a block of another kind, codebook size or length of signature.
        """
        before = self._state
        frequency = before.frequency.copy()
        blocks: list[Block] = []
        norms: list[NDArray[np.float32] | None] = []
        for block, norm in zip(before.blocks, before.norms, strict=True):
            gone = block.alive & np.isin(block.ids, removed)
            if gone.any():
                self._count(block.postings, gone, frequency, -1)
                block = replace(block, alive=block.alive & ~gone)
            blocks.append(block)
            norms.append(None if self._scorer.idf else norm)
        for block in added:
            lists = block.postings
            if (lists.kind, lists.codebook_size, lists.bits) != self._layout:
                raise ValueError(f"postings are {(lists.kind, lists.codebook_size, lists.bits)}, not {self._layout}")
            self._count(lists, block.alive, frequency, 1)
            blocks.append(block)
            norms.append(None)
        images = sum(int(block.alive.sum()) for block in blocks)
        weights = self._scorer.word_weights(frequency, images)
        fresh = (self._norms(b, weights) if n is None else n for b, n in zip(blocks, norms, strict=True))
        self._state = _State(tuple(blocks), frequency, weights, tuple(fresh))
        self.generation = generation

    def vector(self, image: ImageWords) -> WordVector:
        """The tf-idf vector of an image, not normalised. ValueError: the words are not bags of words."""
        return self._bags().vector(image, self._state.weights)

    def search(self, query: ImageWords | WordVector, k: int, allowed: Mask | None = None) -> Ranking:
        """The k best images with a positive score, ties by name; `allowed` is indexed by catalogue id.

        A `WordVector` asks for its cosine with the images' tf-idf vectors. ValueError: it asks words of another kind.
        """
        state = self._state
        if isinstance(query, WordVector):
            add, norm = self._bags().ask_vector(query, state.weights)
        else:
            add, norm = self._scorer.ask(query, state.weights)
        if norm == 0 or not state.blocks:
            return best(np.empty(0, np.int64), np.empty(0, np.float32), k, self._order)

        def scan(at: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            block = state.blocks[at]
            visible = block.alive if allowed is None else block.alive & is_allowed(block.ids, allowed)
            scores = np.zeros(len(block.ids), np.float32)
            add(block.postings, scores)
            rows = normalise_and_select(scores, state.norms[at], visible, k)
            return block.ids[rows], scores[rows]

        found = list((self._pool.executor.map if self._pool else map)(scan, range(len(state.blocks))))
        ids, scores = (np.concatenate(column) for column in zip(*found, strict=True))
        ranking = best(ids, scores, k, self._order)
        # Divided last: a quotient can tie where the scores do not, and which ones are compared depends on the blocks.
        return Ranking(ranking.ids, ranking.scores / np.float32(norm))

    def _bags(self) -> BagScorer:
        if not isinstance(self._scorer, BagScorer):
            raise ValueError(f'"{self._layout[0]}" has no vectors over words; only bags of words have')
        return self._scorer

    def _count(self, lists: Postings, chosen: Mask, frequency: NDArray[np.int64], sign: int) -> None:
        if self._scorer.idf:
            counted = np.zeros_like(frequency)
            count_images(lists.words, lists.offsets, chosen, counted)
            frequency += sign * counted

    def _norms(self, block: Block, weights: Floats) -> NDArray[np.float32]:
        lists = block.postings
        each = np.empty(0, np.uint8) if lists.weights is None else lists.weights
        gain, word_gain = self._scorer.norm_gains(weights, unit_of(lists))
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
