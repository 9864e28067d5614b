"""Visual words: posting lists in the segments, searched by an inverted file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resight.arrays import Array, Arrays, Int64
from resight.channels.channel import SegmentRows
from resight.search.inverted import Block, PostingRows
from resight.words.evidence import ImageWords
from resight.words.postings import Postings, build_postings, merge_postings
from resight.words.soundness import postings_fault
from resight.words.vocabulary import Vocabulary


class WordLayout:
    """Posting lists of the words of a vocabulary, whose method says how they are scored."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._postings = vocabulary.method.postings

    def as_query(self, kept: ImageWords) -> ImageWords:
        """Returns an indexed image as a query."""
        return kept

    def is_nothing(self, query: ImageWords) -> bool:
        """Returns whether a query has nothing that it could be compared by."""
        return len(query) == 0

    def pack(self, images: Sequence[ImageWords]) -> dict[str, Array]:
        """Returns posting lists of a batch."""
        words = self.vocabulary
        return build_postings(images, words.size, self._postings, words.bits, of_maps=words.of_maps).to_arrays()

    def merge(self, segments: Sequence[SegmentRows]) -> dict[str, Array]:
        """Returns posting lists of the live images of several segments."""
        blocks = [Postings.from_arrays(segment.arrays) for segment in segments]
        return merge_postings(blocks, [segment.alive for segment in segments]).to_arrays()

    def live(self, segments: Sequence[SegmentRows]) -> PostingRows:
        """Returns the segments' posting lists, which stay where they are."""
        blocks = [Block(Postings.from_arrays(segment.arrays), segment.ids, segment.alive) for segment in segments]
        vocabulary = self.vocabulary
        return PostingRows(blocks, vocabulary.method, codebook_size=vocabulary.size, bits=vocabulary.bits)

    def evidence(self, arrays: Arrays, row: int) -> ImageWords:
        """Returns the words of one image."""
        return Postings.from_arrays(arrays).image_words(row)

    def fault(self, arrays: Arrays, images: int) -> tuple[str, str] | None:
        """Returns the first array that is not as `pack` makes it; see `ChannelLayout.fault`."""
        words = self.vocabulary
        return postings_fault(arrays, images, self._postings, words.size, words.bits, of_maps=words.of_maps)

    def features_of(self, arrays: Arrays) -> Int64:
        """Returns (n,) number of features of each image."""
        return _counts(arrays["offsets"])

    def words_of(self, arrays: Arrays) -> Int64:
        """Returns (n,) number of distinct words of each image."""
        offsets, words = np.asarray(arrays["offsets"], np.int64), arrays["words"]
        new = np.ones(len(words), np.int64)
        new[1:] = words[1:] != words[:-1]
        starts = offsets[:-1]
        new[starts[starts < len(words)]] = 1
        return _counts(np.concatenate([np.zeros(1, np.int64), np.cumsum(new)])[offsets])


def _counts(offsets: Int64) -> Int64:
    return np.asarray(offsets[1:] - offsets[:-1], np.int64)
