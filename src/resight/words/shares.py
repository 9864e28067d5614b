"""Shares of words in the cosine of two bags of words, and where both images have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from resight.arrays import Float32
from resight.words.evidence import ImageWords, WordVector


@dataclass(frozen=True)
class WordShare:
    """The share of one word in the cosine of two images.

    query_xy: (n, 2), image_xy: (m, 2) float32 places of its features, in pixels of the originals.
    """

    word: int
    share: float
    query_xy: Float32
    image_xy: Float32


def word_shares(
    query: ImageWords, image: ImageWords, vector: Callable[[ImageWords], WordVector], count: int
) -> tuple[float, list[WordShare]]:
    """Returns the cosine of two images, and the words that add most to it, at most `count`, the largest share first.

    vector: gives the vector by which images are compared, not normalised. Equal shares are in the order of words.
    """
    one, other = vector(query), vector(image)
    norms = float(np.linalg.norm(one.values) * np.linalg.norm(other.values))
    if norms == 0:
        return 0.0, []
    shared, mine, theirs = np.intersect1d(one.words, other.words, assume_unique=True, return_indices=True)
    shares = one.values[mine] * other.values[theirs] / norms
    order = np.argsort(-shares, kind="stable")[:count]
    told = [
        WordShare(word, share, _places(query, word), _places(image, word))
        for word, share in zip(shared[order].tolist(), shares[order].tolist(), strict=True)
        if share > 0
    ]
    return float(shares.sum()), told


def _places(words: ImageWords, word: int) -> Float32:
    return np.asarray(words.xy[words.features[words.words == word]], np.float32)
