"""Shares of words in the cosine of two images, against a loop."""

from __future__ import annotations

import numpy as np
import pytest

from resight.words.evidence import ImageWords, WordVector
from resight.words.shares import word_shares

WEIGHTS = np.array([1.0, 2.0, 0.5, 0.0, 1.5, 1.0])


def image(words: list[int]) -> ImageWords:
    """Returns words at (10, 0), (11, 1), ... in the order in which they are given."""
    order = np.argsort(words, kind="stable")
    m = len(words)
    xy = np.stack([10 + np.arange(m), np.arange(m)], axis=1).astype(np.float32)
    sorted_words = np.array(words, np.int32)[order]
    return ImageWords(sorted_words, order.astype(np.int32), xy, np.ones(m), np.zeros(m), (100, 100))  # type: ignore[arg-type]


def vector(words: ImageWords) -> WordVector:
    present, counts = np.unique(words.words, return_counts=True)
    return WordVector(present, counts * WEIGHTS[present])


def test_shares_are_products_of_the_vectors_and_sum_to_the_cosine() -> None:
    query, hit = image([1, 0, 1, 5, 3, 1]), image([2, 1, 3, 5, 5, 4])
    cosine, found = word_shares(query, hit, vector, 9)
    one, other = (np.bincount(each.words, minlength=6) * WEIGHTS for each in (query, hit))
    products = one * other / np.linalg.norm(one) / np.linalg.norm(other)
    assert cosine == pytest.approx(products.sum())
    # Word 3 weighs nothing, and the others are in one of the two only.
    assert [(share.word, pytest.approx(share.share)) for share in found] == [(1, products[1]), (5, products[5])]
    assert found[0].query_xy.tolist() == [[10, 0], [12, 2], [15, 5]]
    assert found[0].image_xy.tolist() == [[11, 1]]
    assert found[1].image_xy.tolist() == [[13, 3], [14, 4]]
    assert [share.word for share in word_shares(query, hit, vector, 1)[1]] == [1]


def test_an_image_without_words_shares_nothing() -> None:
    assert word_shares(image([]), image([1, 2]), vector, 5) == (0.0, [])
