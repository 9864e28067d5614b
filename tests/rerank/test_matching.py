"""Tentative correspondences against loops over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resight.errors import UsageError
from resight.rerank.matching import Matches, match_descriptors, match_signatures, match_words
from resight.words.evidence import ImageWords
from resight.words.instructions import bit_distance


def words_of(
    rng: np.random.Generator, features: int, vocabulary: int, assigned: int = 1, width: int = 1, weighted: bool = False
) -> ImageWords:
    """Random words, sorted, several a feature; few random bits set, so that signatures are near each other."""
    words = np.array([rng.permutation(vocabulary)[:assigned] for _ in range(features)], np.int32).ravel()
    rows = np.repeat(np.arange(features, dtype=np.int32), assigned)
    order = np.lexsort((rows, words))
    bits = rng.random((len(words), 64 * width)) < 0.15
    signatures = np.packbits(bits, axis=1).view(np.uint64)
    weights = rng.uniform(0.1, 1, len(words)).astype(np.float32) if weighted else None
    one = np.ones(features, np.float32)
    return ImageWords(
        words[order], rows[order], np.zeros((features, 2), np.float32), one, one, (9, 9), weights, signatures
    )


def bits_apart(a: np.ndarray, b: np.ndarray) -> int:
    return sum(int(x ^ y).bit_count() for x, y in zip(a.tolist(), b.tolist(), strict=True))


def as_dict(matches: Matches) -> dict[tuple[int, int], float]:
    query, image, similarity = matches
    assert query.dtype == image.dtype == np.int32
    assert similarity.dtype == np.float32
    pairs = list(zip(query.tolist(), image.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    return dict(zip(pairs, similarity.tolist(), strict=True))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 30), st.integers(0, 30), st.integers(3, 40), st.integers(1, 3))
def test_words_are_joined_like_a_loop_joins_them(seed: int, m: int, n: int, vocabulary: int, assigned: int) -> None:
    rng = np.random.default_rng(seed)
    query, image = words_of(rng, m, vocabulary, assigned, weighted=True), words_of(rng, n, vocabulary)
    assert query.weights is not None
    expected: dict[tuple[int, int], float] = {}
    for i in range(len(query)):
        for j in range(len(image)):
            if query.words[i] == image.words[j]:
                pair = int(query.features[i]), int(image.features[j])
                expected[pair] = max(expected.get(pair, 0.0), float(query.weights[i]))
    assert as_dict(match_words(query, image, limit=1000)) == expected


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 64), st.integers(1, 2), st.integers(1, 3))
def test_signatures_are_joined_like_a_loop_joins_them(seed: int, threshold: int, width: int, assigned: int) -> None:
    rng = np.random.default_rng(seed)
    query, image = words_of(rng, 25, 12, assigned, width), words_of(rng, 30, 12, 1, width)
    assert query.signatures is not None
    assert image.signatures is not None
    expected: dict[tuple[int, int], float] = {}
    for i in range(len(query)):
        for j in range(len(image)):
            distance = bits_apart(query.signatures[i], image.signatures[j])
            if query.words[i] == image.words[j] and distance <= threshold:
                pair = int(query.features[i]), int(image.features[j])
                similarity = float(np.float32(1 - 2 * distance / (64 * width)))
                expected[pair] = max(expected.get(pair, -2.0), similarity)
    assert as_dict(match_signatures(query, image, threshold, limit=1000)) == expected


def test_a_burst_gives_no_more_than_its_limit() -> None:
    rng = np.random.default_rng(0)
    query, image = words_of(rng, 100, 1), words_of(rng, 100, 1)
    pairs = as_dict(match_words(query, image))
    assert set(pairs) == {(i, j) for i in range(8) for j in range(8)}


@pytest.mark.parametrize(("m", "n", "kept"), [(3, 100, (3, 21)), (100, 2, (32, 2)), (8, 8, (8, 8)), (9, 9, (8, 8))])
def test_the_image_in_which_a_burst_is_rarer_stays_whole(m: int, n: int, kept: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    query, image, _ = match_words(words_of(rng, m, 1), words_of(rng, n, 1))
    assert (len(set(query.tolist())), len(set(image.tolist()))) == kept


@pytest.mark.parametrize("limit", [1, 7, 64])
def test_a_burst_of_signatures_keeps_the_nearest(limit: int) -> None:
    rng = np.random.default_rng(2)
    query, image = words_of(rng, 40, 1), words_of(rng, 50, 1)
    assert query.signatures is not None
    assert image.signatures is not None
    distances = [
        (bits_apart(query.signatures[i], image.signatures[j]), i, j) for i in range(40) for j in range(50)
    ]  # rows are features here
    expected = {(i, j) for distance, i, j in sorted(distances)[:limit] if distance <= 20}
    assert set(as_dict(match_signatures(query, image, 20, limit))) == expected


def test_signatures_that_cannot_be_compared_are_an_error() -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(UsageError, match="64 and 128 bits"):
        match_signatures(words_of(rng, 3, 2), words_of(rng, 3, 2, width=2), 10)
    bare = words_of(rng, 3, 2)
    bare = ImageWords(bare.words, bare.features, bare.xy, bare.scale, bare.angle, bare.size)
    with pytest.raises(UsageError, match="no signatures"):
        match_signatures(bare, words_of(rng, 3, 2), 10)


def test_hamming_counts_the_bits_that_differ() -> None:
    a, b = np.array([0, 2**64 - 1], np.uint64), np.array([3, 2**63 - 1], np.uint64)
    assert bit_distance(a[None], 0, b) == 3


@pytest.mark.parametrize(("m", "n"), [(1, 1), (7, 1), (1, 7), (60, 80), (80, 60)])
@pytest.mark.parametrize("ratio", [0.7, 0.9, 1.0])
def test_descriptors_match_like_a_loop_matches_them(
    m: int, n: int, ratio: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small blocks, so that neighbours have to be found across them.
    monkeypatch.setattr("resight.rerank.matching.BLOCK", 16)
    rng = np.random.default_rng(m + n)
    query, image = rng.normal(size=(m, 8)), rng.normal(size=(n, 8))
    near = min(m, n) // 2
    query[:near] = image[:near] + 0.2 * rng.normal(size=(near, 8))
    distances = np.linalg.norm(query[:, None] - image[None], axis=2)
    expected = {}
    for i in range(m):
        order = np.argsort(distances[i])
        second = distances[i, order[1]] if n > 1 else np.inf
        if distances[:, order[0]].argmin() == i and distances[i, order[0]] < ratio * second:
            j = int(order[0])
            expected[i, j] = query[i] @ image[j] / np.linalg.norm(query[i]) / np.linalg.norm(image[j])
    found = as_dict(match_descriptors(query.astype(np.float32), image.astype(np.float32), ratio))
    assert found.keys() == expected.keys()
    assert all(found[pair] == pytest.approx(expected[pair], abs=1e-5) for pair in expected)


def test_no_descriptors_match_nothing() -> None:
    empty, some = np.zeros((0, 4), np.float32), np.ones((3, 4), np.float32)
    assert as_dict(match_descriptors(empty, some)) == as_dict(match_descriptors(some, empty)) == {}
    with pytest.raises(UsageError):
        match_descriptors(some, np.ones((3, 5), np.float32))
