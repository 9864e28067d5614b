"""Inverted files: search by visual words over posting lists, for bags of words, Hamming embedding and ASMK."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from resight.arrays import Array, Float32, Float64, Int64, Mask
from resight.kernels.compiling import kernel
from resight.search.ranking import Ranking
from resight.search.selection import NameOrder, best, by_id, is_allowed
from resight.words.bow import count_images, inverse_norms
from resight.words.evidence import ImageWords, WordVector
from resight.words.methods.of_words import WordsMethod
from resight.words.postings import Postings
from resight.words.scoring import BagScorer, unit_of


@dataclass(frozen=True)
class Block:
    """Postings of n images, their catalogue ids (n,) int64, and which of them have not been removed, (n,) bool."""

    postings: Postings
    ids: Int64
    alive: Mask


class PostingRows:
    """Posting lists of several blocks, as one collection of images.

    Document frequencies count the images that are not removed. ValueError: a block of another kind, codebook size or
    length of signature.
    """

    def __init__(self, blocks: Sequence[Block], method: WordsMethod, *, codebook_size: int, bits: int = 0) -> None:
        """`bits`: length of a signature."""
        self.scorer = method.scorer(bits)
        layout = (method.postings, codebook_size, bits)
        for block in blocks:
            lists = block.postings
            if (lists.kind, lists.codebook_size, lists.bits) != layout:
                raise ValueError(f"postings are {(lists.kind, lists.codebook_size, lists.bits)}, not {layout}")
        self.blocks = tuple(blocks)
        self.kind, self.codebook_size = method.kind, codebook_size

    def __len__(self) -> int:
        """Returns the number of images that are not removed."""
        return sum(int(block.alive.sum()) for block in self.blocks)

    def exact(self, names: NameOrder) -> InvertedFile:
        """Every image with a word of the query is scored."""
        return InvertedFile(self, names)

    def list_lengths(self) -> Int64:
        """Returns (codebook_size,) the number of entries of each word's posting list.

        Entries of removed images count too: the number is what a word costs.
        """
        lengths = np.zeros(self.codebook_size, np.int64)
        for block in self.blocks:
            lengths[block.postings.list_words] += np.diff(block.postings.list_offsets)
        return lengths

    @cached_property
    def weights(self) -> Float64:
        """(codebook_size,) weight of each word."""
        frequency = np.zeros(self.codebook_size, np.int64)
        for block in self.blocks if self.scorer.idf else ():
            counted = np.zeros_like(frequency)
            count_images(block.postings.words, block.postings.offsets, block.alive, counted)
            frequency += counted
        return self.scorer.word_weights(frequency, len(self))

    def vector(self, image: ImageWords) -> WordVector:
        """Returns the tf-idf vector of an image, not normalised. ValueError: the words are not bags of words."""
        return self.bags().vector(image, self.weights)

    def bags(self) -> BagScorer:
        """Returns the scorer of bags of words. ValueError: the words are others."""
        if not isinstance(self.scorer, BagScorer):
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
        """Returns the k best images with a positive score, ties by name; `allowed` is indexed by catalogue id.

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

    def _norms_of(self, block: Block) -> Float32:
        lists, scorer = block.postings, self.rows.scorer
        each = np.empty(0, np.uint8) if lists.weights is None else lists.weights
        gain, word_gain = scorer.norm_gains(self.rows.weights, unit_of(lists))
        norms: Float32 = inverse_norms(lists.words, each, lists.offsets, block.alive, gain, word_gain)
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
    # A loop, because importing what numpy's own would be compiled from takes as long as a search.
    found, count = np.empty(len(scores) if size > 0 else 0, np.int64), 0
    for row in range(len(found)):
        if scores[row] >= heap[0] and scores[row] > 0:
            found[count] = row
            count += 1
    return found[:count]
