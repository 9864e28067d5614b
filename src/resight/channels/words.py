"""Channels of visual words: posting lists in the segments, searched by an inverted file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resight.channels.channel import Arrays, Rows
from resight.features.extractor import Extractor
from resight.features.local import LocalFeatures
from resight.search.inverted import Block, PostingRows
from resight.words.evidence import ImageWords
from resight.words.kinds import Asmk, Bow, Hamming
from resight.words.postings import Postings, build_postings, merge_postings
from resight.words.soundness import postings_fault
from resight.words.vocabulary import Vocabulary

Fitted = Mapping[str, NDArray[Any]]


class WordsChannel:
    """Features as words of a vocabulary."""

    def __init__(self, extractor: Extractor[Any, LocalFeatures], method: Bow | Hamming | Asmk, fitted: Fitted) -> None:
        self.extractor = extractor
        self.vocabulary = Vocabulary(fitted, method)
        self.size = len(self.vocabulary)

    def encode(self, features: LocalFeatures, size: tuple[int, int]) -> ImageWords:
        """The image's words, one a feature."""
        return self.vocabulary.database_words(features, size)

    def nothing(self) -> ImageWords:
        """What an image without features has."""
        return self.encode(LocalFeatures.none(self.extractor.dimensions), (0, 0))

    def query(self, features: LocalFeatures, size: tuple[int, int]) -> ImageWords:
        """The query's words, as many a feature as the method asks for."""
        return self.vocabulary.query_words(features, size)

    def as_query(self, kept: ImageWords) -> ImageWords:
        """An indexed image as a query."""
        return kept

    def pack(self, images: Sequence[ImageWords]) -> dict[str, NDArray[Any]]:
        """Posting lists of a batch."""
        return build_postings(images, self.size, self.vocabulary.method.kind, self.vocabulary.bits).to_arrays()

    def merge(self, segments: Sequence[Rows]) -> dict[str, NDArray[Any]]:
        """Posting lists of the live images of several segments."""
        blocks = [Postings.from_arrays(segment.arrays) for segment in segments]
        return merge_postings(blocks, [segment.alive for segment in segments]).to_arrays()

    def layout(self, segments: Sequence[Rows]) -> PostingRows:
        """The segments' posting lists, which stay where they are."""
        blocks = [Block(Postings.from_arrays(segment.arrays), segment.ids, segment.alive) for segment in segments]
        vocabulary = self.vocabulary
        return PostingRows(blocks, vocabulary.method, codebook_size=self.size, bits=vocabulary.bits)

    def evidence(self, arrays: Arrays, row: int) -> ImageWords:
        """The words of one image."""
        return Postings.from_arrays(arrays).image_words(row)

    def fault(self, arrays: Arrays, images: int) -> tuple[str, str] | None:
        """The first array that is not as `pack` makes it; see `Channel.fault`."""
        return postings_fault(arrays, images, self.vocabulary.method.kind, self.size, self.vocabulary.bits)

    def features_of(self, arrays: Arrays) -> NDArray[np.int64]:
        """(n,) number of features of each image."""
        return _counts(arrays["offsets"])

    def words_of(self, arrays: Arrays) -> NDArray[np.int64]:
        """(n,) number of distinct words of each image."""
        offsets, words = np.asarray(arrays["offsets"], np.int64), arrays["words"]
        new = np.ones(len(words), np.int64)
        new[1:] = words[1:] != words[:-1]
        starts = offsets[:-1]
        new[starts[starts < len(words)]] = 1
        return _counts(np.concatenate([np.zeros(1, np.int64), np.cumsum(new)])[offsets])


def _counts(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(offsets[1:] - offsets[:-1], np.int64)
